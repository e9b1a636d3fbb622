/** `temps-plugin/testing`: requests to a plugin inside a test, and samples. */

import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { extractAuthContext } from "temps-plugin";
import {
  sampleDeployment,
  sampleEvent,
  sampleProject,
  TestPlugin,
  testUser,
} from "temps-plugin/testing";
import { define, gate, mirror, run, test } from "./helpers/plugin.js";

for (const dialect of [1, 2] as const) {
  test(`a plugin runs in dialect ${dialect}`, async () => {
    const plugin = await TestPlugin.start(define({ fetch: mirror }), { dialect });
    assert.equal(plugin.ctx.dialect, dialect);
    assert.equal(plugin.manifest.name, "test-plugin");
    assert.equal(plugin.ready["has_ui"], false);
    assert.equal(plugin.dataDir, plugin.ctx.dataDir);
    assert.ok(statSync(plugin.socketPath).isSocket());
    assert.deepEqual(await (await plugin.fetch("/health")).json(), { status: "ok" });
    await plugin.stop();
    assert.ok(!existsSync(plugin.socketPath));
  });
}

test("an unknown dialect is refused", async () => {
  const start = TestPlugin.start(define({ fetch: mirror }), { dialect: 3 as 2 });
  await assert.rejects(start, /dialect is 3; allowed: 1, 2/);
});

test("bodies of every kind go out and come back", async (t) => {
  const plugin = await run(t, { fetch: mirror });
  const form = new FormData();
  form.set("name", "value");
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("piece by ");
    yield Buffer.from("piece");
  }
  const cases: [Parameters<TestPlugin["fetch"]>[1], string, string, string][] = [
    [{ body: "text" }, "text", "text/plain;charset=UTF-8", "4"],
    [{ body: Buffer.from("bytes") }, "bytes", "", "5"],
    [
      { body: new URLSearchParams({ a: "1" }) },
      "a=1",
      "application/x-www-form-urlencoded;charset=UTF-8",
      "3",
    ],
    [{ json: { a: [1, null] } }, '{"a":[1,null]}', "application/json", "14"],
    [{ json: null }, "null", "application/json", "4"],
    [{ body: pieces() }, "piece by piece", "", ""],
    [{ body: new Blob(["blob"]).stream() }, "blob", "", ""],
    [{ body: "own", headers: { "Content-Type": "a/b" } }, "own", "a/b", "3"],
    [{}, "", "", "0"],
  ];
  for (const [init, body, type, length] of cases) {
    const response = await plugin.fetch("/", { method: "POST", ...init });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-type"), type);
    assert.equal(response.headers.get("x-length"), length);
    assert.equal(await response.text(), body);
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  }
  const sent = await plugin.fetch("/", { method: "DELETE", body: form });
  assert.match(sent.headers.get("x-type") ?? "", /^multipart\/form-data; boundary=/);
  assert.match(await sent.text(), /name="name"\r\n\r\nvalue/);
  await assert.rejects(plugin.fetch("/", { method: "POST", json: 1, body: "x" }), /not both/);
  await assert.rejects(plugin.fetch("no/slash"), /"no\/slash"; it begins with "\/"/);
});

test("a response without body has none, and HEAD is not waited for", async (t) => {
  const plugin = await run(t, { fetch: () => new Response(null, { status: 204 }) });
  const response = await plugin.fetch("/");
  assert.deepEqual([response.status, response.body], [204, null]);
  const head = await plugin.fetch("/", { method: "HEAD" });
  assert.equal(head.body, null);
});

test("a user is the caller", async (t) => {
  const fetch = (request: Request): Response => {
    const caller = extractAuthContext(request);
    return Response.json(caller ?? "nobody");
  };
  const plugin = await run(t, { fetch });
  assert.equal(await (await plugin.fetch("/")).json(), "nobody");
  const user = testUser({ id: "7", role: "reader", permissions: ["a:b", "c:d"] });
  assert.deepEqual(await (await plugin.fetch("/", { user })).json(), {
    userId: "7",
    email: "ada@example.org",
    role: "reader",
    permissions: ["a:b", "c:d"],
    isAdmin: false,
  });
  assert.equal((await plugin.fetch("/", { user, signed: false })).status, 401);
});

test("a caller goes away by its signal, before and within the answer", async (t) => {
  const entered = gate<Request>();
  const plugin = await run(t, {
    fetch(request) {
      if (request.url.endsWith("/stream")) {
        const pull = (controller: ReadableStreamDefaultController): void =>
          controller.enqueue(Buffer.from("more"));
        return new Response(new ReadableStream({ pull }));
      }
      entered.open(request);
      return new Promise<Response>(() => undefined);
    },
  });
  const leave = new AbortController();
  const waiting = plugin.fetch("/", { signal: leave.signal });
  const request = await entered.promise;
  leave.abort(new Error("left"));
  await assert.rejects(waiting, /^Error: left$/);
  if (!request.signal.aborted) {
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
  }
  const later = new AbortController();
  const stream = await plugin.fetch("/stream", { signal: later.signal });
  const reader = stream.body?.getReader();
  assert.equal((await reader?.read())?.done, false);
  later.abort(new Error("left later"));
  await assert.rejects(async () => {
    while (!(await reader?.read())?.done);
  }, /^Error: left later$/);
  await assert.rejects(plugin.fetch("/", { signal: later.signal }), /left later/);
});

test("samples are whole, can be changed, and events have ids of their own", () => {
  const project = sampleProject({ main_branch: "develop" });
  assert.deepEqual([project.id, project.name, project.main_branch], [1, "sample", "develop"]);
  assert.equal(typeof project.created_at, "string");
  assert.equal(sampleDeployment({ environment_id: 9 }).environment_id, 9);
  assert.notEqual(sampleEvent("a.b").id, sampleEvent("a.b").id);
  assert.equal(sampleEvent("deployment.failed", { project_id: 7 }).project_id, 7);
  assert.equal(sampleEvent("a.b").project_id, null);
});
