// Builds what is published: one CommonJS file an entry, an ESM wrapper that re-exports it (so that
// both kinds of importers share one copy of every class and all state), and declarations.
//
//   node scripts/build.mjs [--no-types]
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
// Made beside its place and moved there when it is complete.
const dist = join(root, `dist.${process.pid}`);
const index = join(root, "ts", "index.ts");

/** Modules a plugin can import: where their source is and what they are called in `dist`. */
const ENTRIES = [
  { name: "index", source: "ts/index.ts" },
  { name: "testing", source: "ts/testing/index.ts" },
];
/** Node-style handlers: for most of the plugins that have only `fetch`, reading them would be in vain. */
const NODE = { name: "node", source: "ts/node/handler.ts" };
const CLI = { name: "cli", source: "ts/cli/main.ts" };

const shared = {
  absWorkingDir: root,
  bundle: true,
  charset: "utf8",
  external: ["esbuild", "postject"],
  legalComments: "none",
  platform: "node",
  target: "node20",
};

/** The other entries use the classes and the state of `index`, not a copy of their own. */
const useIndex = {
  name: "use-index",
  setup(bundler) {
    bundler.onResolve({ filter: /\/index\.js$/ }, ({ path, resolveDir }) => {
      const source = join(resolveDir, path.replace(/\.js$/, ".ts"));
      return source === index ? { path: "./index.cjs", external: true } : undefined;
    });
  },
};

/** `index` loads them when a plugin has one. */
const loadNode = {
  name: "load-node",
  setup(bundler) {
    bundler.onResolve({ filter: /\/node\/handler\.js$/ }, () => ({
      path: "./node.cjs",
      external: true,
    }));
  },
};

async function bundle({ name, source }, { banner, share = true } = {}) {
  await build({
    ...shared,
    ...(banner && { banner: { js: banner } }),
    entryPoints: [source],
    format: "cjs",
    // What is not there need not be read at a plugin's start; names stay, for stacks.
    minifySyntax: true,
    minifyWhitespace: true,
    outfile: join(dist, `${name}.cjs`),
    plugins: share ? [name === "index" ? loadNode : useIndex] : [],
  });
}

/** The names an entry exports, without those that only the package itself uses (`__…`). */
async function exportsOf({ source }) {
  const { metafile } = await build({
    ...shared,
    entryPoints: [source],
    format: "esm",
    logLevel: "silent",
    metafile: true,
    outfile: "unused.mjs",
    plugins: [source === "ts/index.ts" ? loadNode : useIndex],
    write: false,
  });
  const [output] = Object.values(metafile.outputs);
  return output.exports.filter((name) => !name.startsWith("__")).sort();
}

async function entry(module) {
  const { name, source } = module;
  await bundle(module);
  const names = await exportsOf(module);
  writeFileSync(join(dist, `${name}.mjs`), required(name, names));
  writeFileSync(join(dist, `${name}.bundle.mjs`), reExported(name, names));
  const types = relative("ts", source).replace(/\.ts$/, ".js");
  for (const extension of ["d.mts", "d.cts"]) {
    writeFileSync(join(dist, `${name}.${extension}`), `export * from "./types/${types}";\n`);
  }
}

/**
 * The ESM wrapper for Node. An `import` of CommonJS makes Node load the parser that finds its exports,
 * which takes longer than all the rest of a plugin's start.
 */
function required(name, names) {
  const list = names.map((one) => `export const ${one} = entry.${one};\n`).join("");
  return `import { createRequire } from "node:module";
const entry = createRequire(import.meta.url)("./${name}.cjs");
${list}`;
}

/** The ESM wrapper for bundlers, which put in what they see imported. */
function reExported(name, names) {
  return `export {\n${names.map((one) => `  ${one},\n`).join("")}} from "./${name}.cjs";\n`;
}

function declarations() {
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  const { status } = spawnSync(
    process.execPath,
    [tsc, "-p", "tsconfig.types.json", "--outDir", join(dist, "types")],
    { cwd: root, stdio: "inherit" },
  );
  if (status !== 0) throw new Error("the declarations were not made: see the errors above");
}

const given = process.argv.slice(2);
const unknown = given.filter((argument) => argument !== "--no-types");
if (unknown.length > 0) {
  throw new Error(`build.mjs does not know ${unknown.join(" ")}; allowed: --no-types`);
}
process.on("exit", () => rmSync(dist, { force: true, recursive: true }));
mkdirSync(dist);
for (const module of ENTRIES) {
  await entry(module);
}
await bundle(NODE, { share: false });
await bundle(CLI, { banner: "#!/usr/bin/env node", share: false });
chmodSync(join(dist, "cli.cjs"), 0o755);
if (!given.includes("--no-types")) declarations();
rmSync(join(root, "dist"), { force: true, recursive: true });
renameSync(dist, join(root, "dist"));
