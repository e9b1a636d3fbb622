/** The user interface of a plugin: which folder it is, and that folder as an archive. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type * as Esbuild from "esbuild";
import { CommandError } from "./errors.js";
import { shown } from "./project.js";
import { packFolder } from "./tar.js";

const LITERAL = /\buiDist:("(?:[^"\\\n]|\\.)*")/g;
const ANYTHING = /\buiDist[:,}]/g;

/**
 * The folder named by `uiDist: "…"` in the author's files, from the working directory as in
 * `runPlugin`; undefined when there is none.
 *
 * Nothing of the plugin runs while it is built, so the folder has to be written as a text.
 */
export async function findUi(
  esbuild: typeof Esbuild,
  sources: readonly string[],
): Promise<string | undefined> {
  const found = new Map<string, string>();
  for (const file of sources) {
    const source = readFileSync(file, "utf8");
    if (!source.includes("uiDist")) continue;
    // Always the same quotes and blanks and no comments, so that a pattern is enough.
    const { code } = await esbuild.transform(source, {
      jsx: "preserve",
      loader: loaderOf(file),
      logLevel: "silent",
      minifyWhitespace: true,
      target: "esnext",
    });
    const texts = [...code.matchAll(LITERAL)].map(([, text]) => JSON.parse(text ?? '""') as string);
    if (texts.length < [...code.matchAll(ANYTHING)].length) {
      throw new CommandError(
        `uiDist in ${shown(file)} is not written as a text; name the folder with --ui`,
      );
    }
    for (const text of texts) found.set(resolve(text), file);
  }
  if (found.size > 1) {
    const all = [...found].map(([folder, file]) => `${shown(folder)} (${shown(file)})`);
    throw new CommandError(
      `several folders are given as uiDist; choose with --ui: ${all.join(", ")}`,
    );
  }
  const [folder] = found.keys();
  return folder;
}

function loaderOf(file: string): Esbuild.Loader {
  const kind = extname(file).replace(/^\.[cm]?/, "");
  return kind === "js" ? "jsx" : (kind as Esbuild.Loader);
}

/** Packs the folder of a user interface; `named` says where it was named. */
export function packUi(folder: string, named: string): Buffer {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new CommandError(
      `${named}: there is no folder ${shown(folder)}; is the interface built?`,
    );
  }
  if (!existsSync(join(folder, "index.html"))) {
    throw new CommandError(`${named}: there is no index.html in ${shown(folder)}`);
  }
  return packFolder(folder);
}
