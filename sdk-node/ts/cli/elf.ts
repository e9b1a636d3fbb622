/** What a program or shared library for Linux needs of the system it runs on. */

import { readFileSync } from "node:fs";

/** Read from the file itself; undefined fields are not said in it. */
export interface ElfNeeds {
  /** The program that loads it, such as `/lib64/ld-linux-x86-64.so.2`; of programs only. */
  readonly loader: string | undefined;
  /** The newest version of the GNU C library it asks for, such as `2.28`. */
  readonly glibc: string | undefined;
  /** The shared libraries it names, such as `libstdc++.so.6`. */
  readonly libraries: readonly string[];
}

const DYNAMIC = 6;
const PROGRAM_INTERPRETER = 3;
const VERSIONS_NEEDED = 0x6ffffffe;
const NEEDED = 1;

interface Section {
  type: number;
  offset: number;
  size: number;
  link: number;
}

/** Reads the needs of a 64-bit little-endian ELF file; undefined for any other file. */
export function elfNeeds(path: string): ElfNeeds | undefined {
  const file = readFileSync(path);
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt16BE(4) !== 0x0201) {
    return undefined;
  }
  try {
    const sections = sectionsOf(file);
    return {
      loader: loaderOf(file),
      glibc: newestGlibc(file, sections),
      libraries: librariesOf(file, sections),
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function long(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}

function text(file: Buffer, at: number): string {
  return file.toString("latin1", at, file.indexOf(0, at));
}

function sectionsOf(file: Buffer): Section[] {
  const [start, size, count] = [long(file, 40), file.readUInt16LE(58), file.readUInt16LE(60)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: long(file, at + 24),
      size: long(file, at + 32),
      link: file.readUInt32LE(at + 40),
    };
  });
}

function loaderOf(file: Buffer): string | undefined {
  const [start, size, count] = [long(file, 32), file.readUInt16LE(54), file.readUInt16LE(56)];
  for (let at = start; at < start + size * count; at += size) {
    if (file.readUInt32LE(at) === PROGRAM_INTERPRETER) return text(file, long(file, at + 8));
  }
  return undefined;
}

function librariesOf(file: Buffer, sections: Section[]): string[] {
  const dynamic = sections.find(({ type }) => type === DYNAMIC);
  const strings = dynamic && sections[dynamic.link];
  if (!strings) return [];
  const found: string[] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    if (long(file, at) === NEEDED) found.push(text(file, strings.offset + long(file, at + 8)));
  }
  return found;
}

function newestGlibc(file: Buffer, sections: Section[]): string | undefined {
  const needed = sections.find(({ type }) => type === VERSIONS_NEEDED);
  const strings = needed && sections[needed.link];
  if (!strings) return undefined;
  const versions: string[] = [];
  let [at, more] = [needed.offset, true];
  while (more) {
    let entry = at + file.readUInt32LE(at + 8);
    for (let left = file.readUInt16LE(at + 2); left > 0; left--) {
      const name = text(file, strings.offset + file.readUInt32LE(entry + 8));
      if (/^GLIBC_[0-9.]+$/.test(name)) versions.push(name.slice("GLIBC_".length));
      entry += file.readUInt32LE(entry + 12);
    }
    const next = file.readUInt32LE(at + 12);
    at += next;
    more = next !== 0;
  }
  return newest(versions);
}

/** The greatest of versions such as `2.4` and `2.28`, compared number by number. */
export function newest(versions: readonly string[]): string | undefined {
  return [...versions].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}
