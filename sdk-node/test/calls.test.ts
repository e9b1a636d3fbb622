/** Calls to the platform, from author code through the native side and back. */

import assert from "node:assert/strict";
import {
  CallTimeout,
  Disconnected,
  extractAuthContext,
  InvalidParams,
  InvalidRequest,
  MethodNotFound,
  NoActor,
  NotFound,
  PermissionDenied,
  ProtocolError,
  RemoteError,
  TempsError,
} from "temps-plugin";
import {
  sampleDeployment,
  sampleEnvironment,
  sampleProject,
  TestPlatform,
  testUser,
} from "temps-plugin/testing";
import { gate, run, test } from "./helpers/plugin.js";

test("all ten calls, with parameters and results as they are on the wire", async (t) => {
  const platform = new TestPlatform({
    projects: [1, 2].map((id) => sampleProject({ id, name: `p${id}` })),
    environments: [sampleEnvironment({ id: 3, project_id: 1 })],
    deployments: [4, 5].map((id) => sampleDeployment({ id, project_id: 1, environment_id: 3 })),
  });
  const plugin = await run(
    t,
    {
      async fetch(request, ctx) {
        const api = ctx.apiAsCaller(extractAuthContext(request));
        const response = await api.post("/api/projects", { json: { name: "shop" } });
        return Response.json([response.status, response.json()]);
      },
    },
    { platform },
  );
  const { temps, ai } = plugin.ctx;
  assert.equal((await temps.getProject(2)).name, "p2");
  assert.equal((await temps.listProjects({ limit: 1 })).length, 1);
  assert.equal((await temps.getEnvironment(3)).id, 3);
  assert.deepEqual(
    (await temps.listEnvironments(1)).map(({ id }) => id),
    [3],
  );
  assert.equal((await temps.getDeployment(4)).id, 4);
  assert.equal((await temps.getLastDeployment(1, { environment_id: 3 })).id, 5);
  const deployments = await temps.listDeployments(1, { environment_id: 3, limit: 9 });
  assert.deepEqual(
    deployments.map(({ id }) => id),
    [5, 4],
  );
  assert.equal((await temps.getHostCapabilities()).ai.configured, true);
  assert.ok((await plugin.ctx.permissions()).includes("ai_generate"));
  const generated = await ai.generate({ purpose: "a test", prompt: "caf\u00e9 \u2603" });
  assert.equal(generated.text, "caf\u00e9 \u2603");
  const user = testUser({ actorToken: "the-token" });
  const response = await plugin.fetch("/", { user });
  assert.deepEqual(await response.json(), [200, {}]);
  const { calls } = platform;
  const params = (method: string): unknown => calls.find((call) => call.method === method)?.params;
  assert.deepEqual(params("list_projects"), { limit: 1 });
  assert.deepEqual(params("get_last_deployment"), { project_id: 1, environment_id: 3 });
  assert.deepEqual(params("list_deployments"), { project_id: 1, environment_id: 3, limit: 9 });
  assert.deepEqual(params("generate_ai"), { purpose: "a test", prompt: "caf\u00e9 \u2603" });
  const { method, path } = params("api_call") as Record<string, unknown>;
  assert.deepEqual([method, path], ["POST", "/api/projects"]);
  assert.equal(new Set(calls.map((call) => call.method)).size, 10);
});

test("the host's refusals are errors with its code and words", async (t) => {
  const platform = new TestPlatform();
  const plugin = await run(t, {}, { platform });
  const { temps } = plugin.ctx;
  for (const [Kind, code] of [
    [NotFound, "not_found"],
    [PermissionDenied, "permission_denied"],
    [InvalidParams, "invalid_params"],
  ] as const) {
    platform.on("get_project", () => {
      throw new Kind("in the host's words");
    });
    await assert.rejects(temps.getProject(1), (error) => {
      assert.ok(
        error instanceof Kind && error instanceof RemoteError && error instanceof TempsError,
      );
      const { name, message, kind } = error;
      assert.deepEqual([name, error.code, kind], [Kind.name, code, "remote"]);
      assert.equal(message, "in the host's words");
      return true;
    });
  }
  await assert.rejects(temps.call("no_such_call"), (error) => {
    return error instanceof MethodNotFound || error instanceof InvalidRequest;
  });
});

test("an answer of another shape is a protocol error", async (t) => {
  const platform = new TestPlatform().on("get_project", () => ({ id: "seven" }) as never);
  const plugin = await run(t, {}, { platform });
  await assert.rejects(plugin.ctx.temps.getProject(7), (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.match(error.message, /get_project/);
    return true;
  });
});

test("a call ends with its limit", async (t) => {
  const platform = new TestPlatform().ignore("list_projects");
  const plugin = await run(t, {}, { platform });
  await assert.rejects(plugin.ctx.temps.withTimeout(5).listProjects(), (error) => {
    assert.ok(error instanceof CallTimeout);
    assert.match(error.message, /list_projects/);
    return true;
  });
  for (const limit of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "5"]) {
    assert.throws(() => plugin.ctx.temps.withTimeout(limit as number), RangeError);
  }
});

test("a call ends with its signal, and forgets what comes later", async (t) => {
  const asked = gate();
  const go = gate();
  const platform = new TestPlatform().on("get_project", async ({ project_id: id }) => {
    asked.open();
    await go.promise;
    return sampleProject({ id });
  });
  const plugin = await run(t, {}, { platform });
  const { temps } = plugin.ctx;
  const controller = new AbortController();
  const aborted = temps.getProject(1, { signal: controller.signal });
  await asked.promise;
  const reason = new Error("not wanted any more");
  controller.abort(reason);
  await assert.rejects(aborted, (error) => error === reason);
  const other = temps.getProject(2, { signal: AbortSignal.timeout(20_000) });
  go.open();
  assert.equal((await other).id, 2);
  await assert.rejects(
    temps.getProject(3, { signal: controller.signal }),
    (error) => error === reason,
  );
  assert.deepEqual(
    platform.calls.map(({ params }) => params?.["project_id"]),
    [1, 2],
  );
});

test("a handler's calls end with its caller", async (t) => {
  const entered = gate();
  const outcome = gate<unknown>();
  const platform = new TestPlatform().ignore("list_projects");
  const plugin = await run(
    t,
    {
      async fetch({ signal }, { temps }) {
        entered.open();
        outcome.open(await temps.listProjects({ signal }).catch((error: unknown) => error));
        return new Response();
      },
    },
    { platform },
  );
  const leave = new AbortController();
  const request = plugin.fetch("/", { signal: leave.signal });
  await entered.promise;
  leave.abort();
  await assert.rejects(request);
  const error = await outcome.promise;
  assert.ok(error instanceof DOMException && error.name === "AbortError");
});

test("many calls are under way at once, and answered in any order", async (t) => {
  const waiting: (() => void)[] = [];
  const count = 40;
  const platform = new TestPlatform().on("get_project", ({ project_id: id }) => {
    const answer = new Promise<void>((resolve) => waiting.push(resolve));
    if (waiting.length === count) for (const go of waiting.reverse()) go();
    return answer.then(() => sampleProject({ id }));
  });
  const plugin = await run(t, {}, { platform });
  const all = await Promise.all(
    Array.from({ length: count }, (_, id) => plugin.ctx.temps.getProject(id)),
  );
  assert.deepEqual(
    all.map(({ id }) => id),
    Array.from({ length: count }, (_, id) => id),
  );
});

test("calls that wait when the channel is lost are told so", async (t) => {
  const asked = gate();
  const platform = new TestPlatform().on("list_projects", () => {
    asked.open();
    return new Promise<never>(() => undefined);
  });
  const plugin = await run(t, {}, { platform });
  const lost = assert.rejects(plugin.ctx.temps.listProjects(), Disconnected);
  await asked.promise;
  await plugin.dropChannel();
  await lost;
  await plugin.openChannel();
  assert.equal((await plugin.ctx.temps.listEnvironments(1)).length, 0);
});

test("large results and parameters cross whole", async (t) => {
  const platform = new TestPlatform({
    projects: Array.from({ length: 3000 }, (_, id) => sampleProject({ id, name: `project ${id}` })),
  });
  const plugin = await run(t, {}, { platform });
  const projects = await plugin.ctx.temps.listProjects();
  assert.equal(projects.at(-1)?.name, "project 2999");
  const prompt = "\u2603".repeat(500_000);
  const generated = await plugin.ctx.ai.generate({ purpose: "a test", prompt });
  assert.equal(generated.text, prompt);
});

test("nobody is acted for without a caller and the caller's token", async (t) => {
  const outcomes: unknown[] = [];
  const plugin = await run(t, {
    async fetch(request, ctx) {
      try {
        await ctx.apiAsCaller(extractAuthContext(request)).get("/api/projects");
      } catch (error) {
        outcomes.push(error);
      }
      return new Response();
    },
  });
  await plugin.fetch("/");
  await plugin.fetch("/", { user: testUser() });
  assert.deepEqual(
    outcomes.map((error) => error instanceof NoActor),
    [true, true],
  );
  assert.deepEqual(plugin.platform.calls, []);
});

test("dialect 2's calls are refused in dialect 1, before anything is sent", async (t) => {
  const plugin = await run(t, {}, { dialect: 1 });
  assert.deepEqual(await plugin.ctx.temps.listProjects(), []);
  await assert.rejects(plugin.ctx.temps.getHostCapabilities(), TempsError);
});
