/** A plugin inside a test: its start, its channel and its end. */

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  createManifest,
  Disconnected,
  InvalidRequest,
  PluginError,
  TempsError,
} from "temps-plugin";
import { sampleEvent, TestPlugin } from "temps-plugin/testing";
import { captureLogs, define, gate, mirror, run, test, until } from "./helpers/plugin.js";

test("without a channel there are no calls until one is opened", async (t) => {
  const plugin = await run(t, {}, { channel: false });
  const { temps } = plugin.ctx;
  await assert.rejects(temps.withTimeout(10).listProjects(), Disconnected);
  await plugin.openChannel();
  assert.deepEqual(await temps.listProjects(), []);
});

test("only what the manifest asks for is delivered", async (t) => {
  const manifest = createManifest("picky", "1.0.0").build();
  const plugin = await run(t, { manifest, onEvent: { "deployment.*": () => undefined } });
  await plugin.deliver(sampleEvent("deployment.failed"));
  await assert.rejects(plugin.deliver(sampleEvent("domain.created")), (error) => {
    assert.ok(error instanceof InvalidRequest);
    assert.match(error.message, /domain\.created/);
    return true;
  });
});

test("the arguments of a start reach the plugin", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "temps-testing-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const manifest = createManifest("starts", "1.0.0").requiresDb().build();
  const plugin = await run(
    t,
    { manifest },
    {
      dataDir: join(folder, "data"),
      socketPath: join(folder, "p.sock"),
      databaseUrl: "postgres://localhost/test",
      args: ["--host-api-url", "http://127.0.0.1:3000"],
    },
  );
  assert.equal(plugin.ctx.dataDir, join(folder, "data"));
  assert.ok(statSync(join(folder, "p.sock")).isSocket());
  assert.equal(plugin.ctx.databaseUrl, "postgres://localhost/test");
  assert.equal(plugin.ctx.hostApiUrl, "http://127.0.0.1:3000");
});

test("a plugin that cannot start says why", async (t) => {
  captureLogs(t);
  const onStart = (): never => {
    throw new RangeError("no database today");
  };
  await assert.rejects(TestPlugin.start(define({ onStart })), (error) => {
    assert.ok(error instanceof PluginError);
    assert.equal(error.kind, "start");
    assert.match(error.message, /RangeError: no database today/);
    return true;
  });
  const manifest = { ...createManifest("x", "1.0.0").build(), name: "Bad Name" };
  await assert.rejects(TestPlugin.start(define({ manifest })), /Bad Name/);
  await assert.rejects(TestPlugin.start(define({ fetch: 7 as never })), /`fetch` is 7/);
});

test("the same definition runs many times at once, each with a place of its own", async () => {
  const definition = define({ fetch: (_, ctx) => new Response(ctx.dataDir) });
  const plugins = await Promise.all(Array.from({ length: 4 }, () => TestPlugin.start(definition)));
  const places = await Promise.all(plugins.map(async (plugin) => (await plugin.fetch("/")).text()));
  assert.deepEqual(
    places,
    plugins.map(({ dataDir }) => dataDir),
  );
  assert.equal(new Set(places).size, 4);
  await Promise.all(plugins.map((plugin) => plugin.stop()));
});

test("a stopped plugin answers nothing, and stops once", async () => {
  const plugin = await TestPlugin.start(define({ fetch: mirror }));
  assert.equal(plugin.stop(), plugin.stop());
  await plugin[Symbol.asyncDispose]();
  const stopped = /the plugin was stopped/;
  await assert.rejects(plugin.fetch("/"), stopped);
  await assert.rejects(plugin.deliver(sampleEvent("a.b")), stopped);
  await assert.rejects(plugin.openChannel(), Disconnected);
});

test("a delivery gives up when the plugin is told to stop", async () => {
  const entered = gate();
  let sawStop = false;
  const plugin = await TestPlugin.start(
    define({
      async onEvent(ctx) {
        entered.open();
        await new Promise((resolve) => ctx.stopping.addEventListener("abort", resolve));
        sawStop = true;
      },
    }),
  );
  const delivery = assert.rejects(plugin.deliver(sampleEvent("a.b")), Disconnected);
  await entered.promise;
  await plugin.stop();
  await delivery;
  assert.ok(sawStop);
});

test("how a plugin ends by itself is told by the stop", async (t) => {
  const plugin = await TestPlugin.start(define({ channelDeadlineMs: 1 }), { channel: false });
  await until(t, () => !existsSync(plugin.socketPath));
  await assert.rejects(plugin.stop(), (error) => {
    assert.ok(error instanceof TempsError);
    assert.equal(error.code, "channel_deadline");
    return true;
  });
});

test("a run leaves neither descriptors nor plugins behind", async () => {
  const once = async (): Promise<WeakRef<TestPlugin>> => {
    const plugin = await TestPlugin.start(define({ fetch: mirror }));
    await (await plugin.fetch("/", { method: "POST", body: "x" })).text();
    await plugin.stop();
    return new WeakRef(plugin);
  };
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const open = (): number => readdirSync("/proc/self/fd").length;
  await once();
  collect();
  const before = open();
  const runs: WeakRef<TestPlugin>[] = [];
  for (let count = 0; count < 8; count++) runs.push(await once());
  await new Promise(setImmediate);
  collect();
  assert.ok(runs.filter((one) => one.deref() !== undefined).length <= 1);
  // Finalizers of the native side run after the collection; threads of the last run may still be
  // about to end.
  await new Promise(setImmediate);
  assert.ok(open() <= before + 4, `${open()} descriptors, ${before} before`);
});
