/** Whose file is whose: packages by the `package.json` above a file. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { CommandError, messageOf } from "./errors.js";

/** A package: its directory and what its `package.json` says of it. */
export interface Package {
  readonly directory: string;
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** The nearest package above a file; undefined when there is none. */
export function packageOf(file: string): Package | undefined {
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    const found = packageIn(directory);
    // Packages mark folders as ES modules or CommonJS with a package.json that has no name.
    if (found && (found.name !== undefined || !directory.includes(`${sep}node_modules${sep}`))) {
      return found;
    }
    if (directory === dirname(directory)) return undefined;
  }
}

const known = new Map<string, Package | undefined>();

function packageIn(directory: string): Package | undefined {
  if (!known.has(directory)) known.set(directory, readPackage(directory));
  return known.get(directory);
}

function readPackage(directory: string): Package | undefined {
  const file = join(directory, "package.json");
  if (!existsSync(file)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CommandError(`${file} is not JSON: ${messageOf(error)}`);
  }
  const { name, version } = (content ?? {}) as Record<string, unknown>;
  return { directory, name: textOrNone(name), version: textOrNone(version) };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The directory of the plugin's project: the nearest with a `package.json`, or that of the file. */
export function projectOf(entry: string): string {
  return packageOf(entry)?.directory ?? dirname(entry);
}

/** Whether a file was installed and not written by the author. */
export function isInstalled(file: string): boolean {
  return file.split(sep).includes("node_modules");
}

/** A path as people like to read it: from the working directory when it is below it. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}
