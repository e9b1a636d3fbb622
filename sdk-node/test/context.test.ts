/** The context: what it tells, and what it keeps to itself. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { contextOver, FakeCalls, SECRET } from "./helpers/fake_calls.js";

test("it tells what the plugin knows of its start", () => {
  const ctx = contextOver(new FakeCalls());
  assert.equal(ctx.pluginName, "shop-watch");
  assert.equal(ctx.dataDir, "/var/lib/temps/shop-watch");
  assert.equal(ctx.dialect, 2);
  assert.equal(ctx.hostApiUrl, "http://127.0.0.1:3000");
  assert.equal(ctx.hostDataDir, undefined);
  assert.equal(ctx.authSecret, SECRET);
  assert.match(ctx.databaseUrl ?? "", /^postgres:/);
});

test("it shows no secret", () => {
  const ctx = contextOver(new FakeCalls());
  const copies = [inspect(ctx, { showHidden: true, getters: true, depth: 9 }), JSON.stringify(ctx)];
  copies.push(JSON.stringify({ ...ctx }), inspect({ ctx }));
  for (const copy of copies) assert.ok(!copy.includes(SECRET), copy);
  assert.match(inspect(ctx), /shop-watch/);
});

test("stopping aborts when the plugin stops", () => {
  const stop = new AbortController();
  const ctx = contextOver(new FakeCalls(), stop.signal);
  assert.equal(ctx.stopping.aborted, false);
  stop.abort();
  assert.equal(ctx.stopping.aborted, true);
});

test("permissions are those of the host's answer", async () => {
  const calls = new FakeCalls({ permissions: ["projects_read", "of_a_newer_host"] });
  assert.deepEqual(await contextOver(calls).permissions(), ["projects_read", "of_a_newer_host"]);
  assert.equal(calls.asked[0]?.method, "get_host_capabilities");
});

test("ai.generate asks for text", async () => {
  const calls = new FakeCalls({ text: "short", model: "m" });
  const answer = await contextOver(calls).ai.generate({ purpose: "summary", prompt: "Sum up" });
  assert.deepEqual(answer, { text: "short", model: "m" });
  assert.deepEqual(calls.asked[0]?.params, { purpose: "summary", prompt: "Sum up" });
});
