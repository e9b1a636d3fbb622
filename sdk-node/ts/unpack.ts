/**
 * What `temps-plugin build` put into the executable: native addons and the user interface.
 *
 * The executable's own start (`ts/cli/prelude.ts`) leaves a list of it under a global symbol, so a
 * plugin that runs from its files pays nothing for this.
 */

/** Where the executable's start leaves what is in it. */
export const EMBEDDED = Symbol.for("temps-plugin.embedded");

/** The asset that is the SDK's own native module. */
export const SDK_ADDON = "temps-plugin:addon";

/** The asset that is the user interface, a `.tar.gz`. */
export const UI_ARCHIVE = "temps-plugin:ui";

/** What is in the executable. */
export interface Embedded {
  /** The bytes of an asset in place, which cannot be written to; undefined when there is none. */
  read(name: string): ArrayBuffer | undefined;
}

function embedded(): Embedded | undefined {
  return (globalThis as { [EMBEDDED]?: Embedded })[EMBEDDED];
}

/** The user interface in the executable as a `.tar.gz`, or undefined when there is none. */
export function embeddedUi(): Uint8Array | undefined {
  return read(UI_ARCHIVE);
}

/** The SDK's own native module, or undefined when this is no executable made by `build`. */
export function unpackedAddon(): unknown {
  return loadEmbeddedAddon(SDK_ADDON);
}

/**
 * Loads a native addon that is in the executable; undefined when it is not.
 *
 * A shared library has to be a file. It is written to a private directory with a name nobody can
 * foresee, and removed as soon as it is loaded, so nothing stays behind.
 *
 * @throws Error when no directory will do; it names each that was tried, and why not.
 */
export function loadEmbeddedAddon(name: string): unknown {
  const bytes = read(name);
  return bytes && loadFrom(bytes, places());
}

function read(name: string): Uint8Array | undefined {
  const bytes = embedded()?.read(name);
  return bytes && new Uint8Array(bytes);
}

/** Loads an addon from the first of `directories` that can hold one. */
export function loadFrom(bytes: Uint8Array, directories: Iterable<string>): unknown {
  const refusals: string[] = [];
  for (const directory of directories) {
    try {
      return loadIn(directory, bytes);
    } catch (error) {
      refusals.push(`${directory}: ${reason(error)}`);
    }
  }
  throw new Error(
    "the native module in this executable cannot be loaded: it has to be unpacked into a " +
      "directory that is writable and not mounted noexec. Set the environment variable TMPDIR " +
      `to one. Tried ${refusals.join("; ")}`,
  );
}

function loadIn(directory: string, bytes: Uint8Array): unknown {
  const { mkdtempSync, rmSync, writeFileSync } = require("node:fs") as typeof import("node:fs");
  const folder = mkdtempSync(`${directory}/temps-plugin-`);
  try {
    const file = `${folder}/addon.node`;
    writeFileSync(file, bytes, { flag: "wx", mode: 0o700 });
    const addon = { exports: {} as unknown };
    process.dlopen(addon, file);
    return addon.exports;
  } finally {
    rmSync(folder, { force: true, recursive: true });
  }
}

/** Directories to unpack into, best first. None of them depends on the environment alone. */
function* places(): Generator<string> {
  const { tmpdir } = require("node:os") as typeof import("node:os");
  const { dirname, resolve } = require("node:path") as typeof import("node:path");
  const tried = new Set<string>();
  const dataDir = argument("--data-dir");
  const all = [tmpdir(), "/var/tmp", "/dev/shm", dataDir, dirname(process.execPath)];
  for (const place of all) {
    const full = place && resolve(place);
    if (!full || tried.has(full)) continue;
    tried.add(full);
    if (place === dataDir) make(full);
    yield full;
  }
}

/** A data directory that is missing is made by the plugin, only later. Failing is told by its use. */
function make(directory: string): void {
  const { mkdirSync } = require("node:fs") as typeof import("node:fs");
  try {
    mkdirSync(directory, { recursive: true });
  } catch {
    return;
  }
}

/** The value of a flag, in either form. Every plugin is told a directory it may write to. */
function argument(flag: string): string | undefined {
  const given = process.argv.slice(2);
  const joined = given.find((one) => one.startsWith(`${flag}=`));
  if (joined !== undefined) return joined.slice(flag.length + 1);
  const at = given.indexOf(flag);
  return at < 0 ? undefined : given[at + 1];
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // Of the file and its directory nothing is left: their names say nothing.
  return text.replace(/^\S*\/temps-plugin-[^:]*: /, "").replace(/, \w+ '[^']*'$/, "");
}
