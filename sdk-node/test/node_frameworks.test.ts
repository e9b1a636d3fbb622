// Frameworks, as their authors wrote them, answering through the SDK.
import assert from "node:assert/strict";
import http, { type RequestListener } from "node:http";
import { Readable } from "node:stream";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import busboy from "busboy";
import compression from "compression";
import express, { type Express } from "express";
import session from "express-session";
import fastify from "fastify";
import Koa from "koa";
import { makeNodeHandler } from "../ts/node/handler.js";
import { type Given, MockExchange } from "./helpers/mock_exchange.js";

const JSON_TYPE = { "content-type": "application/json" };

async function ask(handler: RequestListener | http.Server, given: Given): Promise<MockExchange> {
  const exchange = new MockExchange(given);
  makeNodeHandler(handler)(exchange.asExchange);
  await exchange.over;
  return exchange;
}

function post(text: string, headers: Record<string, string> = JSON_TYPE): Given {
  const length = String(Buffer.byteLength(text));
  return { method: "POST", headers: { ...headers, "content-length": length }, body: [text] };
}

function expressApp(): Express {
  const app = express();
  app.get("/item/:id", (req, res) => {
    res.status(201).set("x-one", "1").json({ id: req.params.id, q: req.query, host: req.hostname });
  });
  app.post("/echo", express.json(), (req, res) => {
    res.send(req.body as object);
  });
  app.get("/page", (_req, res) => {
    res.type("html").send("<p>caf\u00e9</p>");
  });
  app.get("/fail", () => {
    throw new Error("no good");
  });
  app.get("/late", async () => {
    throw new Error("no good");
  });
  const sub = express.Router();
  sub.get("/deep", (req, res) => {
    res.redirect(`${req.baseUrl}/elsewhere`);
  });
  app.use("/sub", sub);
  app.use(((error, _req, res, _next) => {
    res.status(500).send(`caught ${(error as Error).message}`);
  }) as express.ErrorRequestHandler);
  return app;
}

for (const [name, make] of [
  ["a function", (app: Express) => app],
  ["a server", (app: Express) => http.createServer(app)],
] as const) {
  test(`Express as ${name}`, async () => {
    const app = make(expressApp());
    const item = await ask(app, { target: "/item/7?a=b", headers: { host: "plug.in" } });
    assert.equal(item.status, 201);
    assert.equal(item.header("x-one"), "1");
    assert.equal(item.header("content-type"), "application/json; charset=utf-8");
    assert.deepEqual(item.json, { id: "7", q: { a: "b" }, host: "plug.in" });
    const echo = await ask(app, { ...post('{"deep":{"a":[1]}}'), target: "/echo" });
    assert.deepEqual(echo.json, { deep: { a: [1] } });
    const page = await ask(app, { target: "/page" });
    assert.equal(page.text, "<p>caf\u00e9</p>");
    const etag = page.header("etag") ?? "";
    const unchanged = await ask(app, { target: "/page", headers: { "if-none-match": etag } });
    assert.equal(unchanged.status, 304);
    assert.equal(unchanged.text, "");
    const head = await ask(app, { method: "HEAD", target: "/page" });
    assert.equal(head.header("content-length"), "12");
    assert.equal(head.text, "");
    const moved = await ask(app, { target: "/sub/deep" });
    assert.equal(moved.header("location"), "/sub/elsewhere");
    for (const target of ["/fail", "/late"]) {
      assert.equal((await ask(app, { target })).text, "caught no good");
    }
    assert.equal((await ask(app, { target: "/nowhere" })).status, 404);
    const refused = await ask(app, { ...post("{"), target: "/echo" });
    assert.match(refused.text, /^caught .*JSON/);
  });
}

test("an answer of Express is one call", async () => {
  const exchange = await ask(expressApp(), { target: "/item/1" });
  assert.deepEqual(exchange.calls, ["respond"]);
});

test("a body that breaks off under Express reaches its error handler", async () => {
  const app = express();
  const failed = new Promise<string>((resolve) => {
    app.use(express.json());
    app.use(((error, _req, _res, _next) => {
      resolve((error as { type: string }).type);
    }) as express.ErrorRequestHandler);
  });
  const exchange = new MockExchange({
    method: "POST",
    headers: { ...JSON_TYPE, "content-length": "10" },
    body: ["{"],
    open: true,
  });
  makeNodeHandler(app)(exchange.asExchange);
  while (exchange.pulls < 2) await new Promise(setImmediate);
  exchange.leave();
  assert.equal(await failed, "request.aborted");
});

test("Express with compression", async () => {
  const app = express();
  const long = "compress me ".repeat(1000);
  app.use(compression());
  app.get("/", (_req, res) => {
    res.send(long);
  });
  app.get("/stream", (_req, res) => {
    Readable.from([long, long]).pipe(res.type("text/plain"));
  });
  const whole = await ask(app, { headers: { "accept-encoding": "gzip" } });
  assert.equal(whole.header("content-encoding"), "gzip");
  assert.equal(String(gunzipSync(Buffer.concat(whole.pieces))), long);
  const streamed = await ask(app, { target: "/stream", headers: { "accept-encoding": "br" } });
  assert.equal(String(brotliDecompressSync(Buffer.concat(streamed.pieces))), long + long);
});

test("Express with sessions", async () => {
  const app = express();
  app.use(session({ secret: "test", resave: false, saveUninitialized: true }));
  app.get("/", (req, res) => {
    const counted = req.session as unknown as { visits?: number };
    counted.visits = (counted.visits ?? 0) + 1;
    res.json(counted.visits);
  });
  const first = await ask(app, {});
  const cookie = first.header("set-cookie")?.split(";")[0] ?? "";
  assert.match(cookie, /^connect\.sid=/);
  assert.equal((await ask(app, { headers: { cookie } })).json, 2);
});

test("Express sends files", async () => {
  const app = express();
  app.use(express.static(process.env["TEMPS_PLUGIN_ROOT"] ?? process.cwd()));
  const whole = await ask(app, { target: "/package.json" });
  assert.equal((whole.json as { name: string }).name, "temps-plugin");
  const part = await ask(app, { target: "/package.json", headers: { range: "bytes=0-0" } });
  assert.deepEqual([part.status, part.text], [206, "{"]);
});

test("uploads by busboy", async () => {
  const form = [
    '--x\r\ncontent-disposition: form-data; name="note"\r\n\r\nhi\r\n',
    '--x\r\ncontent-disposition: form-data; name="f"; filename="a.bin"\r\n\r\n',
    "y".repeat(100_000),
    "\r\n--x--\r\n",
  ];
  const exchange = await ask(
    (req, res) => {
      const seen: Record<string, unknown> = {};
      const parser = busboy({ headers: req.headers });
      parser.on("field", (name, value) => {
        seen[name] = value;
      });
      parser.on("file", (name, file) => {
        let length = 0;
        file.on("data", (piece: Buffer) => {
          length += piece.length;
        });
        file.on("end", () => {
          seen[name] = length;
        });
      });
      parser.on("close", () => res.end(JSON.stringify(seen)));
      req.pipe(parser);
    },
    {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=x" },
      body: form,
    },
  );
  assert.deepEqual(exchange.json, { note: "hi", f: 100_000 });
});

test("Fastify, by its routing and by its server", async () => {
  const app = fastify();
  app.addHook("onSend", async (_request, reply) => {
    reply.header("x-one", "1");
  });
  app.get<{ Params: { id: string } }>("/item/:id", async (request) => ({ id: request.params.id }));
  app.post("/echo", async (request) => request.body);
  app.get("/stream", (_request, reply) => reply.send(Readable.from(["a", "b"])));
  app.get("/raw", (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(202);
    reply.raw.end("raw");
  });
  app.get("/fail", async () => {
    throw new Error("no good");
  });
  await app.ready();
  for (const handler of [app.routing, app.server]) {
    const item = await ask(handler, { target: "/item/7" });
    assert.deepEqual([item.json, item.header("x-one")], [{ id: "7" }, "1"]);
    assert.deepEqual(item.calls, ["respond"]);
    assert.deepEqual((await ask(handler, { ...post("[1]"), target: "/echo" })).json, [1]);
    assert.equal((await ask(handler, { target: "/stream" })).text, "ab");
    assert.equal((await ask(handler, { target: "/raw" })).status, 202);
    assert.equal((await ask(handler, { target: "/fail" })).status, 500);
    const refused = await ask(handler, { ...post("{"), target: "/echo" });
    assert.equal(refused.status, 400);
  }
  await app.close();
});

test("Koa", async () => {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx) => {
    if (ctx.path === "/fail") throw new Error("no good");
    if (ctx.path === "/stream") ctx.body = Readable.from(["a", "b"]);
    else ctx.body = { path: ctx.path, ip: ctx.ip, secure: ctx.secure };
  });
  const handler = app.callback();
  const plain = await ask(handler, { target: "/x" });
  assert.deepEqual(plain.json, { path: "/x", ip: "", secure: false });
  assert.deepEqual(plain.calls, ["respond"]);
  assert.equal((await ask(handler, { target: "/stream" })).text, "ab");
  assert.equal((await ask(handler, { target: "/fail" })).status, 500);
});

test("classes of one's own, given to http.createServer", async () => {
  class Own extends http.ServerResponse {
    hello(): void {
      this.end("hello from a class");
    }
  }
  const server = http.createServer({ ServerResponse: Own as typeof http.ServerResponse });
  server.on("request", (_req, res) => (res as Own).hello());
  assert.equal((await ask(server, {})).text, "hello from a class");
});
