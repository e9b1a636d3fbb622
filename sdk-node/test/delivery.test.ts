/** Events on their way from the host to the handlers. */

import assert from "node:assert/strict";
import { createManifest, type PluginContext, type PluginEvent } from "temps-plugin";
import { sampleEvent, sampleProject, TestPlatform, type TestPlugin } from "temps-plugin/testing";
import { captureLogs, gate, run, test, until } from "./helpers/plugin.js";

function post(plugin: TestPlugin, event: PluginEvent, signed = true): Promise<Response> {
  return plugin.fetch("/_events", { method: "POST", json: event, signed });
}

test("an event reaches its handler with the context, whole", async (t) => {
  const got: [PluginContext, PluginEvent][] = [];
  const plugin = await run(t, { onEvent: (...told) => void got.push(told) });
  const sent = sampleEvent("deployment.succeeded", { project_id: 7, url: "https://example.org" });
  await plugin.deliver(sent);
  const odd = sampleEvent("newer.thing", { deep: { list: [1, null, "\u2603"] } });
  await plugin.deliver(odd);
  assert.deepEqual(got, [
    [plugin.ctx, sent],
    [plugin.ctx, odd],
  ]);
});

test("all handlers that match run in order, and the manifest asks for their patterns", async (t) => {
  const ran: string[] = [];
  const tell = (name: string) => (): void => void ran.push(name);
  const manifest = createManifest("test-plugin", "1.0.0").event("a.b").build();
  const plugin = await run(t, {
    manifest,
    onEvent: {
      "deployment.*": async () => {
        await new Promise(setImmediate);
        ran.push("prefix");
      },
      "deployment.failed": [tell("one"), tell("two")],
      "project.created": tell("other"),
    },
  });
  const { events } = plugin.manifest;
  assert.deepEqual(events, ["a.b", "deployment.*", "deployment.failed", "project.created"]);
  await plugin.deliver(sampleEvent("deployment.failed"));
  assert.deepEqual(ran, ["prefix", "one", "two"]);
});

test("events are handled one after the other in the order they came", async (t) => {
  const steps: string[] = [];
  const plugin = await run(t, {
    async onEvent(_ctx, event) {
      const { n, turns } = event.data as { n: number; turns: number };
      steps.push(`begin ${n}`);
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      steps.push(`end ${n}`);
    },
  });
  // The first takes the longest: whoever overtakes shows.
  for (let n = 0; n < 5; n++) {
    const { status } = await post(plugin, sampleEvent("a.b", { n, turns: 100 - 20 * n }));
    assert.equal(status, 200);
  }
  await plugin.deliver(sampleEvent("a.b", { n: 5, turns: 0 }));
  assert.deepEqual(
    steps,
    [0, 1, 2, 3, 4, 5].flatMap((n) => [`begin ${n}`, `end ${n}`]),
  );
});

test("a handler asks the platform, and the next event waits for it", async (t) => {
  const names: string[] = [];
  const platform = new TestPlatform({ projects: [sampleProject({ id: 7, name: "shop" })] });
  const onEvent = async ({ temps }: PluginContext, event: PluginEvent): Promise<void> => {
    names.push((await temps.getProject(event.project_id ?? 0)).name);
  };
  const plugin = await run(t, { onEvent }, { platform });
  await plugin.deliver(sampleEvent("project.created", { project_id: 7 }));
  assert.deepEqual(names, ["shop"]);
});

test("events come by HTTP when there is no channel, and only signed ones", async (t) => {
  const got: string[] = [];
  const onEvent = (_ctx: PluginContext, event: PluginEvent): void =>
    void got.push(event.event_type);
  const plugin = await run(t, { onEvent }, { channel: false });
  assert.equal((await post(plugin, sampleEvent("a.b"), false)).status, 401);
  assert.equal((await post(plugin, sampleEvent("c.d"))).status, 200);
  await until(t, () => got.length > 0);
  assert.deepEqual(got, ["c.d"]);
});

test("an event that is none is refused, and the next arrives", async (t) => {
  const got: string[] = [];
  const plugin = await run(t, { onEvent: (_ctx, event) => void got.push(event.event_type) });
  for (const body of ["", "[]", "{}", '{"id":1}']) {
    const response = await plugin.fetch("/_events", { method: "POST", body });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /event/);
  }
  await plugin.deliver(sampleEvent("a.b"));
  assert.deepEqual(got, ["a.b"]);
});

const FAILURES: Record<string, () => unknown> = {
  "throws an error": () => {
    throw new RangeError("on purpose");
  },
  "throws a text": () => {
    throw "on purpose";
  },
  rejects: async () => Promise.reject(new RangeError("on purpose")),
  "rejects with nothing": () => Promise.reject(),
};

for (const [name, fail] of Object.entries(FAILURES)) {
  test(`a handler that ${name} is logged, and stops nothing`, async (t) => {
    const logs = captureLogs(t);
    const handled: string[] = [];
    const plugin = await run(t, {
      onEvent: {
        "a.bad": fail as () => void,
        "a.*": (_ctx, event) => void handled.push(event.event_type),
      },
    });
    const bad = sampleEvent("a.bad");
    await plugin.deliver(bad);
    await plugin.deliver(sampleEvent("a.good"));
    assert.deepEqual(handled, ["a.bad", "a.good"]);
    await logs.line("ERROR", "test-plugin: ", "a.bad", bad.id);
    if (!name.endsWith("nothing")) await logs.line("ERROR", "on purpose");
  });
}

test("an event and requests do not wait for each other", async (t) => {
  const go = gate();
  const entered = gate();
  const plugin = await run(t, {
    fetch: () => new Response("meanwhile"),
    async onEvent() {
      entered.open();
      await go.promise;
    },
  });
  const delivery = plugin.deliver(sampleEvent("a.b"));
  await entered.promise;
  assert.equal(await (await plugin.fetch("/")).text(), "meanwhile");
  go.open();
  await delivery;
});
