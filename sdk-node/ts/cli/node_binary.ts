/** The `node` an executable is made from. */

import { spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { elfNeeds } from "./elf.js";
import { CommandError, messageOf } from "./errors.js";

/** A sentence in every `node` that can become an executable of its own; a number follows it. */
export const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
/** The first releases whose executables can hold files beside the main script. */
const OLDEST = { 20: 12, 21: 7 } as Record<number, number>;

/** A `node` that can become an executable of its own. */
export interface NodeBinary {
  readonly path: string;
  /** Such as `20.12.0`. */
  readonly version: string;
  /** Such as `linux`. */
  readonly platform: string;
  /** Such as `x64`. */
  readonly arch: string;
  /** The C library, on Linux. */
  readonly libc: "gnu" | "musl" | undefined;
}

/** Checks a `node`, the running one if none is given. Throws a `CommandError` if it will not do. */
export function inspectNode(given: string | undefined): NodeBinary {
  const path = given ?? process.execPath;
  const facts = given === undefined ? ownFacts() : askedFacts(given);
  const { version, platform, arch } = facts;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 20 || minor < (OLDEST[major] ?? 0)) {
    throw new CommandError(
      `${path} is Node.js ${version}; an executable can be made from 20.12 and later; ` +
        "name another one with --node",
    );
  }
  if (platform !== "linux" && platform !== "darwin") {
    throw new CommandError(`plugins run on Linux and macOS, and ${path} is for ${platform}`);
  }
  checkFuse(path);
  const loader = elfNeeds(path)?.loader;
  const libc = platform !== "linux" ? undefined : loader?.includes("musl") ? "musl" : "gnu";
  return { path: realpathSync(path), version, platform, arch, libc };
}

interface Facts {
  version: string;
  platform: string;
  arch: string;
}

function ownFacts(): Facts {
  const { arch, platform, versions } = process;
  return { arch, platform, version: versions.node };
}

function askedFacts(path: string): Facts {
  const code =
    "const { arch, platform, versions } = process;" +
    "console.log(JSON.stringify({ arch, platform, version: versions.node }))";
  const { error, stdout, stderr, status } = spawnSync(path, ["-e", code], {
    encoding: "utf8",
    env: {},
    timeout: 30_000,
  });
  if (error) throw new CommandError(`--node ${path} does not run here: ${messageOf(error)}`);
  try {
    return JSON.parse(stdout) as Facts;
  } catch {
    const said = `${stdout}${stderr}`.trim().slice(0, 200);
    throw new CommandError(
      `--node ${path} is no Node.js: exit status ${status}, ${said || "no output"}`,
    );
  }
}

function checkFuse(path: string): void {
  const file = readFileSync(path);
  const at = file.indexOf(`${FUSE}:`);
  if (at < 0) {
    throw new CommandError(
      `${path} cannot become an executable of its own: it was built without that ability, or keeps ` +
        "itself in a shared library, as some distributions do. Name one from nodejs.org with --node",
    );
  }
  if (file.toString("latin1", at + FUSE.length, at + FUSE.length + 2) !== ":0") {
    throw new CommandError(`${path} is an executable that was made from Node.js; name a plain one`);
  }
}
