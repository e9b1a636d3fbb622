/** Making a single executable: Node's own way, from a main script, assets and a `node`. */

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { CommandError, messageOf } from "./errors.js";
import { FUSE, type NodeBinary } from "./node_binary.js";

/** The name of the main script in stack traces. */
const MAIN = "plugin.js";
const BLOB = "plugin.blob";

/** What an executable is made of. */
export interface Parts {
  readonly node: NodeBinary;
  /** Whether to take the symbols out of the copy of `node`. */
  readonly strip: boolean;
  readonly main: string;
  /** Whether V8 may prepare the main script for a faster start. */
  readonly codeCache: boolean;
  /** Files by the names of assets, or their bytes. */
  readonly assets: ReadonlyMap<string, string | Uint8Array>;
  /** The path of postject's main file. */
  readonly postject: string;
}

/** Writes the executable `target`, whole or not at all. */
export function makeExecutable(target: string, parts: Parts): void {
  const work = mkdtempSync(join(tmpdir(), "temps-plugin-build-"));
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}`);
  try {
    const blob = prepareBlob(work, parts);
    copyFileSync(parts.node.path, partial, constants.COPYFILE_FICLONE);
    chmodSync(partial, 0o755);
    if (parts.strip) run("strip", [partial], "--strip");
    signed(partial, parts.node, () => inject(partial, blob, parts));
    renameSync(partial, target);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`cannot write ${target}: ${messageOf(error)}`);
  } finally {
    rmSync(partial, { force: true });
    rmSync(work, { force: true, recursive: true });
  }
}

/** Has `node` put main script and assets into one file, whose path is returned. */
function prepareBlob(work: string, parts: Parts): string {
  const assets: Record<string, string> = {};
  for (const [name, content] of parts.assets) {
    const number = Object.keys(assets).length;
    assets[name] = typeof content === "string" ? content : join(work, `asset-${number}`);
    if (typeof content !== "string") writeFileSync(join(work, `asset-${number}`), content);
  }
  writeFileSync(join(work, MAIN), parts.main);
  const configuration = {
    main: MAIN,
    output: BLOB,
    assets,
    disableExperimentalSEAWarning: true,
    // NODE_OPTIONS are for the operator's own programs. Node.js 20 does not know this.
    execArgvExtension: "none",
    useCodeCache: parts.codeCache,
    useSnapshot: false,
  };
  writeFileSync(join(work, "sea.json"), JSON.stringify(configuration));
  run(
    parts.node.path,
    ["--experimental-sea-config", "sea.json"],
    "preparing the main script",
    work,
  );
  return join(work, BLOB);
}

/** postject writes warnings to standard output that say nothing, so it gets a process of its own. */
function inject(executable: string, blob: string, { node, postject }: Parts): void {
  const code = `
const { readFileSync } = require("node:fs");
const [postject, executable, blob, options] = process.argv.slice(1);
require(postject).inject(executable, "NODE_SEA_BLOB", readFileSync(blob), JSON.parse(options))
  .catch((error) => { console.error(error); process.exitCode = 1; });`;
  const options = {
    sentinelFuse: FUSE,
    ...(node.platform === "darwin" && { machoSegmentName: "NODE_SEA" }),
  };
  const values = [postject, executable, blob, JSON.stringify(options)];
  run(process.execPath, ["-e", code, ...values], "putting it into a copy of node");
  if (!readFileSync(executable).includes(`${FUSE}:1`)) {
    throw new CommandError("putting it into a copy of node: postject has changed nothing");
  }
}

/** On macOS a changed program is only run with a signature that fits it; one of no one will do. */
function signed(executable: string, node: NodeBinary, change: () => void): void {
  const mac = node.platform === "darwin";
  if (mac) run("codesign", ["--remove-signature", executable], "taking off the signature of node");
  change();
  if (mac) run("codesign", ["--sign", "-", executable], "signing the executable");
}

/** Runs a program to its end; `doing` says in an error what it was for. */
function run(program: string, args: string[], doing: string, cwd?: string): void {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw new CommandError(`${doing}: ${program} does not run: ${messageOf(error)}`);
  if (status === 0) return;
  const said = `${stdout}${stderr}`.trim().slice(-2000);
  throw new CommandError(
    `${doing}: ${program} ended with ${signal ?? `status ${status}`}\n${said}`,
  );
}
