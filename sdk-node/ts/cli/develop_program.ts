/** What `node` is started with for a plugin under development. */

import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { modulesInPlace } from "./modules.js";
import { bundleWith, loadEsbuild } from "./tools.js";

const JAVASCRIPT = [".js", ".mjs", ".cjs"];

/**
 * The arguments for `node`. JavaScript runs as it is; TypeScript is bundled to `<folder>/<name>.mjs`
 * first, with packages left outside. `folder` has to lie in the project, so that they are found.
 *
 * @throws CommandError with what esbuild finds wrong
 */
export async function programFor(
  entry: string,
  project: string,
  folder: string,
): Promise<string[]> {
  const kind = extname(entry);
  if (JAVASCRIPT.includes(kind)) return [entry];
  const esbuild = loadEsbuild(project);
  const { outputFiles } = await bundleWith(esbuild, {
    absWorkingDir: dirname(entry),
    banner: {
      js:
        'import { createRequire as __temps_create } from "node:module";\n' +
        `const require = __temps_create(${JSON.stringify(entry)});`,
    },
    bundle: true,
    entryPoints: [entry],
    format: "esm",
    outdir: folder,
    packages: "external",
    platform: "node",
    plugins: [modulesInPlace(esbuild, entry)],
    sourcemap: "inline",
    target: `node${process.versions.node}`,
  });
  mkdirSync(folder, { recursive: true });
  const program = join(folder, `${basename(entry, kind)}.mjs`);
  writeFileSync(program, outputFiles[0]?.text ?? "");
  return ["--enable-source-maps", program];
}
