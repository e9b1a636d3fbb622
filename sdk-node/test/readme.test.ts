/** The README: every program in it compiles as it stands, with the settings that it names. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";

const root = process.env["TEMPS_PLUGIN_ROOT"] as string;
const readme = readFileSync(join(root, "README.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "temps-plugin-readme-"));

after(() => rmSync(folder, { force: true, recursive: true }));

function blocks(language: string): string[] {
  const found = readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"));
  return [...found].map(([, text]) => text as string);
}

test("every program compiles", () => {
  const [settings, ...others] = blocks("json");
  assert.deepEqual(others, []);
  writeFileSync(join(folder, "tsconfig.json"), settings as string);
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  mkdirSync(join(folder, "src"));
  const programs = blocks("ts");
  assert.ok(programs.length >= 4, `only ${programs.length} programs were found`);
  programs.forEach((text, at) => {
    writeFileSync(join(folder, "src", `program${at}.ts`), text);
  });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  // The package itself is found as its own sources' declarations, which the tests of packing hold up.
  const paths = {
    "temps-plugin": ["./types/index.d.mts"],
    "temps-plugin/testing": ["./types/testing.d.mts"],
  };
  symlinkSync(join(root, "dist"), join(folder, "types"));
  const extended = { extends: "./tsconfig.json", compilerOptions: { paths, skipLibCheck: true } };
  writeFileSync(join(folder, "tsconfig.test.json"), JSON.stringify(extended));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", "tsconfig.test.json"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stdout);
});

test("the test it shows passes, bundled by the command it shows", () => {
  const shown = blocks("ts").find((text) => text.includes("TestPlugin.start"));
  assert.ok(shown !== undefined);
  const [, command] = /`npx (esbuild test\/\*\.ts [^`]*)`/.exec(readme) ?? [];
  const [, runner] = /`(node --test [^`]*)`/.exec(readme) ?? [];
  assert.ok(command !== undefined && runner !== undefined);
  const place = join(folder, "shown");
  mkdirSync(join(place, "test"), { recursive: true });
  mkdirSync(join(place, "node_modules"));
  const installed = dirname(require.resolve("temps-plugin/package.json"));
  symlinkSync(installed, join(place, "node_modules", "temps-plugin"));
  writeFileSync(join(place, "package.json"), '{"type": "module"}');
  writeFileSync(join(place, "test", "names.test.ts"), shown);
  const esbuild = join(root, "node_modules", "esbuild", "bin");
  const path = `${esbuild}${delimiter}${process.env["PATH"]}`;
  const script = `${command.replaceAll("\n", " ")} --log-level=error && ${runner}`;
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const run = spawnSync("sh", ["-c", script], {
    cwd: place,
    encoding: "utf8",
    env: { ...environment, PATH: path },
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^# pass 1$/m);
});

test("every method of the builder that is named exists", async () => {
  const { createManifest } = await import("temps-plugin");
  const builder = createManifest("a", "1.0.0") as unknown as Record<string, unknown>;
  for (const [, name] of readme.matchAll(/`(\w+)\("[^`]*\)`/g)) {
    assert.equal(typeof builder[name as string], "function", name);
  }
});
