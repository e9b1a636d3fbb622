/** What calls send, and how their results are read, over a fake platform. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TempsClient } from "../ts/client.js";
import { InvalidRequest, NotFound, ProtocolError } from "../ts/errors.js";
import { contextOver, FakeCalls } from "./helpers/fake_calls.js";

type Ask = (temps: TempsClient) => Promise<unknown>;

const CALLS: [Ask, string, unknown][] = [
  [(t) => t.getProject(42), "get_project", { project_id: 42 }],
  [(t) => t.listProjects(), "list_projects", {}],
  [(t) => t.listProjects({ limit: 5 }), "list_projects", { limit: 5 }],
  [(t) => t.getEnvironment(3), "get_environment", { environment_id: 3 }],
  [(t) => t.listEnvironments(42), "list_environments", { project_id: 42 }],
  [(t) => t.getDeployment(100), "get_deployment", { deployment_id: 100 }],
  [(t) => t.getLastDeployment(42), "get_last_deployment", { project_id: 42 }],
  [
    (t) => t.getLastDeployment(42, { environment_id: 3 }),
    "get_last_deployment",
    { project_id: 42, environment_id: 3 },
  ],
  [
    (t) => t.listDeployments(42, { environment_id: 3, limit: 7 }),
    "list_deployments",
    { project_id: 42, environment_id: 3, limit: 7 },
  ],
  [(t) => t.getHostCapabilities(), "get_host_capabilities", {}],
  [
    (t) => t.generateAi({ purpose: "summary", prompt: "Sum up", max_tokens: 10 }),
    "generate_ai",
    { purpose: "summary", prompt: "Sum up", max_tokens: 10 },
  ],
  [(t) => t.call("of_a_newer_host", { a: [1] }), "of_a_newer_host", { a: [1] }],
  [(t) => t.call("of_a_newer_host"), "of_a_newer_host", {}],
];

test("each call has the form of the protocol, and gives what the host answered", async () => {
  for (const [ask, method, params] of CALLS) {
    const answer = { id: 1, of_a_newer_host: true };
    const calls = new FakeCalls(answer);
    assert.deepEqual(await ask(contextOver(calls).temps), answer);
    assert.deepEqual(calls.asked, [{ method, params, timeoutMs: null, signal: undefined }]);
  }
});

test("each call takes a signal, which is no parameter", async () => {
  const { signal } = new AbortController();
  const asks: Ask[] = [
    (t) => t.getProject(1, { signal }),
    (t) => t.listProjects({ limit: 5, signal }),
    (t) => t.getEnvironment(1, { signal }),
    (t) => t.listEnvironments(1, { signal }),
    (t) => t.getDeployment(1, { signal }),
    (t) => t.getLastDeployment(1, { signal }),
    (t) => t.listDeployments(1, { limit: 1, signal }),
    (t) => t.getHostCapabilities({ signal }),
    (t) => t.generateAi({ purpose: "p", prompt: "q" }, { signal }),
    (t) => t.call("x", {}, { signal }),
  ];
  const calls = new FakeCalls();
  const ctx = contextOver(calls);
  for (const ask of asks) await ask(ctx.temps);
  await ctx.ai.generate({ purpose: "p", prompt: "q" }, { signal });
  calls.answer = { permissions: [] };
  await ctx.permissions({ signal });
  assert.equal(calls.asked.length, asks.length + 2);
  for (const asked of calls.asked) {
    assert.equal(asked.signal, signal);
    assert.ok(!Object.hasOwn(asked.params as object, "signal"), asked.method);
  }
});

test("what the host refuses rejects", async () => {
  const refused = new NotFound("no project 42");
  await assert.rejects(contextOver(new FakeCalls(refused)).temps.getProject(42), refused);
});

test("parameters that JSON does not have are not sent", async () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const calls = new FakeCalls();
  const { temps } = contextOver(calls);
  const asks: [() => Promise<unknown>, RegExp][] = [
    [() => temps.listProjects({ limit: Number.NaN }), /list_projects was not sent: limit is NaN/],
    [
      () => temps.getProject(Number.POSITIVE_INFINITY),
      /project_id is Infinity; allowed are finite/,
    ],
    [() => temps.call("x", loop), /x was not sent: .*circular/],
    [() => temps.call("x", { id: 7n }), /x was not sent: .*BigInt/],
  ];
  for (const [ask, message] of asks) {
    await assert.rejects(
      ask,
      (error) => error instanceof InvalidRequest && message.test(error.message),
    );
  }
  assert.deepEqual(calls.asked, []);
});

test("a result that is no JSON is a protocol error", async () => {
  await assert.rejects(contextOver(new FakeCalls("{")).temps.getProject(42), (error) => {
    return (
      error instanceof ProtocolError &&
      /^get_project: the host's result cannot be read: /.test(error.message)
    );
  });
});

test("a limit of one's own goes with every call and leaves the original alone", async () => {
  const calls = new FakeCalls([]);
  const { temps } = contextOver(calls);
  const patient = temps.withTimeout(90_000);
  await patient.listProjects();
  await patient.withTimeout(null).listProjects();
  await temps.listProjects();
  assert.deepEqual(
    calls.asked.map(({ timeoutMs }) => timeoutMs),
    [90_000, null, null],
  );
});

test("a limit that is no time is refused", () => {
  const { temps } = contextOver(new FakeCalls());
  for (const limit of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "10", true]) {
    assert.throws(() => temps.withTimeout(limit as number), {
      name: "RangeError",
      message: `withTimeout was given ${limit}; it takes milliseconds, more than 0, or null`,
    });
  }
});

// Checked by the compiler: a call by its name has the types of the wire.
export async function typed(temps: TempsClient): Promise<string> {
  const project = await temps.call("get_project", { project_id: 1 });
  // @ts-expect-error a parameter is missing
  await temps.call("get_last_deployment", { environment_id: 1 }).then((it) => it.state);
  return project.name;
}
