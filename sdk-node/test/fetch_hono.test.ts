/** Hono, as it is written for any runtime of the web: routes, middleware, streams. */

import assert from "node:assert/strict";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { logger } from "hono/logger";
import { secureHeaders } from "hono/secure-headers";
import { stream, streamSSE, streamText } from "hono/streaming";
import { validator } from "hono/validator";
import { extractAuthContext, type PluginContext } from "temps-plugin";
import { sampleProject, TestPlatform, testUser } from "temps-plugin/testing";
import { captureLogs, gate, run, test } from "./helpers/plugin.js";

test("routes, parameters, bodies and what the second argument carries", async (t) => {
  const app = new Hono<{ Bindings: PluginContext }>();
  app.get("/hello/:name", (c) => c.text(`Hello ${c.req.param("name")} ${c.req.query("q")}`));
  app.post("/json", async (c) => c.json({ got: await c.req.json() }, 201));
  app.post("/form", async (c) => c.json(await c.req.parseBody()));
  app.get("/projects", async (c) =>
    c.json((await c.env.temps.listProjects()).map(({ name }) => name)),
  );
  app.get("/who", (c) => c.json(extractAuthContext(c.req.raw)?.email ?? null));
  app.get("/html", (c) => c.html("<p>caf\u00e9</p>"));
  app.get("/away", (c) => c.redirect("/hello/x"));
  app.get("/none", (c) => c.body(null, 204));
  app.onError((error, c) => c.text(`caught ${error.message}`, 418));
  app.get("/fails", () => {
    throw new Error("on purpose");
  });
  const platform = new TestPlatform({ projects: [sampleProject({ name: "shop" })] });
  const plugin = await run(t, { fetch: app.fetch }, { platform });
  const get = async (path: string, init = {}): Promise<unknown[]> => {
    const response = await plugin.fetch(path, init);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await get("/hello/caf%C3%A9?q=a%20b"), [200, "Hello caf\u00e9 a b"]);
  const post = { method: "POST" };
  assert.deepEqual(await get("/json", { ...post, json: { a: 1 } }), [201, '{"got":{"a":1}}']);
  const body = new URLSearchParams({ a: "b c" });
  assert.deepEqual(await get("/form", { ...post, body }), [200, '{"a":"b c"}']);
  assert.deepEqual(await get("/projects"), [200, '["shop"]']);
  assert.deepEqual(await get("/who", { user: testUser() }), [200, '"ada@example.org"']);
  assert.deepEqual(await get("/html"), [200, "<p>caf\u00e9</p>"]);
  assert.deepEqual(await get("/away"), [302, ""]);
  assert.deepEqual(await get("/none"), [204, ""]);
  assert.deepEqual(await get("/fails"), [418, "caught on purpose"]);
  assert.deepEqual(await get("/nowhere"), [404, "404 Not Found"]);
});

test("the body may be read in several forms, as Hono keeps it", async (t) => {
  const app = new Hono();
  app.post("/", async (c) => {
    const text = await c.req.text();
    return c.json([text, await c.req.json(), (await c.req.arrayBuffer()).byteLength]);
  });
  const plugin = await run(t, { fetch: app.fetch });
  const response = await plugin.fetch("/", { method: "POST", body: '{"a":1}' });
  assert.deepEqual(await response.json(), ['{"a":1}', { a: 1 }, 7]);
});

test("middleware sees and changes requests and responses", async (t) => {
  const app = new Hono();
  const logged: string[] = [];
  app.use(logger((line) => void logged.push(line)));
  app.use(cors({ origin: "https://example.org" }), secureHeaders(), etag());
  app.use("/small", bodyLimit({ maxSize: 10, onError: (c) => c.text("too big", 413) }));
  app.use("/packed", compress({ threshold: 0 }));
  app.use(async (c, next) => {
    await next();
    c.header("x-after", "1");
    c.res.headers.append("x-after", "2");
  });
  app.get("/", (c) => c.text("root"));
  app.get("/packed", (c) => c.text("a".repeat(5000)));
  app.post("/small", async (c) => c.text(await c.req.text()));
  app.get("/cookies", (c) => {
    setCookie(c, "one", "1");
    setCookie(c, "two", "2", { httpOnly: true });
    deleteCookie(c, "three");
    return c.text(getCookie(c, "given") ?? "none");
  });
  app.get("/refused", () => {
    throw new HTTPException(403, { message: "not for you" });
  });
  app.get(
    "/valid",
    validator("query", (value, c) => (value["n"] ? value : c.text("n is missing", 400))),
    (c) => c.text("valid"),
  );
  const plugin = await run(t, { fetch: app.fetch });
  const root = await plugin.fetch("/", { headers: { origin: "https://example.org" } });
  assert.equal(await root.text(), "root");
  assert.equal(root.headers.get("x-after"), "1, 2");
  assert.equal(root.headers.get("access-control-allow-origin"), "https://example.org");
  assert.equal(root.headers.get("x-frame-options"), "SAMEORIGIN");
  const tag = root.headers.get("etag") ?? "";
  const same = await plugin.fetch("/", { headers: { "if-none-match": tag } });
  assert.equal(same.status, 304);
  const packed = await plugin.fetch("/packed", { headers: { "accept-encoding": "gzip" } });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  const unpacked = packed.body?.pipeThrough(new DecompressionStream("gzip"));
  assert.equal(await new Response(unpacked ?? null).text(), "a".repeat(5000));
  const small = { method: "POST", body: "tiny" };
  assert.equal(await (await plugin.fetch("/small", small)).text(), "tiny");
  const big = await plugin.fetch("/small", { method: "POST", body: "x".repeat(100) });
  assert.equal(big.status, 413);
  async function* unknownLength(): AsyncGenerator<Buffer> {
    for (let count = 0; count < 20; count++) yield Buffer.from("piece");
  }
  const streamed = await plugin.fetch("/small", { method: "POST", body: unknownLength() });
  assert.equal(streamed.status, 413);
  const cookies = await plugin.fetch("/cookies");
  assert.deepEqual(
    cookies.headers.getSetCookie().map((one) => one.split(";")[0]),
    ["one=1", "two=2", "three="],
  );
  const refused = await plugin.fetch("/refused");
  assert.deepEqual([refused.status, await refused.text()], [403, "not for you"]);
  assert.equal((await plugin.fetch("/valid")).status, 400);
  assert.equal(await (await plugin.fetch("/valid?n=1")).text(), "valid");
  assert.ok(logged.some((line) => line.includes("GET /valid?n=1")));
});

test("streams reach the caller as they are written", async (t) => {
  const proceed = gate();
  const app = new Hono();
  app.get("/text", (c) =>
    streamText(c, async (out) => {
      await out.write("first ");
      await proceed.promise;
      await out.write("second");
    }),
  );
  app.get("/events", (c) =>
    streamSSE(c, async (out) => {
      await out.writeSSE({ data: "one", event: "tick", id: "1" });
      await out.writeSSE({ data: "two" });
    }),
  );
  app.get("/piped", (c) => stream(c, (out) => out.pipe(new Blob(["piped"]).stream())));
  const plugin = await run(t, { fetch: app.fetch });
  const text = await plugin.fetch("/text");
  const reader = text.body?.getReader();
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "first ");
  proceed.open();
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "second");
  const events = await plugin.fetch("/events");
  assert.equal(events.headers.get("content-type"), "text/event-stream");
  assert.equal(await events.text(), "event: tick\ndata: one\nid: 1\n\ndata: two\n\n");
  assert.equal(await (await plugin.fetch("/piped")).text(), "piped");
});

test("a stream is told when its caller goes away", async (t) => {
  const aborted = gate();
  const app = new Hono();
  app.get("/", (c) =>
    streamSSE(c, async (out) => {
      out.onAbort(aborted.open);
      let count = 0;
      while (!out.aborted) {
        await out.writeSSE({ data: String(count++) });
        await new Promise(setImmediate);
      }
    }),
  );
  const plugin = await run(t, { fetch: app.fetch });
  const leave = new AbortController();
  const response = await plugin.fetch("/", { signal: leave.signal });
  const reader = response.body?.getReader();
  await reader?.read();
  leave.abort();
  await assert.rejects(async () => {
    while (!(await reader?.read())?.done);
  });
  await aborted.promise;
});

test("an error that the application does not catch is Hono's 500", async (t) => {
  const logs = captureLogs(t);
  t.mock.method(console, "error", () => undefined);
  const app = new Hono();
  app.get("/", () => {
    throw new Error("on purpose");
  });
  app.get("/stream", (c) =>
    streamText(c, async (out) => {
      await out.write("some");
      throw new Error("on purpose");
    }),
  );
  const plugin = await run(t, { fetch: app.fetch });
  const response = await plugin.fetch("/");
  assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error"]);
  assert.equal(await (await plugin.fetch("/stream")).text(), "some");
  assert.deepEqual(logs.lines, []);
});
