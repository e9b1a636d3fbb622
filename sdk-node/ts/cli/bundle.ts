/** The plugin and its packages as the text of one CommonJS main script. */

import { basename, dirname, join, resolve } from "node:path";
import type * as Esbuild from "esbuild";
import { CommandError, type Report } from "./errors.js";
import { addonModules, type FoundAddon, mainModule, outsideModules } from "./modules.js";
import { IMPORT_META } from "./prelude.js";
import { isInstalled, packageOf, shown } from "./project.js";
import { bundleWith } from "./tools.js";

const SDK = "temps-plugin";
/** Packages that find a native addon by a path they make up when they run. */
const ADDON_FINDERS = [
  "@mapbox/node-pre-gyp",
  "bindings",
  "node-gyp-build",
  "node-gyp-build-optional-packages",
];

/** What goes into the bundle, and how. */
export interface BundleOptions {
  readonly esbuild: typeof Esbuild;
  /** The plugin's main file, absolute. */
  readonly entry: string;
  /** Names of packages to leave out. */
  readonly external: readonly string[];
  readonly minify: boolean;
  readonly sourcemap: boolean;
  /** The version of Node it runs under, such as `20.12.0`. */
  readonly nodeVersion: string;
}

/** A bundle. */
export interface Bundle {
  /** The text, without what has to be around it. */
  readonly text: string;
  /** The author's own files. */
  readonly sources: readonly string[];
  /** Names and versions of packages, sorted. */
  readonly packages: readonly string[];
  readonly addons: readonly FoundAddon[];
  /** The directory of the SDK that is in it. */
  readonly sdk: string;
}

/** Bundles a plugin. `around`: the text before and after it, which source maps have to know. */
export async function bundle(
  options: BundleOptions,
  around: { before: string; after: string },
  report: Report,
): Promise<Bundle> {
  const { esbuild, entry } = options;
  const sdk = await sdkOf(esbuild, entry);
  const addons: FoundAddon[] = [];
  const { outputFiles, metafile, warnings } = await bundleWith(esbuild, {
    absWorkingDir: process.cwd(),
    banner: { js: around.before },
    bundle: true,
    define: { "import.meta": IMPORT_META },
    footer: { js: around.after },
    format: "esm",
    keepNames: options.minify,
    legalComments: "none",
    minify: options.minify,
    // The main file is imported by another, so that what it exports is not left in the text.
    stdin: { contents: `import ${JSON.stringify(entry)};`, resolveDir: dirname(entry) },
    platform: "node",
    plugins: [
      outsideModules(options.external),
      addonModules(addons, sdk.main),
      mainModule(esbuild, entry),
    ],
    sourcemap: options.sourcemap && "inline",
    sourcesContent: false,
    supported: { "dynamic-import": false },
    target: `node${options.nodeVersion}`,
    treeShaking: true,
  });
  for (const line of await esbuild.formatMessages(warnings, { kind: "warning" })) {
    report(line.trimEnd());
  }
  refuseAddonFinders(metafile);
  const files = filesOf(metafile);
  return {
    text: outputFiles[0]?.text ?? "",
    sources: files.filter((file) => !isInstalled(file) && isOfPackage(file, entry)),
    packages: packagesOf(files, entry),
    addons,
    sdk: sdk.directory,
  };
}

/** This package as the plugin finds it, which has to be the one whose command runs. */
async function sdkOf(
  esbuild: typeof Esbuild,
  entry: string,
): Promise<{ directory: string; main: string }> {
  const { metafile } = await bundleWith(esbuild, {
    bundle: true,
    format: "esm",
    platform: "node",
    stdin: { contents: `import ${JSON.stringify(SDK)};`, resolveDir: dirname(entry) },
  });
  const main = filesOf(metafile).find((file) => basename(file) === "index.cjs");
  const found = main === undefined ? undefined : packageOf(main);
  const own = packageOf(join(__dirname, "cli.cjs"));
  if (!main || found?.name !== SDK || found.version !== own?.version) {
    const other = found ? `${found.name} ${found.version} in ${found.directory}` : "nothing";
    throw new CommandError(
      `"${SDK}", imported from ${dirname(entry)}, is ${other}, and this command is of ` +
        `${own?.name} ${own?.version}: install that version in the plugin's project`,
    );
  }
  return { directory: found.directory, main };
}

/** The files of a bundle; what plugins made up is no file. */
function filesOf(metafile: Esbuild.Metafile): string[] {
  return Object.keys(metafile.inputs)
    .filter((name) => name !== "<stdin>" && !/^[^/]*:/.test(name))
    .map((name) => resolve(name));
}

function isOfPackage(file: string, entry: string): boolean {
  return packageOf(file)?.directory === packageOf(entry)?.directory;
}

function packagesOf(files: readonly string[], entry: string): string[] {
  const names = new Set<string>();
  for (const file of files) {
    const found = packageOf(file);
    if (!found?.name || isOfPackage(file, entry)) continue;
    names.add(found.version ? `${found.name} ${found.version}` : found.name);
  }
  return [...names].sort();
}

function refuseAddonFinders(metafile: Esbuild.Metafile): void {
  for (const [importer, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path } of imports) {
      const finder = path.includes(":") ? undefined : packageOf(resolve(path))?.name;
      const loader = packageOf(resolve(importer));
      if (!finder || !ADDON_FINDERS.includes(finder) || loader?.name === finder) continue;
      throw new CommandError(
        `${shown(resolve(importer))} looks for its native addon when it runs (with ${finder}), ` +
          "so the addon cannot be put into the executable. Do without the package, or leave it " +
          `out with --external ${loader?.name} and deploy it beside the executable in node_modules`,
      );
    }
  }
}

/** Refuses a bundle in which nothing imports the SDK. */
export function checkIsPlugin(made: Bundle, entry: string): void {
  if (made.packages.some((one) => one.startsWith(`${SDK} `))) return;
  throw new CommandError(
    `${shown(entry)} is no plugin: neither it nor anything it imports imports "${SDK}"`,
  );
}
