/** A plugin's user interface, from a folder and from a bundle in memory. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { TestContext } from "node:test";
import { createManifest } from "temps-plugin";
import { TestPlugin } from "temps-plugin/testing";
import { captureLogs, define, run, test } from "./helpers/plugin.js";

const INDEX = "<!doctype html><title>It</title>";

/** A folder with a user interface, gone after the test. */
function folder(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "temps-ui-"));
  t.after(() => rmSync(root, { recursive: true }));
  const ui = join(root, "dist");
  mkdirSync(join(ui, "assets"), { recursive: true });
  writeFileSync(join(ui, "index.html"), INDEX);
  writeFileSync(join(ui, "assets", "app-1a2b3c4d.js"), "export {};");
  writeFileSync(join(root, "secret.txt"), "secret");
  return ui;
}

function bundle(t: TestContext): Uint8Array {
  const ui = folder(t);
  const path = join(ui, "..", "ui.tar.gz");
  execFileSync("tar", ["-czf", path, "-C", ui, "."]);
  return readFileSync(path);
}

const manifest = createManifest("with-ui", "1.0.0").addNav("It", "box", "/it").build();

const sources = {
  "a folder": (t: TestContext) => ({ uiDist: folder(t) }),
  "a folder relative to the working directory": (t: TestContext) => ({
    uiDist: relative(process.cwd(), folder(t)),
  }),
  "a bundle": (t: TestContext) => ({ uiBundle: bundle(t) }),
};

for (const [name, source] of Object.entries(sources)) {
  test(`${name} is served at /ui/, by the SDK's rules`, async (t) => {
    const plugin = await run(t, {
      manifest,
      fetch: (request) => new Response(`own ${new URL(request.url).pathname}`),
      ...source(t),
    });
    assert.equal(plugin.ready["has_ui"], true);
    const get = (path: string): Promise<Response> => plugin.fetch(path);
    const index = await get("/ui/");
    assert.match(index.headers.get("content-type") ?? "", /^text\/html/);
    assert.equal(await index.text(), INDEX);
    const script = await get("/ui/assets/app-1a2b3c4d.js");
    assert.match(script.headers.get("content-type") ?? "", /javascript/);
    assert.equal(await script.text(), "export {};");
    // A page of the interface's own: its router decides.
    assert.equal(await (await get("/ui/settings/deep")).text(), INDEX);
    for (const path of ["/ui/../secret.txt", "/ui/%2e%2e/secret.txt", "/ui/..%2fsecret.txt"]) {
      assert.doesNotMatch(await (await get(path)).text(), /^secret$/);
    }
    assert.equal(await (await get("/else")).text(), "own /else");
  });
}

test("without a user interface nothing is announced, and /ui/ is the plugin's own", async (t) => {
  const plugin = await run(t, { fetch: () => new Response("own") });
  assert.equal(plugin.ready["has_ui"], false);
});

test("a folder that is none ends the start, with its path", async (t) => {
  captureLogs(t);
  for (const definition of [
    { uiDist: "/nowhere/dist" },
    { uiBundle: new TextEncoder().encode("no archive") },
  ]) {
    const start = TestPlugin.start(define({ manifest, ...definition }));
    await assert.rejects(start, (error) => {
      assert.equal((error as { code: string }).code, "ui");
      return true;
    });
  }
});

test("an OpenAPI document is announced; one that cannot be made is left out", async (t) => {
  const logs = captureLogs(t);
  const document = { openapi: "3.1.0", info: { title: "It", version: "1" }, paths: {} };
  for (const openapi of [document, () => document, async () => document]) {
    const plugin = await run(t, { openapi });
    assert.deepEqual(plugin.ready["openapi"], document);
  }
  const failing = await run(t, {
    openapi: () => {
      throw new Error("on purpose");
    },
  });
  assert.equal(failing.ready["openapi"] ?? null, null);
  await logs.line("WARN", "left out the OpenAPI document", "on purpose");
});
