/** `temps-plugin/testing`: what authors write their tests with. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import {
  CallTimeout,
  createManifest,
  Disconnected,
  extractAuthContext,
  InternalError,
  InvalidRequest,
  NotFound,
  PermissionDenied,
  type PluginContext,
  PluginError,
  RemoteError,
  TempsError,
} from "temps-plugin";
import {
  sampleDeployment,
  sampleEnvironment,
  sampleEvent,
  sampleProject,
  TestPlatform,
  TestPlugin,
  testUser,
} from "temps-plugin/testing";
import { captureLogs, define, gate, run, test, until } from "./helpers/plugin.js";

/** Answers with what it was sent. */
async function mirror(request: Request): Promise<Response> {
  const headers: [string, string][] = [
    ["x-method", request.method],
    ["x-type", request.headers.get("content-type") ?? ""],
    ["x-length", request.headers.get("content-length") ?? ""],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ];
  return new Response(await request.arrayBuffer(), { status: 201, headers });
}

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
  const expected = /no method "get_projects"; there are get_project, /;
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

test("samples are whole, can be changed, and events have ids of their own", () => {
  const project = sampleProject({ main_branch: "develop" });
  assert.deepEqual([project.id, project.name, project.main_branch], [1, "sample", "develop"]);
  assert.equal(typeof project.created_at, "string");
  assert.equal(sampleDeployment({ environment_id: 9 }).environment_id, 9);
  assert.notEqual(sampleEvent("a.b").id, sampleEvent("a.b").id);
  assert.equal(sampleEvent("deployment.failed", { project_id: 7 }).project_id, 7);
  assert.equal(sampleEvent("a.b").project_id, null);
});

const FORGETS = `
  import { createManifest } from "temps-plugin";
  import { TestPlugin } from "temps-plugin/testing";
  const manifest = createManifest("forgotten", "1.0.0").build();
  const plugin = await TestPlugin.start({ manifest, fetch: () => new Response("x".repeat(1000)) });
  console.log((await plugin.fetch("/")).status);
  if (process.argv[1] === "calls") {
    console.log(await plugin.ctx.temps.listProjects());
  }
`;

test("a test that forgets to stop its plugin ends all the same, and waits for what it awaits", () => {
  for (const [argument, printed] of [
    ["nothing", "200\n"],
    ["calls", "200\n[]\n"],
  ] as const) {
    const args = ["--input-type=module", "-e", FORGETS, argument];
    const cwd = process.env["TEMPS_PLUGIN_FOLDER"];
    const ended = spawnSync(process.execPath, args, { cwd, encoding: "utf8", timeout: 20_000 });
    assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, printed, ""]);
  }
});

const IN_WORKER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { createManifest } = require("temps-plugin");
  const { TestPlugin, TestPlatform } = require("temps-plugin/testing");
  const manifest = createManifest("works", "1.0.0").build();
  const platform = new TestPlatform().on("list_projects", () => []);
  const fetch = async (request, ctx) => {
    if (workerData === "leave") {
      parentPort.postMessage("in flight");
      await new Promise(() => {});
    }
    return Response.json(await ctx.temps.listProjects());
  };
  (async () => {
    const plugin = await TestPlugin.start({ manifest, fetch }, { platform });
    const text = await (await plugin.fetch("/", { method: "POST", body: "x".repeat(100000) })).text();
    await plugin.stop();
    parentPort.postMessage(text);
  })();
`;

/** Runs a plugin in a worker thread, which sees the packages that this test sees. */
function inWorker(workerData: string): { worker: Worker; said: Promise<unknown> } {
  const folder = process.env["TEMPS_PLUGIN_FOLDER"] ?? "";
  const source = `module.paths.unshift(${JSON.stringify(join(folder, "node_modules"))});
    require = require("node:module").createRequire(${JSON.stringify(join(folder, "x.cjs"))});
    ${IN_WORKER}`;
  const worker = new Worker(source, { eval: true, workerData });
  const said = new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { worker, said };
}

test("plugins run in worker threads, several at once and one after the other", async () => {
  for (let round = 0; round < 3; round++) {
    const workers = ["a", "b", "c"].map((name) => inWorker(name));
    for (const { worker, said } of workers) {
      assert.equal(await said, "[]");
      await worker.terminate();
    }
  }
});

test("worker threads may be the only ones that load the package", () => {
  const main = `
    const { Worker } = require("node:worker_threads");
    (async () => {
      for (let count = 0; count < 4; count++) {
        const worker = new Worker(${JSON.stringify(IN_WORKER)}, { eval: true });
        worker.once("message", console.log);
        await new Promise((resolve) => worker.once("exit", resolve));
      }
    })();
  `;
  const cwd = process.env["TEMPS_PLUGIN_FOLDER"];
  const options = { cwd, encoding: "utf8", timeout: 20_000 } as const;
  const ended = spawnSync(process.execPath, ["-e", main], options);
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, "[]\n".repeat(4), ""]);
});

test("a worker thread that ends with a request in flight takes its plugin along", async () => {
  const { worker, said } = inWorker("leave");
  assert.equal(await said, "in flight");
  await worker.terminate();
  const again = inWorker("again");
  assert.equal(await again.said, "[]");
  await again.worker.terminate();
});

test("`node:http` is not loaded where it is not needed", () => {
  const code = `
    const { createManifest } = require("temps-plugin");
    const loaded = process.moduleLoadList.filter((name) => / (http|_http_server)$/.test(name));
    if (loaded.length > 0) throw new Error(loaded.join());
  `;
  execFileSync(process.execPath, ["-e", code], { cwd: process.env["TEMPS_PLUGIN_FOLDER"] });
});
