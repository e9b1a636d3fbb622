/** A folder as a `.tar.gz`, the same bytes for the same files. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CommandError } from "./errors.js";

const BLOCK = 512;

/** Packs every file below `folder`. */
export function packFolder(folder: string): Buffer {
  const parts = filesBelow(folder).flatMap((name) => entry(name, readFileSync(join(folder, name))));
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), { level: 9 });
}

/**
 * The files below a folder by their paths from it, sorted. Links to files count as files; those to
 * directories are not followed.
 */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
    .sort();
}

function entry(name: string, content: Buffer): Buffer[] {
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return [header(name, content.length), content, padding];
}

/** A header of the format ustar. */
function header(name: string, size: number): Buffer {
  const [prefix, rest] = split(name);
  const block = Buffer.alloc(BLOCK);
  block.write(rest, 0);
  block.write("0000644\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0", 136);
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar\u000000", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A path as the two fields there are for it: 155 bytes of directories, 100 of the rest. */
function split(name: string): [prefix: string, rest: string] {
  if (Buffer.byteLength(name) <= 100) return ["", name];
  for (let at = name.indexOf("/"); at > 0; at = name.indexOf("/", at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(prefix) > 155) break;
    if (Buffer.byteLength(rest) <= 100) return [prefix, rest];
  }
  throw new CommandError(`the path ${name} is too long for the archive of the user interface`);
}
