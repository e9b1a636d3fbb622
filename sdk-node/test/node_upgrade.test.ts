// Connections that author code takes over: by hand, and by `ws`.
import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { exchangeOf } from "../ts/node/exchange_of.js";
import { makeNodeHandler } from "../ts/node/handler.js";
import { type Given, MockExchange } from "./helpers/mock_exchange.js";

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

function asking(upgrade = "echo", more: Given = {}): MockExchange {
  return new MockExchange({
    ...more,
    headers: { connection: "Upgrade", upgrade, ...more.headers },
  });
}

function webSocket(version = "13"): MockExchange {
  return asking("websocket", {
    target: "/live",
    headers: { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": version },
  });
}

/** Has a connection taken over and gives both ends. */
function takenOver(given: MockExchange = asking()): {
  exchange: MockExchange;
  req: IncomingMessage;
  socket: Duplex;
} {
  let held: [IncomingMessage, Duplex] | undefined;
  makeNodeHandler(
    () => assert.fail("answered"),
    (req, socket, head) => {
      assert.equal(head.length, 0);
      held = [req, socket];
    },
  )(given.asExchange);
  assert(held !== undefined);
  return { exchange: given, req: held[0], socket: held[1] };
}

/** A frame as a client sends it: text or close, masked with zeros. */
function frame(opcode: number, payload: string | Buffer): Buffer {
  const data = Buffer.from(payload as string);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | data.length, 0, 0, 0, 0]), data]);
}

/** The frames a server sent after its head, as `[opcode, payload]`. */
function frames(exchange: MockExchange): [number, string][] {
  const all = Buffer.concat(exchange.pieces);
  const found: [number, string][] = [];
  let at = all.indexOf("\r\n\r\n") + 4;
  while (at < all.length) {
    const length = (all[at + 1] as number) & 0x7f;
    found.push([(all[at] as number) & 0x0f, String(all.subarray(at + 2, at + 2 + length))]);
    at += 2 + length;
  }
  return found;
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    if (condition()) return;
    await turn();
  }
  assert.fail("the condition did not come true");
}

test("bytes go both ways, and each way ends by itself", async () => {
  const { exchange, req, socket } = takenOver();
  assert(socket instanceof Duplex);
  assert.equal(req.socket as unknown, socket);
  assert.equal(exchangeOf(req), exchange.asExchange);
  assert.equal(Reflect.get(req, "upgrade"), true);
  socket.write(SWITCH);
  socket.on("data", (piece: Buffer) => socket.write(`<${piece}>`));
  exchange.feed("one");
  await until(() => exchange.text.endsWith("<one>"));
  exchange.feed("two");
  exchange.feed(null);
  await once(socket, "end");
  socket.write("after the end");
  socket.end();
  await once(socket, "finish");
  assert.equal(exchange.text, `${SWITCH}<one><two>after the end`);
  assert.equal(exchange.aborted, null);
});

test("without a listener the request is an ordinary one", async () => {
  const plain: http.RequestListener = (_req, res) => {
    res.end("plain");
  };
  for (const given of [plain, http.createServer(plain)]) {
    const exchange = asking();
    makeNodeHandler(given)(exchange.asExchange);
    await exchange.over;
    assert.equal(exchange.text, "plain");
    assert.equal(exchange.takenOver, false);
  }
});

test("what is not read is not pulled", async () => {
  const { exchange, socket } = takenOver();
  socket.write(SWITCH);
  for (let piece = 0; piece < 50; piece++) exchange.feed("x".repeat(64 * 1024));
  await turn();
  assert.equal(exchange.pulls, 0);
  socket.once("readable", () => undefined);
  for (let round = 0; round < 50; round++) await turn();
  assert(exchange.pulls <= 3, `${exchange.pulls} pieces were pulled and none was read`);
});

test("what the caller does not take is not sent", async () => {
  const { exchange, socket } = takenOver(asking("echo", { room: 1 }));
  let called = 0;
  socket.write(SWITCH, () => called++);
  socket.write("x".repeat(200_000), () => called++);
  await turn();
  assert.equal(called, 0);
  assert.equal(socket.writableNeedDrain, true);
  const drained = once(socket, "drain");
  exchange.drain();
  await drained;
  await until(() => called === 2);
  assert.equal(exchange.text.length, SWITCH.length + 200_000);
});

test("corked writes cross as one", async () => {
  const { exchange, socket } = takenOver();
  socket.cork();
  socket.write(SWITCH);
  socket.write("a");
  socket.write("b");
  socket.uncork();
  await turn();
  assert.deepEqual(exchange.calls, ["upgrade", "write"]);
});

test("destroying it closes the connection quietly", async () => {
  const { exchange, socket } = takenOver();
  socket.write(SWITCH);
  socket.destroy();
  await once(socket, "close");
  assert.equal(exchange.closed, true);
  assert.equal(exchange.aborted, null);
});

test("the caller's leaving closes it, without an error", async () => {
  const { exchange, socket } = takenOver();
  socket.on("error", assert.fail);
  socket.write(SWITCH);
  await turn();
  const closed = once(socket, "close");
  exchange.leave();
  await closed;
  assert.equal(socket.destroyed, true);
});

test("an upgrade listener that throws or rejects is answered 500", async () => {
  for (const listener of [
    () => {
      throw new Error("no good");
    },
    async () => Promise.reject(new Error("no good")),
  ]) {
    const exchange = asking();
    makeNodeHandler(() => undefined, listener as () => void)(exchange.asExchange);
    await exchange.over;
    assert.match(String(exchange.aborted?.error), /no good/);
  }
});

for (const style of ["server", "noServer"]) {
  test(`ws with ${style}: accepts, talks, closes`, async () => {
    const echo = (socket: WebSocket): void => {
      socket.on("message", (data) => socket.send(`echo ${data}`));
    };
    const exchange = webSocket();
    if (style === "server") {
      const server = http.createServer();
      new WebSocketServer({ server, path: "/live" }).on("connection", echo);
      makeNodeHandler(server)(exchange.asExchange);
    } else {
      const server = new WebSocketServer({ noServer: true });
      makeNodeHandler(
        () => assert.fail("answered"),
        (req, socket, head) => server.handleUpgrade(req, socket, head, echo),
      )(exchange.asExchange);
    }
    await until(() => exchange.text.includes("\r\n\r\n"));
    assert.match(exchange.text, /^HTTP\/1\.1 101 .*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s);
    exchange.feed(frame(1, "hello"));
    await until(() => frames(exchange).length === 1);
    assert.deepEqual(frames(exchange), [[1, "echo hello"]]);
    exchange.feed(frame(8, Buffer.from([0x03, 0xe8])));
    await until(() => exchange.calls.includes("end"));
    assert.equal(frames(exchange)[1]?.[0], 8);
    exchange.feed(null);
    await until(() => exchange.closed);
  });
}

test("ws refuses with an ordinary answer", async () => {
  const server = http.createServer();
  new WebSocketServer({ server, path: "/elsewhere" });
  const exchange = webSocket();
  makeNodeHandler(server)(exchange.asExchange);
  await until(() => exchange.calls.includes("end"));
  assert.match(exchange.text, /^HTTP\/1\.1 400 Bad Request\r\n/);
});

test("ws learns that the caller has left", async () => {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  const exchange = webSocket();
  const connected = once(sockets, "connection");
  makeNodeHandler(server)(exchange.asExchange);
  const [socket] = (await connected) as [WebSocket];
  const closed = once(socket, "close");
  exchange.leave();
  assert.equal((await closed)[0], 1006);
});
