/** What is published: packed, installed in an empty folder, and used from there. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const root = process.env["TEMPS_PLUGIN_ROOT"] as string;
const names = { ".": "temps-plugin", "./testing": "temps-plugin/testing" };

interface PackageJson {
  exports: Record<string, Record<string, { types: string; module?: string; default: string }>>;
  [member: string]: unknown;
}

let folder: string;
let installed: string;
let manifest: PackageJson;
let packed: string[];

before(() => {
  folder = mkdtempSync(join(tmpdir(), "temps-plugin-package-"));
  const [report] = JSON.parse(npm(root, "pack", "--json", "--pack-destination", folder)) as [
    { filename: string; files: { path: string }[] },
  ];
  packed = report.files.map(({ path }) => path);
  writeFileSync(join(folder, "package.json"), '{"private": true}');
  npm(folder, "install", "--offline", "--ignore-scripts", "--omit=optional", report.filename);
  installed = join(folder, "node_modules", "temps-plugin");
  manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as PackageJson;
});

after(() => rmSync(folder, { force: true, recursive: true }));

function npm(cwd: string, ...args: string[]): string {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  return execFileSync("npm", [...args, ...quiet], { cwd, encoding: "utf8" });
}

/** Runs a module of the folder; gives what it printed, as JSON. */
function run(name: string, source: string): unknown {
  const path = join(folder, name);
  writeFileSync(path, source);
  return JSON.parse(execFileSync(process.execPath, [path], { cwd: folder, encoding: "utf8" }));
}

test("the archive holds what is used, and nothing else", () => {
  for (const path of [
    "README.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "dist/cli.cjs",
    "package.json",
  ]) {
    assert.ok(packed.includes(path), `${path} is not among ${packed.join(", ")}`);
  }
  const addon = packed.filter((path) => path.startsWith("native/"));
  const { platform, arch } = process;
  assert.equal(addon.length, 1, addon.join(", "));
  assert.match(addon[0] ?? "", new RegExp(`^native/temps-plugin\\.${platform}-${arch}.*\\.node$`));
  const others = packed.filter(
    (path) => !/^(dist|native)\/|^(LICENSE-|README|package\.json)/.test(path),
  );
  assert.deepEqual(others, []);
});

test("it needs no other package, and installing it runs nothing", () => {
  for (const member of ["dependencies", "bundleDependencies", "overrides"]) {
    assert.equal(manifest[member], undefined, member);
  }
  const scripts = Object.keys(manifest["scripts"] as object);
  assert.deepEqual(
    scripts.filter((name) => /install|^prepare$/.test(name)),
    [],
  );
});

test("every file that is exported is there", () => {
  for (const [entry, conditions] of Object.entries(manifest.exports)) {
    if (typeof conditions === "string") continue;
    for (const [condition, { types, module, default: file }] of Object.entries(conditions)) {
      assert.match(types, condition === "import" ? /\.d\.mts$/ : /\.d\.cts$/);
      assert.match(file, condition === "import" ? /\.mjs$/ : /\.cjs$/);
      for (const path of [types, module ?? file, file]) {
        assert.ok(existsSync(join(installed, path)), `${entry}: ${path}`);
      }
    }
  }
});

for (const [entry, name] of Object.entries(names)) {
  test(`${name}: import and require give the same objects`, () => {
    const seen = run(
      `both${entry.length}.mjs`,
      `import * as imported from ${JSON.stringify(name)};
       import { createRequire } from "node:module";
       const required = createRequire(import.meta.url)(${JSON.stringify(name)});
       const keys = Object.keys(required).filter((key) => !key.startsWith("__"));
       console.log(JSON.stringify({
         missing: keys.filter((key) => !(key in imported)),
         more: Object.keys(imported).filter((key) => !(key in required)),
         different: keys.filter((key) => imported[key] !== required[key]),
         count: keys.length,
       }));`,
    ) as { count: number };
    assert.ok(seen.count > 0);
    assert.deepEqual(seen, { missing: [], more: [], different: [], count: seen.count });
  });
}

test("the package's own version is the one of the repository", () => {
  const cargo = readFileSync(join(root, "..", "Cargo.toml"), "utf8");
  const [, version] = /\[workspace\.package\]\nversion = "([^"]+)"/.exec(cargo) ?? [];
  assert.equal(manifest["version"], version);
});

/** Uses what authors use; what is declared and what is there must be the same names. */
function consumer(): string {
  const declared = Object.entries(names).map(([entry, name], at) => {
    const keys = run(
      `keys${at}.cjs`,
      `console.log(JSON.stringify(Object.keys(require(${JSON.stringify(name)}))))`,
    ) as string[];
    const members = keys.filter((key) => !key.startsWith("__")).map((key) => `${key}: true`);
    return `import * as entry${at} from ${JSON.stringify(name)};
export const names${at}: Record<keyof typeof entry${at}, true> = { ${members.join(", ")} };
void ${JSON.stringify(entry)};`;
  });
  return `${declared.join("\n")}
import { createManifest, extractAuthContext, NotFound, type PluginDefinition } from "temps-plugin";
export const plugin: PluginDefinition = {
  manifest: createManifest("hello", "1.0.0").event("deployment.*").build(),
  fetch: (request, ctx) => {
    const caller = extractAuthContext(request);
    return Response.json({ hello: caller?.email ?? ctx.pluginName });
  },
  onEvent: {
    "deployment.succeeded": (ctx, event) => ctx.temps.getProject(event.data.project_id).then(() => undefined),
  },
};
export const code: string = new NotFound("no").code;
// @ts-expect-error what is not declared is not there
export type None = typeof import("temps-plugin").nothing;
`;
}

function compile(file: string, options: Record<string, unknown>): void {
  const config = join(folder, `tsconfig.${file}.json`);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: "es2022",
    lib: ["es2023"],
    types: ["node"],
    exactOptionalPropertyTypes: true,
    ...options,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", config], { cwd: folder, encoding: "utf8" });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
}

test("the declarations hold for both kinds of modules, however they are resolved", () => {
  for (const dependency of ["@types/node", "undici-types"]) {
    const place = join(folder, "node_modules", dependency);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(root, "node_modules", dependency), place);
  }
  const source = consumer();
  for (const file of ["use.mts", "use.cts"]) {
    writeFileSync(join(folder, file), source);
    for (const module of ["node16", "nodenext"])
      compile(file, { module, moduleResolution: module });
  }
  writeFileSync(join(folder, "use.ts"), source);
  compile("use.ts", { module: "esnext", moduleResolution: "bundler" });
});
