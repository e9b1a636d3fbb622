/** How the modules of a plugin become parts of one file: esbuild plugins. */

import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Esbuild from "esbuild";
import { BUILTIN, EXTERNAL } from "./prelude.js";
import { bundleWith } from "./tools.js";

/** Files whose own place or being the main one matters, by what is written in them. */
const KNOWS_ITSELF = /import\.meta|__dirname|__filename|require\.main/;
const SOURCE = /\.[cm]?[jt]sx?$/;

/**
 * Node's own modules, and those left out by the author, as CommonJS modules: no `import` is left in
 * the bundle, which the body of a function could not have.
 */
export function outsideModules(external: readonly string[]): Esbuild.Plugin {
  const isExternal = (path: string) =>
    external.some((name) => path === name || path.startsWith(`${name}/`));
  return {
    name: "outside",
    setup(bundler) {
      bundler.onResolve({ filter: /^[^./]/ }, ({ path }) => {
        if (isExternal(path)) return { path, namespace: "external" };
        return isBuiltin(path) ? { path, namespace: "builtin" } : undefined;
      });
      for (const [namespace, load] of [
        ["external", EXTERNAL],
        ["builtin", BUILTIN],
      ] as const) {
        bundler.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
          contents: `module.exports = ${load}(${JSON.stringify(path)});`,
        }));
      }
    },
  };
}

/** A native addon that was met: the name of its asset and its file. */
export interface FoundAddon {
  readonly asset: string;
  readonly file: string;
}

/**
 * Native addons, as assets of the executable.
 *
 * @param found - takes what was met
 * @param sdk - the main file of this package, which can load them
 */
export function addonModules(found: FoundAddon[], sdk: string): Esbuild.Plugin {
  return {
    name: "addons",
    setup(bundler) {
      bundler.onLoad({ filter: /\.node$/, namespace: "file" }, ({ path: file }) => {
        const asset = `temps-plugin:addon/${found.length}/${basename(file)}`;
        found.push({ asset, file });
        const call = `require(${JSON.stringify(sdk)}).__loadEmbeddedAddon`;
        const contents = `module.exports = ${call}(${JSON.stringify(asset)});`;
        return { contents, resolveDir: dirname(file) };
      });
    },
  };
}

/** The plugin's main file is the main module in the executable as well. */
export function mainModule(esbuild: typeof Esbuild, entry: string): Esbuild.Plugin {
  return rewrite("main", esbuild, (file) =>
    file === entry ? { "import.meta.main": "true", "require.main": "module" } : undefined,
  );
}

/** Each of the author's modules keeps its own `import.meta` and `__dirname` in a bundle. */
export function modulesInPlace(esbuild: typeof Esbuild, entry: string): Esbuild.Plugin {
  return rewrite("in-place", esbuild, (file) => ({
    "import.meta.url": JSON.stringify(pathToFileURL(file).href),
    "import.meta.filename": JSON.stringify(file),
    "import.meta.dirname": JSON.stringify(dirname(file)),
    "import.meta.main": String(file === entry),
    __filename: JSON.stringify(file),
    __dirname: JSON.stringify(dirname(file)),
    ...(file === entry && { "require.main": "module" }),
  }));
}

/** Replaces expressions in single files; esbuild itself only knows replacements for all of them. */
function rewrite(
  name: string,
  esbuild: typeof Esbuild,
  replacements: (file: string) => Record<string, string> | undefined,
): Esbuild.Plugin {
  return {
    name,
    setup(bundler) {
      bundler.onLoad({ filter: SOURCE, namespace: "file" }, async ({ path }) => {
        const define = replacements(path);
        if (!define || !KNOWS_ITSELF.test(readFileSync(path, "utf8"))) return undefined;
        const { outputFiles } = await bundleWith(esbuild, {
          bundle: false,
          define,
          entryPoints: [path],
          sourcemap: bundler.initialOptions.sourcemap ? "inline" : false,
          target: "esnext",
        });
        return { contents: outputFiles[0]?.text ?? "", loader: "js", resolveDir: dirname(path) };
      });
    },
  };
}
