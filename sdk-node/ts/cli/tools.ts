/** The packages that only building needs: those of the author's project, or those beside this one. */

import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Esbuild from "esbuild";
import { CommandError } from "./errors.js";

const INSTALL = "npm install --save-dev esbuild postject";

/** A file of this package. */
const HERE = join(__dirname, "cli.cjs");

/** Where to look for packages, best first: the project's directory and this package. */
function resolveFrom(project: string, name: string): string {
  for (const start of [join(project, "package.json"), HERE]) {
    try {
      return createRequire(start).resolve(name);
    } catch {
      // Looked for in the next place, and missed below.
    }
  }
  throw new CommandError(
    `the package "${name}" is not installed; install what is needed:\n  ${INSTALL}`,
  );
}

/** Loads esbuild. `project`: the directory whose packages come first. */
export function loadEsbuild(project: string): typeof Esbuild {
  return createRequire(HERE)(resolveFrom(project, "esbuild")) as typeof Esbuild;
}

/** The path of postject's main file. */
export function findPostject(project: string): string {
  return resolveFrom(project, "postject");
}

/** The esbuild given, or an error with what it found wrong, one message after the other. */
export async function bundleWith(
  esbuild: typeof Esbuild,
  options: Esbuild.BuildOptions,
): Promise<Esbuild.BuildResult<{ metafile: true; write: false }>> {
  try {
    return await esbuild.build({ ...options, logLevel: "silent", metafile: true, write: false });
  } catch (error) {
    const { errors } = error as Partial<Esbuild.BuildFailure>;
    if (!errors) throw error;
    const texts = await esbuild.formatMessages(errors, { kind: "error", color: false });
    throw new CommandError(`it cannot be bundled:\n${texts.join("").trimEnd()}`);
  }
}
