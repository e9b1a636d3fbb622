/** The platform of a plugin inside a test: what it answers, and what it remembers. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  CallTimeout,
  Disconnected,
  InternalError,
  NotFound,
  PermissionDenied,
  type PluginContext,
  RemoteError,
} from "temps-plugin";
import {
  sampleDeployment,
  sampleEnvironment,
  sampleEvent,
  sampleProject,
  TestPlatform,
  type TestPlugin,
} from "temps-plugin/testing";
import { captureLogs, gate, run, test } from "./helpers/plugin.js";

test("the platform answers from what it holds", async (t) => {
  const platform = new TestPlatform({
    projects: [sampleProject({ id: 7, name: "shop" })],
    environments: [sampleEnvironment({ id: 3, project_id: 7 })],
    deployments: [1, 2].map((id) => sampleDeployment({ id, project_id: 7, environment_id: 3 })),
  });
  const answers: unknown[] = [];
  const plugin = await run(
    t,
    {
      async onEvent({ temps }) {
        answers.push((await temps.listProjects()).map(({ name }) => name));
        answers.push((await temps.getEnvironment(3)).name);
        answers.push((await temps.getLastDeployment(7)).id);
        answers.push((await temps.generateAi({ purpose: "test", prompt: "echo" })).text);
        await assert.rejects(temps.getProject(8), NotFound);
        answers.push("not found");
      },
    },
    { platform },
  );
  assert.equal(plugin.platform, platform);
  assert.equal(platform.calls.length, 0);
  await plugin.deliver(sampleEvent("a.b"));
  assert.deepEqual(answers, [["shop"], "production", 2, "echo", "not found"]);
  assert.deepEqual(
    platform.calls.map(({ method }) => method),
    ["list_projects", "get_environment", "get_last_deployment", "generate_ai", "get_project"],
  );
  assert.deepEqual(platform.calls.at(-1)?.params, { project_id: 8 });
});

test("a platform refuses to hold what is no project", () => {
  assert.throws(() => new TestPlatform({ projects: [{ id: 7 } as never] }), /missing field `name`/);
});

/** What comes of asking for project 7, on every event. */
async function asking(
  t: TestContext,
  { timeoutMs = 5000 } = {},
): Promise<{ plugin: TestPlugin; platform: TestPlatform; ask(): Promise<unknown> }> {
  let outcome: unknown;
  const platform = new TestPlatform();
  const onEvent = async ({ temps }: PluginContext): Promise<void> => {
    outcome = await temps
      .withTimeout(timeoutMs)
      .getProject(7)
      .then(({ name }) => name)
      .catch((error: unknown) => error);
  };
  const plugin = await run(t, { onEvent }, { platform });
  const ask = async (): Promise<unknown> => {
    await plugin.deliver(sampleEvent("a.b"));
    return outcome;
  };
  return { plugin, platform, ask };
}

test("an answer may be replaced by another, sync or async", async (t) => {
  const { platform, ask } = await asking(t);
  const asked: unknown[] = [];
  platform.on("get_project", (params) => {
    asked.push(params);
    return sampleProject({ id: params.project_id, name: "made up" });
  });
  assert.equal(await ask(), "made up");
  assert.deepEqual(asked, [{ project_id: 7 }]);
  platform.on("get_project", async () => {
    await new Promise(setImmediate);
    return sampleProject({ name: "later" });
  });
  assert.equal(await ask(), "later");
});

test("an answer may be a refusal", async (t) => {
  const { platform, ask } = await asking(t);
  platform.on("get_project", () => {
    throw new PermissionDenied("not for you");
  });
  const denied = await ask();
  assert.ok(denied instanceof PermissionDenied);
  assert.equal(denied.message, "not for you");
  platform.on("get_project", () => Promise.reject(new RemoteError("slow down", "rate_limited")));
  const limited = await ask();
  assert.ok(limited instanceof RemoteError && limited.code === "rate_limited");
});

test("an answer that fails is an internal error, and is logged", async (t) => {
  const logs = captureLogs(t);
  const { platform, ask } = await asking(t);
  platform.on("get_project", () => {
    throw new TypeError("on purpose");
  });
  const failed = await ask();
  assert.ok(failed instanceof InternalError);
  assert.equal(failed.message, "TypeError: on purpose");
  await logs.line("ERROR", "an answer of the test platform failed", "on purpose");
});

test("an answer that takes its time holds up no other", async (t) => {
  const first = gate();
  const platform = new TestPlatform();
  platform.on("get_project", async ({ project_id: id }) => {
    if (id === 1) await first.promise;
    return sampleProject({ id });
  });
  const plugin = await run(t, {}, { platform });
  const slow = plugin.ctx.temps.getProject(1);
  assert.equal((await plugin.ctx.temps.getProject(2)).id, 2);
  first.open();
  assert.equal((await slow).id, 1);
});

test("a call may stay unanswered, until it is answered again", async (t) => {
  const { platform, ask } = await asking(t, { timeoutMs: 10 });
  platform.ignore("get_project");
  assert.ok((await ask()) instanceof CallTimeout);
  platform.on("get_project", () => sampleProject({ name: "again" }));
  const again = await asking(t);
  again.platform.ignore("get_project").on("get_project", () => sampleProject({ name: "again" }));
  assert.equal(await again.ask(), "again");
});

test("a call that does not exist cannot be replaced", () => {
  const platform = new TestPlatform();
  const expected = /no method "get_projects"; allowed: get_project, /;
  assert.throws(() => platform.on("get_projects" as never, (() => []) as never), expected);
  assert.throws(() => platform.ignore("get_projects" as never), expected);
});

test("the channel can be lost and found", async (t) => {
  const { plugin, platform, ask } = await asking(t);
  platform.on("get_project", () => sampleProject({ name: "shop" }));
  await plugin.dropChannel();
  await assert.rejects(plugin.deliver(sampleEvent("a.b")), Disconnected);
  await plugin.openChannel();
  assert.equal(await ask(), "shop");
});
