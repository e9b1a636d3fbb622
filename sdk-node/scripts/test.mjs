// Runs the tests: each file of test/ becomes one ES module, with what it imports by a relative path
// inside and packages outside, so that `temps-plugin` is the package itself. So do the files of
// test/plugins/, which tests start as processes.
//
//   node scripts/test.mjs [--folder DIRECTORY] [NAME…] [-- OPTION OF node --test…]
//
// NAME: the beginning of a file's name, such as `manifest` for test/manifest.test.ts; all files
// without one. DIRECTORY: a folder whose node_modules the packages are taken from; this package's
// own otherwise. The tests find this folder in TEMPS_PLUGIN_ROOT and the other in TEMPS_PLUGIN_FOLDER.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const cut = process.argv.indexOf("--");
const own = process.argv.slice(2, cut < 0 ? undefined : cut);
const passed = cut < 0 ? [] : process.argv.slice(cut + 1);
const { values, positionals } = parseArgs({
  args: own,
  options: { folder: { type: "string" } },
  allowPositionals: true,
});
const folder = resolve(values.folder ?? root);

const all = readdirSync(join(root, "test"))
  .filter((name) => name.endsWith(".test.ts"))
  .sort();
const wanted = all.filter(
  (name) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
);
if (wanted.length === 0) {
  throw new Error(
    `no test's name begins with ${positionals.join(" or ")}; there are: ${all.join(", ")}`,
  );
}

const plugins = readdirSync(join(root, "test", "plugins")).map((name) => join("plugins", name));

const out = join(folder, "build-test", String(process.pid));
process.on("exit", () => rmSync(out, { force: true, recursive: true }));
const installed = createRequire(join(folder, "package.json")).resolve("temps-plugin/package.json");
const dist = join(dirname(installed), "dist");
await build({
  absWorkingDir: root,
  // The package's own modules are CommonJS when published, and find what lies beside them.
  banner: {
    js: `import { createRequire as __createRequire } from "node:module";
const require = __createRequire(${JSON.stringify(join(dist, "index.cjs"))});
const __dirname = ${JSON.stringify(dist)};`,
  },
  bundle: true,
  entryPoints: [...wanted, ...plugins].map((name) => join("test", name)),
  format: "esm",
  logLevel: "warning",
  outExtension: { ".js": ".mjs" },
  outbase: "test",
  outdir: out,
  packages: "external",
  platform: "node",
  sourcemap: "inline",
  target: "node20",
  // Not the paths of tsconfig.json: they would bring the package's sources in under its own name.
  tsconfigRaw: "{}",
});

/** A file whose event loop is held for ever would hold everything: its process is ended, in milliseconds. */
const FILE_LIMIT = 600_000;

const files = wanted.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(
  process.execPath,
  [
    "--enable-source-maps",
    "--test",
    `--test-timeout=${FILE_LIMIT}`,
    "--test-reporter=spec",
    ...passed,
    ...files,
  ],
  {
    cwd: folder,
    env: { ...process.env, TEMPS_PLUGIN_ROOT: root, TEMPS_PLUGIN_FOLDER: folder },
    stdio: "inherit",
  },
);
process.exitCode = status ?? 1;
