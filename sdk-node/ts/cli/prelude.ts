/**
 * The text around a bundle that makes it the main script of an executable.
 *
 * A single executable's main script is CommonJS, where `await` at the top is not allowed, and
 * plugins end in `await runPlugin(…)`. So the bundle is made as one ES module in which no import is
 * left, and becomes the body of an async function. Spawn to first line of a Hono plugin under Node
 * 20, medians of one run: this 60 ms; the ES module itself, imported from a `data:` URL, 67 ms and a
 * warning on stderr; `node plugin.mjs` without an executable 91 ms; `node -e 0` 29 ms.
 */

import { EMBEDDED } from "../unpack.js";

/** What the two texts go around. */
export interface Prelude {
  readonly before: string;
  readonly after: string;
}

/** Names the bundle finds around itself; no author writes them by accident. */
export const IMPORT_META = "__temps_import_meta";
export const EXTERNAL = "__temps_external";
export const BUILTIN = "__temps_builtin";

/** Where modules are looked for that `--external` left out: beside the executable. */
const REQUIRE = `
const { createRequire, isBuiltin } = ${BUILTIN}("node:module");
const ${EXTERNAL} = (name) => createRequire(process.execPath)(name);
const absent = (name) =>
  Object.assign(
    new Error(
      \`Cannot find module '\${name}': it is not in this executable. \` +
        "Only modules imported by a literal name go in.",
    ),
    { code: "MODULE_NOT_FOUND" },
  );
function require(name) {
  if (isBuiltin(name)) return ${BUILTIN}(name);
  throw absent(name);
}
require.resolve = (name) => {
  if (isBuiltin(name)) return name;
  throw absent(name);
};
require.cache = Object.create(null);
`;

const META = `
const ${IMPORT_META} = {
  dirname: __dirname,
  filename: process.execPath,
  get url() {
    return ${BUILTIN}("node:url").pathToFileURL(process.execPath).href;
  },
  resolve(name) {
    return require.resolve(name);
  },
};
`;

const EMBED = `
globalThis[Symbol.for(${JSON.stringify(EMBEDDED.description)})] = {
  read(name) {
    try {
      return ${BUILTIN}("node:sea").getRawAsset(name);
    } catch (error) {
      if (error.code === "ERR_SINGLE_EXECUTABLE_APPLICATION_ASSET_NOT_FOUND") return undefined;
      throw error;
    }
  },
};
`;

/** The text before and after a bundle. */
export const PRELUDE: Prelude = {
  before: `(function (${BUILTIN}) {${REQUIRE}${META}${EMBED}return (async () => {`,
  // Thrown outside the promise: what is wrong with the plugin itself ends it, as in Node.
  after: "})();\n})(require).catch((error) => process.nextTick(() => { throw error; }));",
};

/**
 * A main script that compiles the bundle from an asset, through the loader that reads source maps;
 * it reads none for the main script itself.
 */
export function mappedMain(asset: string): string {
  return `process.setSourceMapsEnabled(true);
const Module = require("node:module");
const file = process.execPath;
const main = new Module(file);
main.filename = file;
main._compile(require("node:sea").getAsset(${JSON.stringify(asset)}, "utf8"), file);
`;
}
