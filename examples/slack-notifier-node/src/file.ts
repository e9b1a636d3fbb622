/** A value in a JSON file of its own. */

import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { z } from "zod";
import { damage, first } from "./explain.js";

/** What went wrong with a file. The file's content is never part of it: it may hold a secret. */
export class FileError extends Error {
  override readonly name = "FileError";
}

/** Reads a value; undefined when there is no file yet. Rejects with a `FileError`. */
export async function load<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      return undefined;
    }
    throw new FileError(`cannot read ${path}: ${why(error)}`);
  }
  if (!isUtf8(bytes)) {
    throw damaged(path, "a byte that is no UTF-8");
  }
  const found = schema.safeParse(parsed(path, bytes.toString()));
  if (!found.success) {
    throw damaged(path, first(found.error).field || "its outermost value");
  }
  return found.data;
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path, damage(text));
  }
}

/**
 * Writes a value whole or not at all, readable for the plugin's own user only. Rejects with a
 * `FileError`.
 */
export async function save(path: string, value: unknown): Promise<void> {
  // Beside the file, so that it can take its place in one step.
  const beside = join(dirname(path), `.${basename(path)}-${randomUUID()}`);
  try {
    await write(beside, JSON.stringify(value, null, 2));
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw new FileError(`cannot write ${path}: ${why(error)}`);
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function damaged(path: string, place: string): FileError {
  return new FileError(`${path} is damaged at ${place}: mend it, or remove it to start afresh`);
}

/** What the system says, such as `EACCES: permission denied`; Node goes on with the paths. */
function why(error: unknown): string {
  return error instanceof Error ? (error.message.split(",")[0] ?? error.name) : String(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
