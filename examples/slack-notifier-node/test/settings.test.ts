/** The settings: who may see and change them, what is refused, and where they are kept. */

import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { document } from "../src/openapi.js";
import { deployment, JSON_BODY, Scene } from "./support.js";

const UNTOUCHED = { webhook_url: null, enabled: true, notify_failures: true };

interface Problem {
  title: string;
  status: number;
  detail: string;
}

async function problem(answer: Response): Promise<Problem> {
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const found = (await answer.json()) as Problem;
  assert.equal(found.status, answer.status);
  return found;
}

test("settings survive a restart and show no secret", async (t) => {
  const scene = await Scene.of(t);
  const slack = await scene.slack();
  const shown = { webhook_url: slack.masked, enabled: true, notify_failures: false };
  const first = await scene.plugin();
  const change = { webhook_url: slack.webhook, notify_failures: false };
  assert.deepEqual(await first.configure(change), shown);
  await first.stop();

  const second = await scene.plugin();
  const answer = await second.send("GET", "/settings", { role: "reader" });
  assert.deepEqual(await answer.json(), shown);
  await second.emit(deployment("deployment.succeeded"));
  await slack.received(1);
  const { mode } = await stat(join(scene.dataDir, "settings.json"));
  assert.equal(mode & 0o777, 0o600);
});

test("a change leaves alone what it does not name", async (t) => {
  const scene = await Scene.of(t);
  const plugin = await scene.plugin();
  const webhook_url = "http://a/…";
  assert.deepEqual(await plugin.configure({ webhook_url: "http://a/b" }), {
    ...UNTOUCHED,
    webhook_url,
  });
  assert.deepEqual(await plugin.configure({ enabled: false }), {
    ...UNTOUCHED,
    webhook_url,
    enabled: false,
  });
  const without = { ...UNTOUCHED, enabled: false };
  assert.deepEqual(await plugin.configure({ webhook_url: null }), without);
  assert.deepEqual(await plugin.configure({ enabled: null }), without);
});

test("two changes at once are both kept", async (t) => {
  const scene = await Scene.of(t);
  const plugin = await scene.plugin();
  await Promise.all([
    plugin.configure({ enabled: false }),
    plugin.configure({ notify_failures: false }),
  ]);
  const both = { ...UNTOUCHED, enabled: false, notify_failures: false };
  assert.deepEqual(await (await plugin.send("GET", "/settings")).json(), both);
});

test("strangers see nothing", async (t) => {
  const plugin = await (await Scene.of(t)).plugin();
  for (const [method, path, json] of [
    ["GET", "/settings", undefined],
    ["GET", "/deliveries", undefined],
    ["PATCH", "/settings", { enabled: false }],
  ] as const) {
    const answer = await plugin.send(method, path, { role: null, json });
    assert.equal(answer.status, 401, `${method} ${path}`);
    assert.equal((await problem(answer)).detail, "sign in to Temps first");
  }
});

test("only administrators change settings", async (t) => {
  const scene = await Scene.of(t);
  const plugin = await scene.plugin();
  const json = { enabled: false };
  for (const role of ["reader", "user", "emperor"]) {
    const answer = await plugin.send("PATCH", "/settings", { role, json });
    assert.equal(answer.status, 403, role);
    assert.equal((await problem(answer)).title, "Forbidden");
  }
  const answer = await plugin.send("PATCH", "/settings", { role: "platform_admin", json });
  assert.equal(answer.status, 200);
});

for (const [body, status, detail] of [
  ['{"webhook_url": "hooks.slack.com"}', 422, "webhook_url: must begin with https"],
  ['{"webhook_url": "https://a.b/…"}', 422, "webhook_url: must be a URL"],
  ['{"webhook_url": 7}', 422, "webhook_url: must be a text or null"],
  ['{"enabled": "yes"}', 422, "enabled: must be true or false"],
  ['{"webhook": "https://a/b"}', 422, "webhook: there is no such field"],
  ["[]", 422, "the body: must be an object"],
  ['{"enabled": ', 400, "cannot parse the body as JSON: it is damaged at line 1, column "],
  ["", 400, "cannot parse the body as JSON: it is empty"],
  ["[".repeat(100_000), 400, "cannot parse the body as JSON: it is damaged at "],
  ['{"webhook_url": "\\ud800"}', 422, "webhook_url: must be a URL"],
] as const) {
  test(`a wrong change is refused and the field named: ${body.slice(0, 40)}`, async (t) => {
    const scene = await Scene.of(t);
    const plugin = await scene.plugin();
    const answer = await plugin.send("PATCH", "/settings", { body, headers: JSON_BODY });
    assert.equal(answer.status, status);
    const found = (await problem(answer)).detail;
    assert.ok(found.startsWith(detail), found);
    assert.deepEqual(await plugin.configure({}), UNTOUCHED);
  });
}

test("a body that is not said to be JSON is refused", async (t) => {
  const scene = await Scene.of(t);
  const plugin = await scene.plugin();
  for (const kind of ["text/plain", "application/jsonp", ""]) {
    const headers = { "content-type": kind };
    const answer = await plugin.send("PATCH", "/settings", { body: "{}", headers });
    assert.equal(answer.status, 415, kind);
  }
  for (const kind of ["application/json; charset=utf-8", "application/merge-patch+json"]) {
    const headers = { "content-type": kind };
    const answer = await plugin.send("PATCH", "/settings", { body: "{}", headers });
    assert.equal(answer.status, 200, kind);
  }
});

test("an unknown route is a problem too", async (t) => {
  const plugin = await (await Scene.of(t)).plugin();
  const nowhere = await plugin.send("GET", "/nowhere");
  assert.equal(nowhere.status, 404);
  assert.equal((await problem(nowhere)).title, "Not Found");
  const answer = await plugin.send("POST", "/deliveries");
  assert.equal(answer.status, 405);
  assert.equal(answer.headers.get("allow"), "GET");
});

for (const [content, place] of [
  ["{ half", "line 1, column 3"],
  ['{\n  "enabled": "hush"\n}', "enabled"],
  ['{"webhook_url": "ftp://hush"}', "webhook_url"],
  [Buffer.from([0x22, 0xff, 0x22]), "a byte that is no UTF-8"],
] as const) {
  test(`damaged settings end the start and stay as they are: ${place}`, async (t) => {
    const scene = await Scene.of(t);
    const path = join(scene.dataDir, "settings.json");
    await writeFile(path, content);
    await assert.rejects(scene.plugin(), (error) => {
      assert.ok(error instanceof Error);
      assert.ok(
        error.message.includes(`settings.json is damaged at ${place}: mend it`),
        error.message,
      );
      assert.ok(!error.message.includes("hush"));
      return true;
    });
    assert.deepEqual(await readFile(path), Buffer.from(content));
  });
}

test("settings that cannot be written stay as they are", async (t) => {
  const scene = await Scene.of(t);
  const plugin = await scene.plugin();
  await mkdir(join(scene.dataDir, "settings.json"));
  const answer = await plugin.send("PATCH", "/settings", { json: { enabled: false } });
  assert.equal(answer.status, 500);
  assert.ok(!(await answer.text()).includes(scene.dataDir));
  assert.ok(scene.log.some((line) => line.includes(scene.dataDir)));
  assert.deepEqual(await (await plugin.send("GET", "/settings")).json(), UNTOUCHED);
});

test("the host gets the routes as OpenAPI", () => {
  const { paths, components } = document("0.1.0") as {
    paths: Record<string, Record<string, { responses: object; requestBody?: object }>>;
    components: { schemas: Record<string, { properties: object; required?: string[] }> };
  };
  assert.deepEqual(Object.keys(paths), ["/settings", "/deliveries"]);
  const change = paths["/settings"]?.["patch"];
  assert.ok(change?.requestBody);
  assert.deepEqual(Object.keys(change.responses), ["200", "400", "401", "403", "415", "422"]);
  const fields = Object.keys(components.schemas["SettingsChange"]?.properties ?? {});
  assert.deepEqual(fields, ["webhook_url", "enabled", "notify_failures"]);
  assert.equal(components.schemas["SettingsChange"]?.required, undefined);
});
