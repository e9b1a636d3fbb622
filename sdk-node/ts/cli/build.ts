/** `temps-plugin build`: one executable file from a plugin, its packages and Node.js. */

import { existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { SDK_ADDON, UI_ARCHIVE } from "../unpack.js";
import { type Bundle, type BundleOptions, bundle, checkIsPlugin } from "./bundle.js";
import { elfNeeds, newest } from "./elf.js";
import { CommandError, type Report } from "./errors.js";
import { nativeFile } from "./native_file.js";
import { inspectNode, type NodeBinary } from "./node_binary.js";
import { mappedMain, PRELUDE } from "./prelude.js";
import { packageOf, projectOf, shown } from "./project.js";
import { makeExecutable } from "./sea.js";
import { filesBelow } from "./tar.js";
import { findPostject, loadEsbuild } from "./tools.js";
import { findUi, packUi } from "./ui.js";

/** What to build. */
export interface BuildOptions {
  /** The plugin's main file, TypeScript or JavaScript. */
  readonly entry: string;
  /** The file to write; by default the package's name, in the working directory. */
  readonly output?: string | undefined;
  readonly minify?: boolean | undefined;
  readonly sourcemap?: boolean | undefined;
  readonly strip?: boolean | undefined;
  /** Names of packages to leave out. */
  readonly external?: readonly string[] | undefined;
  /** Files and folders to put in, below the working directory. */
  readonly include?: readonly string[] | undefined;
  /** The folder of the user interface. */
  readonly ui?: string | undefined;
  /** The path of the `node` to make it from. */
  readonly node?: string | undefined;
}

/** What was built. */
export interface Built {
  /** The file, absolute. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Names and versions of the packages in it. */
  readonly packages: readonly string[];
  /** What it needs of the machine it runs on, for people. */
  readonly needs: readonly string[];
}

/** Where mapped builds keep the bundle. */
const MAPPED_BUNDLE = "temps-plugin:main";
const SOURCES = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"];

/** Builds a plugin. Throws a `CommandError` that says why it cannot be built. */
export async function build(options: BuildOptions, report: Report): Promise<Built> {
  const entry = checkEntry(options.entry);
  const target = outputOf(entry, options.output);
  const project = projectOf(entry);
  const node = inspectNode(options.node);
  const [esbuild, postject] = [loadEsbuild(project), findPostject(project)];
  const { minify = false, sourcemap = false, strip = false, external = [] } = options;
  if (strip && node.platform !== "linux") {
    throw new CommandError("--strip works on executables for Linux only");
  }
  const assets = includedAssets(options.include ?? []);
  const how = { esbuild, entry, external, minify, sourcemap, nodeVersion: node.version };
  const { made, main } = await mainScript(how, assets, options.ui, node, report);
  report(`making ${shown(target)} from Node.js ${node.version}`);
  makeExecutable(target, { node, strip, postject, assets, main, codeCache: !sourcemap });
  return {
    path: target,
    size: statSync(target).size,
    packages: made.packages,
    needs: needsOf(node, [nativeFile(made.sdk, node), ...made.addons.map(({ file }) => file)]),
  };
}

/** Makes the main script, and adds to `assets` what it reads. */
async function mainScript(
  options: BundleOptions,
  assets: Map<string, string | Uint8Array>,
  ui: string | undefined,
  node: NodeBinary,
  report: Report,
): Promise<{ made: Bundle; main: string }> {
  const made = await bundle(options, PRELUDE, report);
  checkIsPlugin(made, options.entry);
  assets.set(SDK_ADDON, nativeFile(made.sdk, node));
  for (const { asset, file } of made.addons) assets.set(asset, file);
  const folder = ui === undefined ? await findUi(options.esbuild, made.sources) : resolve(ui);
  if (folder !== undefined) {
    assets.set(UI_ARCHIVE, packUi(folder, ui === undefined ? "uiDist" : `--ui ${ui}`));
  }
  if (!options.sourcemap) return { made, main: made.text };
  assets.set(MAPPED_BUNDLE, Buffer.from(made.text));
  return { made, main: mappedMain(MAPPED_BUNDLE) };
}

function checkEntry(entry: string): string {
  if (!existsSync(entry)) throw new CommandError(`there is no file ${entry}`);
  if (!statSync(entry).isFile()) throw new CommandError(`${entry} is no file`);
  if (!SOURCES.includes(extname(entry))) {
    throw new CommandError(
      `${entry} is no TypeScript or JavaScript; allowed endings: ${SOURCES.join(" ")}`,
    );
  }
  // As esbuild names it: without links.
  return realpathSync(entry);
}

function outputOf(entry: string, given: string | undefined): string {
  const target = resolve(given ?? defaultName(entry));
  const directory = dirname(target);
  if (existsSync(target)) {
    if (statSync(target).isDirectory()) {
      throw new CommandError(`${shown(target)} is a folder; name the file to write with -o`);
    }
    if (realpathSync(target) === entry) {
      throw new CommandError(`${shown(target)} is the plugin itself; name another file with -o`);
    }
  }
  mkdirSync(directory, { recursive: true });
  return target;
}

function defaultName(entry: string): string {
  const name = packageOf(entry)?.name;
  return name === undefined ? basename(entry, extname(entry)) : basename(name);
}

/** Assets by their names: paths from the working directory, with `/` between. */
function includedAssets(paths: readonly string[]): Map<string, string | Uint8Array> {
  const assets = new Map<string, string | Uint8Array>();
  for (const path of paths) {
    const name = relative(process.cwd(), resolve(path));
    if (name === "" || name.startsWith("..") || !existsSync(path)) {
      const wrong = existsSync(path)
        ? "it is not below the working directory"
        : "there is no such file or folder";
      throw new CommandError(`--include ${path}: ${wrong}`);
    }
    const files = statSync(path).isDirectory()
      ? filesBelow(path).map((one) => join(name, one))
      : [name];
    for (const file of files) assets.set(file.split(sep).join("/"), resolve(file));
  }
  return assets;
}

/** What the machine has to have, from what is written in the native files. */
function needsOf(node: NodeBinary, addons: readonly string[]): string[] {
  const names: Record<string, string> = { linux: "Linux", darwin: "macOS" };
  const machine = `${names[node.platform]} on ${node.arch}`;
  if (node.platform !== "linux") return [machine];
  const found = [node.path, ...addons].map(elfNeeds).filter((one) => one !== undefined);
  const glibc = newest(found.flatMap((one) => one.glibc ?? []));
  const libc = node.libc === "musl" ? "musl" : `glibc ${glibc ?? ""} or later`;
  const libraries = new Set(found.flatMap((one) => one.libraries).filter(isExtra));
  return [`${machine} with ${libc}`, ...[...libraries].sort()];
}

/** Whether a library is no part of the C library. */
function isExtra(library: string): boolean {
  return !/^(lib(c|m|dl|rt|pthread)\.so|ld-|linux-vdso|libc\.musl)/.test(library);
}
