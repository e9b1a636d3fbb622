// Handlers in Node's style behind a plugin's socket, asked as a host asks.
import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TestContext } from "node:test";
import express from "express";
import fastify from "fastify";
import { extractAuthContext } from "temps-plugin";
import { type TestPlugin, testUser } from "temps-plugin/testing";
import { WebSocket, WebSocketServer } from "ws";
import { captureLogs, gate, run, test } from "./helpers/plugin.js";

function signed(plugin: TestPlugin): Record<string, string> {
  return { "x-temps-auth-signature": plugin.ctx.authSecret };
}

/** A request whose parts the caller wants to see, or hold back. */
function ask(
  plugin: TestPlugin,
  path: string,
  options: http.RequestOptions = {},
): http.ClientRequest {
  const headers = { ...signed(plugin), ...(options.headers as Record<string, string>) };
  return http.request({ ...options, agent: false, headers, path, socketPath: plugin.socketPath });
}

async function answerOf(
  request: http.ClientRequest,
): Promise<{ head: IncomingMessage; text: string }> {
  const [head] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of head) text += String(piece);
  return { head, text };
}

/** Nothing else keeps the process alive while a test waits for what its plugin is told. */
function stayAwake(t: TestContext): void {
  const timer = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(timer));
}

function dial(plugin: TestPlugin, path = "/live"): WebSocket {
  return new WebSocket(`ws+unix://${plugin.socketPath}:${path}`, { headers: signed(plugin) });
}

test("Express answers, and knows who asks", async (t) => {
  const app = express();
  app.post("/notes", express.json(), (req, res) => {
    res.status(201).json({ got: req.body as unknown, who: extractAuthContext(req)?.email });
  });
  const plugin = await run(t, { handler: () => app });
  const user = testUser({ email: "ada@example.com" });
  const response = await plugin.fetch("/notes", { method: "POST", json: { a: 1 }, user });
  assert.equal(response.status, 201);
  assert.deepEqual(await response.json(), { got: { a: 1 }, who: "ada@example.com" });
  const forged = await plugin.fetch("/notes", {
    method: "POST",
    json: {},
    headers: { "x-temps-user-email": "eve@example.com" },
  });
  assert.deepEqual(await forged.json(), { got: {} });
});

test("Fastify answers, by a handler that is made later", async (t) => {
  const plugin = await run(t, {
    handler: async (ctx) => {
      const app = fastify();
      app.get("/name", async () => ({ name: ctx.pluginName }));
      await app.ready();
      return app.server;
    },
  });
  assert.deepEqual(await (await plugin.fetch("/name")).json(), { name: "test-plugin" });
});

test("status, repeated headers and trailers arrive", async (t) => {
  const plugin = await run(t, {
    handler: () => (_req, res) => {
      res.writeHead(207, { "set-cookie": ["a=1", "b=2"], trailer: "x-sum" });
      res.write("body");
      res.addTrailers({ "x-sum": "42" });
      res.end();
    },
  });
  const { head, text } = await answerOf(ask(plugin, "/", { headers: { te: "trailers" } }).end());
  assert.deepEqual(
    [head.statusCode, head.headers["set-cookie"], text, head.trailers],
    [207, ["a=1", "b=2"], "body", { "x-sum": "42" }],
  );
});

test("trailers of a request arrive", async (t) => {
  const plugin = await run(t, {
    handler: () => (req, res) => {
      req.resume().on("end", () => res.end(req.trailers["x-sum"]));
    },
  });
  const request = ask(plugin, "/", { method: "POST", headers: { trailer: "x-sum" } });
  request.write("body");
  request.addTrailers({ "x-sum": "42" });
  request.end();
  assert.equal((await answerOf(request)).text, "42");
});

test("a long body goes in and comes out, piece by piece", async (t) => {
  const plugin = await run(t, {
    handler: () => (req, res) => {
      pipeline(req, res).catch(() => undefined);
    },
  });
  const piece = Buffer.alloc(256 * 1024, "abcdefg");
  const response = await plugin.fetch("/", {
    method: "POST",
    body: Readable.from(Array.from({ length: 100 }, () => piece)),
  });
  let length = 0;
  for await (const part of response.body as AsyncIterable<Uint8Array>) length += part.length;
  assert.equal(length, 100 * piece.length);
});

test("100-continue is sent when the body is read, and not before", async (t) => {
  stayAwake(t);
  const arrived = gate<() => void>();
  const plugin = await run(t, {
    handler: () => (req, res) => {
      const read = (): void => void req.resume().on("end", () => res.end("read"));
      if (req.method === "GET") res.end();
      else arrived.open(read);
    },
  });
  const request = ask(plugin, "/", {
    method: "POST",
    headers: { expect: "100-continue", "content-length": "4" },
  });
  let isContinued = false;
  request.on("continue", () => {
    isContinued = true;
    request.end("body");
  });
  request.flushHeaders();
  const read = await arrived.promise;
  // By the time another request is answered, a continue would have come.
  await plugin.fetch("/");
  assert.equal(isContinued, false);
  read();
  assert.equal((await answerOf(request)).text, "read");
  assert.equal(isContinued, true);
});

test("a caller that leaves closes the response", async (t) => {
  stayAwake(t);
  const left = gate();
  const plugin = await run(t, {
    handler: () => (_req, res) => {
      res.on("close", () => left.open());
      res.write("begun");
    },
  });
  const request = ask(plugin, "/").end();
  request.on("error", () => undefined);
  await once(request, "response");
  request.destroy();
  await left.promise;
});

test("an answer nobody reads is held back", async (t) => {
  stayAwake(t);
  let made = 0;
  const isHeld = new Promise<void>((resolve) => {
    t.after(() => resolve());
    // Held back for as long as no more is asked for in a hundred turns.
    let last = 0;
    let turns = 0;
    const look = (): void => {
      turns = made === last && made > 0 ? turns + 1 : 0;
      last = made;
      if (turns === 100) resolve();
      else setTimeout(look, 1);
    };
    look();
  });
  const plugin = await run(t, {
    handler: () => (_req, res) => {
      const source = new Readable({
        read() {
          made++;
          this.push(Buffer.alloc(64 * 1024));
        },
      });
      pipeline(source, res).catch(() => undefined);
    },
  });
  const request = ask(plugin, "/").end();
  request.on("error", () => undefined);
  const [head] = (await once(request, "response")) as [IncomingMessage];
  head.on("error", () => undefined);
  head.pause();
  await isHeld;
  assert(made < 200, `${made} pieces of 64 KiB were made and none was read`);
  request.destroy();
});

test("what fails is logged with the plugin's name, and answered 500", async (t) => {
  stayAwake(t);
  const logs = captureLogs(t);
  const plugin = await run(t, {
    handler: () => (req) => {
      if (req.url === "/throw") throw new Error("thrown");
      return Promise.reject(new Error("rejected"));
    },
  });
  assert.equal((await plugin.fetch("/throw")).status, 500);
  await logs.line("test-plugin: GET /throw: the handler failed", "Error: thrown");
  assert.equal((await plugin.fetch("/reject")).status, 500);
  await logs.line("test-plugin: GET /reject: the handler failed", "Error: rejected");
});

test("a body shorter or longer than declared is not passed off as whole", async (t) => {
  stayAwake(t);
  const logs = captureLogs(t);
  const plugin = await run(t, {
    handler: () => (req, res) => {
      const body = req.url?.includes("short") ? "1" : "1234567";
      res.setHeader("content-length", 5);
      if (req.url?.startsWith("/begun")) res.write("", () => res.end(body));
      else res.end(body);
    },
  });
  for (const path of ["/short", "/long"]) {
    assert.equal((await plugin.fetch(path)).status, 500);
    await logs.line("ERROR", `GET ${path}: the handler's answer is not valid`);
  }
  for (const path of ["/begun/short", "/begun/long"]) {
    await assert.rejects(async () => (await plugin.fetch(path)).text());
    await logs.line("ERROR", `GET ${path}: the answer is broken off`);
  }
});

for (const style of ["server", "upgrade"] as const) {
  test(`WebSockets by ${style}`, async (t) => {
    stayAwake(t);
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on("connection", (socket, request) => {
      const who = extractAuthContext(request)?.email ?? "nobody";
      socket.on("message", (data, isBinary) => socket.send(`${who} ${data}`, { binary: isBinary }));
    });
    const server = http.createServer((_req, res) => res.end("plain"));
    if (style === "server") {
      server.on("upgrade", (req, socket, head) =>
        sockets.handleUpgrade(req, socket, head, (one) => sockets.emit("connection", one, req)),
      );
    }
    const plugin = await run(t, {
      handler: () => server,
      ...(style === "upgrade" && {
        upgrade: () => (req, socket, head) =>
          sockets.handleUpgrade(req, socket, head, (one) => sockets.emit("connection", one, req)),
      }),
    });
    const client = dial(plugin);
    await once(client, "open");
    client.send("x".repeat(200_000));
    const [message] = await once(client, "message");
    assert.equal(String(message), `nobody ${"x".repeat(200_000)}`);
    client.close(4001, "enough");
    const [code] = await once(client, "close");
    assert.equal(code, 4001);
    assert.equal(await (await plugin.fetch("/")).text(), "plain");
  });
}

test("a WebSocket that is refused gets the refusal's status", async (t) => {
  const server = http.createServer();
  new WebSocketServer({ server, verifyClient: () => false });
  const plugin = await run(t, { handler: () => server });
  const [error] = await once(dial(plugin), "error").catch((reason: unknown) => [reason]);
  assert.match(String(error), /401/);
});

test("what a request says of its connection is as on a Unix socket of Node's", async (t) => {
  const plugin = await run(t, {
    handler: () => (req, res) => {
      const { remoteAddress, remotePort, localAddress } = req.socket;
      res.end(
        JSON.stringify([
          remoteAddress,
          remotePort,
          localAddress,
          req.socket.address(),
          Reflect.get(req.socket, "encrypted"),
          req.socket === res.socket,
        ]),
      );
    },
  });
  const seen = await (await plugin.fetch("/")).json();
  assert.deepEqual(seen, [null, null, null, {}, null, true]);
});

test("a server that listens for itself is no plugin's handler", async (t) => {
  await assert.rejects(
    run(t, { handler: () => createTcpServer() as unknown as http.Server }),
    /handler gave an object of class Server/,
  );
});
