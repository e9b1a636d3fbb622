/** Author code that goes wrong in its answers, in both styles; the plugin stays, and says why. */

import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import type { TestContext } from "node:test";
import type { FetchHandler, PluginDefinition } from "temps-plugin";
import type { TestPlugin } from "temps-plugin/testing";
import { Peer, placeOf } from "./helpers/peer.js";
import { captureLogs, type Logs, run, test } from "./helpers/plugin.js";

/** A fault: what the handler does, and words of the log. */
type Fetch = [FetchHandler, string];
type Node = [RequestListener, string];

const thrown = (): never => {
  throw new RangeError("on purpose");
};
const failing = (...pieces: unknown[]): ReadableStream =>
  new ReadableStream({
    pull(controller) {
      if (pieces.length === 0) thrown();
      controller.enqueue(pieces.shift());
    },
  });
const whole = (...pieces: string[]): ReadableStream =>
  new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(Buffer.from(piece));
    },
  });
const text = Buffer.from("some");

/** Nothing was sent: the caller gets a 500. */
const BEFORE_FETCH: Record<string, Fetch> = {
  throws: [thrown, "RangeError: on purpose"],
  rejects: [async () => thrown(), "RangeError: on purpose"],
  "rejects with nothing": [() => Promise.reject(), "the handler failed"],
  "throws a text": [
    () => {
      throw "just a text";
    },
    "just a text",
  ],
  "gives nothing": [(() => undefined) as never, "returned undefined; allowed: a Response"],
  "gives null": [(() => null) as never, "returned null"],
  "gives a text": [(async () => "text") as never, "returned text"],
  "gives an object": [(() => ({ status: 200 })) as never, "returned Object"],
  "gives a used response": [
    async () => {
      const response = new Response("used");
      await response.text();
      return response;
    },
    "read before",
  ],
  "gives a locked response": [
    () => {
      const response = new Response(whole("a"));
      response.body?.getReader();
      return response;
    },
    "locked",
  ],
  "gives an error response": [() => Response.error(), "status 0"],
  "status 99": [() => new Response("", { status: 99 }), "99"],
  "status 600": [() => new Response("", { status: 600 }), "600"],
  "status 101": [() => new Response(null, { status: 101 }), "101"],
  "header injection": [
    () => new Response("", { headers: { "x-a": "a\r\nset-cookie: b=c" } }),
    "x-a",
  ],
  "a control character in a header": [
    () => new Response("", { headers: { "x-a": "a\u0001b" } }),
    "x-a",
  ],
  "a control character in a header of a stream": [
    () => new Response(whole("a"), { headers: { "x-a": "a\u007fb" } }),
    "x-a",
  ],
  "two lengths": [
    () =>
      new Response(null, {
        headers: [
          ["content-length", "1"],
          ["content-length", "2"],
        ],
      }),
    "content-length",
  ],
  "a length that is none": [
    () => new Response("", { headers: { "content-length": "-1" } }),
    "content-length",
  ],
  "too much": [
    () => new Response("some", { headers: { "content-length": "3" } }),
    "content-length is 3, but the body has 4 bytes",
  ],
  "too little": [
    () => new Response("some", { headers: { "content-length": "5" } }),
    "content-length is 5, but the body has 4 bytes",
  ],
};

const BEFORE_NODE: Record<string, Node> = {
  "throws after a piece that was not sent yet": [
    (_, res) => {
      res.writeHead(200);
      res.write("some");
      thrown();
    },
    "RangeError: on purpose",
  ],
  throws: [thrown, "RangeError: on purpose"],
  rejects: [async () => thrown(), "RangeError: on purpose"],
  "status 99": [
    (_, res) => {
      res.statusCode = 99;
      res.end("x");
    },
    "Invalid status code: 99",
  ],
  "writeHead 1000": [(_, res) => void res.writeHead(1000).end(), "Invalid status code: 1000"],
  "header injection": [
    (_, res) => void res.setHeader("x-a", "a\r\nset-cookie: b=c").end(),
    "Invalid character in header content",
  ],
  "a header's name": [(_, res) => void res.setHeader("no name", "a").end(), "valid HTTP token"],
  "a length that is none": [
    (_, res) => void res.setHeader("content-length", "x").end("some"),
    "content-length",
  ],
};

/** Something was sent: the connection is closed, so that it never looks like the end. */
const WITHIN_FETCH: Record<string, Fetch> = {
  "a stream that errors": [() => new Response(failing(text)), "RangeError: on purpose"],
  "a stream that errors at once": [() => new Response(failing()), "RangeError: on purpose"],
  "a stream of texts": [
    () => new Response(failing(text, "text")),
    "gave text; allowed: Uint8Array",
  ],
  "a stream of null": [() => new Response(failing(text, null)), "gave null"],
  "too much in pieces": [
    () => new Response(whole("some", "more"), { headers: { "content-length": "6" } }),
    "content-length is 6, but the body has at least 8 bytes",
  ],
  "too little in pieces": [
    () => new Response(whole("some"), { headers: { "content-length": "6" } }),
    "content-length is 6, but the body has 4 bytes",
  ],
};

const WITHIN_NODE: Record<string, Node> = {
  "rejects after the head": [
    async (_, res) => {
      res.write("some");
      await new Promise(setImmediate);
      thrown();
    },
    "RangeError: on purpose",
  ],
};

/** A plugin whose `/ok` is well behaved, while `/bad` does something else. */
function styles(
  bad: FetchHandler | undefined,
  node: RequestListener | undefined,
): Partial<PluginDefinition> {
  if (bad !== undefined) {
    const fetch: FetchHandler = (request, ctx) =>
      request.url.endsWith("/ok") ? new Response("ok") : bad(request, ctx);
    return { fetch };
  }
  return {
    handler: () => (req, res) => {
      if (req.url === "/ok") res.end("ok");
      else return node?.(req, res);
    },
  };
}

async function start(
  t: TestContext,
  bad: FetchHandler | undefined,
  node?: RequestListener,
): Promise<{ plugin: TestPlugin; logs: Logs }> {
  const logs = captureLogs(t);
  return { plugin: await run(t, styles(bad, node) as never), logs };
}

async function isWell(plugin: TestPlugin): Promise<void> {
  const response = await plugin.fetch("/ok");
  assert.deepEqual([response.status, await response.text()], [200, "ok"]);
}

async function isA500(plugin: TestPlugin, logs: Logs, words: string): Promise<void> {
  const response = await plugin.fetch("/bad");
  const said = await response.text();
  assert.equal(response.status, 500, said);
  assert.equal(JSON.parse(said).title, "Internal Server Error");
  assert.ok(!said.includes("on purpose"));
  assert.equal(response.headers.get("set-cookie"), null);
  await logs.line("ERROR", "test-plugin: GET /bad: ", words);
  await isWell(plugin);
}

async function isBrokenOff(
  t: TestContext,
  plugin: TestPlugin,
  logs: Logs,
  words: string,
): Promise<void> {
  const peer = new Peer(t, placeOf(plugin));
  const came = await peer.head("GET", "/bad").rest();
  // A complete answer would end in the last chunk, or have its whole length.
  assert.doesNotMatch(came, /\r\n0\r\n\r\n$|content-length: 6\r\n.*\r\n\r\n.{6}/s);
  await assert.rejects(async () => (await plugin.fetch("/bad")).text());
  await logs.line("ERROR", "test-plugin: GET /bad: ", words);
  await isWell(plugin);
}

for (const [name, [bad, words]] of Object.entries(BEFORE_FETCH)) {
  test(`fetch: ${name}: a 500, and the reason in the log`, async (t) => {
    const { plugin, logs } = await start(t, bad);
    await isA500(plugin, logs, words);
  });
}

for (const [name, [bad, words]] of Object.entries(BEFORE_NODE)) {
  test(`handler: ${name}: a 500, and the reason in the log`, async (t) => {
    const { plugin, logs } = await start(t, undefined, bad);
    await isA500(plugin, logs, words);
  });
}

for (const [name, [bad, words]] of Object.entries(WITHIN_FETCH)) {
  test(`fetch: ${name}: the answer is broken off, and the reason in the log`, async (t) => {
    const { plugin, logs } = await start(t, bad);
    await isBrokenOff(t, plugin, logs, words);
  });
}

for (const [name, [bad, words]] of Object.entries(WITHIN_NODE)) {
  test(`handler: ${name}: the answer is broken off, and the reason in the log`, async (t) => {
    const { plugin, logs } = await start(t, undefined, bad);
    await isBrokenOff(t, plugin, logs, words);
  });
}

test("a stream that cannot be sent is let go", async (t) => {
  const reasons: unknown[] = [];
  const { plugin } = await start(t, () => {
    const body = new ReadableStream({ cancel: (reason) => void reasons.push(String(reason)) });
    return new Response(body, { headers: { "x-a": "a\u007fb" } });
  });
  assert.equal((await plugin.fetch("/bad")).status, 500);
  assert.match(String(reasons[0]), /x-a/);
});

test("a failure of one request is no other's", async (t) => {
  const { plugin } = await start(t, async () => {
    await new Promise(setImmediate);
    return thrown();
  });
  const statuses = await Promise.all(
    Array.from(
      { length: 50 },
      async (_, count) => (await plugin.fetch(count % 2 ? "/ok" : "/bad")).status,
    ),
  );
  assert.deepEqual(
    statuses,
    statuses.map((_, count) => (count % 2 ? 200 : 500)),
  );
});
