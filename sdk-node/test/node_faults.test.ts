// What goes wrong between a handler in Node's style and its caller.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { exchangeOf } from "../ts/node/exchange_of.js";
import { makeNodeHandler, type UpgradeListener } from "../ts/node/handler.js";
import { type Given, MockExchange } from "./helpers/mock_exchange.js";

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;

function serve(handler: Handler, given: Given = {}): MockExchange {
  const exchange = new MockExchange(given);
  makeNodeHandler(handler)(exchange.asExchange);
  return exchange;
}

/** Runs a handler and gives what it saw, with its request and response. */
function hold(given: Given = {}): {
  exchange: MockExchange;
  req: IncomingMessage;
  res: ServerResponse;
} {
  let held: [IncomingMessage, ServerResponse] | undefined;
  const exchange = serve((req, res) => {
    held = [req, res];
  }, given);
  assert(held !== undefined);
  return { exchange, req: held[0], res: held[1] };
}

/** An `http.Server` that answers by its listeners. */
function server(...listeners: Handler[]): http.Server {
  const made = http.createServer();
  for (const listener of listeners) made.on("request", listener);
  return made;
}

test("a handler that throws is answered 500", async () => {
  const failure = new Error("no good");
  const exchange = serve(() => {
    throw failure;
  });
  await exchange.over;
  assert.equal(exchange.status, 500);
  assert.equal(exchange.aborted?.error, failure);
});

test("a handler that rejects is answered 500, and nothing is left unhandled", async () => {
  const exchange = serve(async () => {
    await turn();
    throw new Error("no good");
  });
  await exchange.over;
  assert.equal(exchange.status, 500);
});

test("what was written before a throw is not sent if its turn was not over", async () => {
  const exchange = serve((_req, res) => {
    res.write("half");
    throw new Error("no good");
  });
  await exchange.over;
  await turn();
  assert.deepEqual(exchange.calls, ["abort"]);
});

test("an answer that was begun is broken off", async () => {
  const exchange = serve(async (_req, res) => {
    res.write("half");
    await turn();
    throw new Error("no good");
  });
  await exchange.over;
  assert.deepEqual(exchange.calls, ["start", "write", "abort"]);
  assert.equal(exchange.status, 200);
});

test("listeners of a server fail like a handler, one by one", async () => {
  const exchange = new MockExchange();
  const given = server(
    async () => {
      throw new Error("the first");
    },
    (_req, res) => {
      res.on("close", () => undefined);
    },
  );
  makeNodeHandler(given)(exchange.asExchange);
  await exchange.over;
  assert.match(String(exchange.aborted?.error), /the first/);
});

test("a server without a listener is answered 500", async () => {
  const exchange = new MockExchange();
  makeNodeHandler(server())(exchange.asExchange);
  await exchange.over;
  assert.match(String(exchange.aborted?.error), /no `request` listener/);
});

test("once() listeners of a server answer once", async () => {
  const given = http.createServer();
  given.once("request", (_req, res) => {
    res.end("once");
  });
  const handle = makeNodeHandler(given);
  const [first, second] = [new MockExchange(), new MockExchange()];
  handle(first.asExchange);
  handle(second.asExchange);
  await first.over;
  await second.over;
  assert.equal(first.text, "once");
  assert.equal(second.status, 500);
});

test("a caller that leaves is told to the request and the response", async () => {
  const { exchange, req, res } = hold({ method: "POST", open: true });
  const seen: string[] = [];
  req.on("aborted", () => seen.push("req aborted"));
  req.on("error", (error: NodeJS.ErrnoException) => seen.push(`req ${error.code}`));
  req.on("close", () => seen.push("req close"));
  res.on("finish", () => seen.push("res finish"));
  res.on("close", () => seen.push("res close"));
  res.write("a");
  await turn();
  exchange.leave();
  await turn();
  assert.deepEqual(seen, ["req aborted", "res close", "req ECONNRESET", "req close"]);
  assert.equal(req.aborted, true);
  assert.equal(req.destroyed && res.destroyed && res.socket?.destroyed, true);
  assert.equal(res.writableFinished, false);
});

test("what is written after the caller left is lost, and every callback is called", async () => {
  const { exchange, res } = hold();
  res.write("a");
  await turn();
  exchange.leave();
  const lost = await new Promise<Error | null | undefined>((resolve) => res.write("b", resolve));
  assert.equal((lost as NodeJS.ErrnoException).code, "ERR_STREAM_DESTROYED");
  res.end("c");
  await turn();
  assert.deepEqual(exchange.calls, ["start", "write"]);
});

test("a write that waits when the caller leaves is called back with an error", async () => {
  const { exchange, res } = hold({ room: 1 });
  const waiting = new Promise<Error | null | undefined>((resolve) => res.write("a", resolve));
  await turn();
  exchange.leave();
  assert.equal(((await waiting) as NodeJS.ErrnoException).code, "ERR_STREAM_DESTROYED");
});

test("a body is pulled no faster than it is read", async () => {
  const pieces = Array.from({ length: 40 }, () => "x".repeat(16 * 1024));
  const { exchange, req, res } = hold({ method: "POST", body: pieces });
  await turn();
  assert.equal(exchange.pulls, 0);
  req.once("readable", () => undefined);
  for (let round = 0; round < 100; round++) await turn();
  assert(exchange.pulls <= 6, `${exchange.pulls} pieces were pulled and none was read`);
  let length = 0;
  for await (const piece of req) length += (piece as Buffer).length;
  assert.equal(length, 40 * 16 * 1024);
  res.end();
});

test("an answer nobody takes is held back", async () => {
  const { exchange, res } = hold({ room: 1 });
  assert.equal(res.write("x".repeat(100_000)), false);
  let drained = 0;
  res.on("drain", () => drained++);
  await turn();
  await turn();
  assert.equal(drained, 0);
  assert.equal(res.writableNeedDrain, true);
  exchange.drain();
  assert.equal(drained, 1);
  assert.equal(res.writableNeedDrain, false);
  assert.equal(res.writableLength, 0);
});

test("a pipeline to an answer nobody takes holds little", async () => {
  let made = 0;
  const source = new Readable({
    read() {
      made++;
      this.push(Buffer.alloc(64 * 1024));
    },
  });
  const { exchange, res } = hold({ room: 2 });
  const piped = pipeline(source, res);
  for (let round = 0; round < 200; round++) await turn();
  assert(made <= 8, `${made} pieces of 64 KiB were made and two were taken`);
  exchange.leave();
  await assert.rejects(piped, { code: "ERR_STREAM_PREMATURE_CLOSE" });
});

test("the end of an answer waits for what is held back", async () => {
  const { exchange, res } = hold({ room: 1 });
  res.write("a");
  await turn();
  const finished = once(res, "finish");
  res.end("b");
  await turn();
  assert.deepEqual(exchange.calls, ["start", "write"]);
  exchange.drain();
  await finished;
  assert.equal(exchange.text, "ab");
  assert.deepEqual(exchange.calls, ["start", "write", "write", "end"]);
});

test("a source that fails breaks the answer off", async () => {
  const { exchange, res } = hold();
  const source = new Readable({ read: () => undefined });
  source.push("half");
  const piped = pipeline(source, res);
  await turn();
  source.destroy(new Error("the disk is gone"));
  await assert.rejects(piped, /the disk is gone/);
  assert.match(String(exchange.aborted?.error), /the disk is gone/);
});

test("a handler that destroys its request has given no answer", async () => {
  const { exchange, req, res } = hold();
  const closed = once(res, "close");
  req.destroy();
  await closed;
  assert.match(exchange.aborted?.reason ?? "", /before it had answered/);
});

test("a body that breaks off is an aborted request", async () => {
  const { exchange, req } = hold({ method: "POST", open: true });
  const failed = once(req, "error").catch((error: unknown) => [error]);
  req.resume();
  await turn();
  exchange.break("the body is no chunked encoding");
  const [error] = await failed;
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
  assert.equal(req.aborted, true);
  // It is the caller's doing, and nothing to be logged.
  assert.equal(exchange.closed, true);
  assert.equal(exchange.aborted, null);
});

test("a body nobody reads is thrown away with the answer", async () => {
  const { exchange, res } = hold({ method: "POST", open: true });
  res.end("no, thanks");
  await turn();
  assert.equal(exchange.discarded, true);
  assert.equal(exchange.pulls, 0);
});

test("a body that is being read is read on after the answer", async () => {
  const { exchange, req, res } = hold({ method: "POST", open: true });
  const pieces: string[] = [];
  req.on("data", (piece: Buffer) => pieces.push(String(piece)));
  res.end("thanks");
  await turn();
  exchange.feed("late");
  exchange.feed(null);
  await once(req, "end");
  assert.deepEqual(pieces, ["late"]);
  assert.equal(exchange.discarded, false);
});

test("what the native side refuses breaks the answer off and throws nothing", async () => {
  const { exchange, res } = hold();
  res.writeHead(101);
  res.end();
  await exchange.over;
  assert.match(String(exchange.aborted?.error), /status 101/);
});

test("headers can't be smuggled in by a list that grew after it was set", () => {
  const { res } = hold();
  const values = ["a"];
  res.setHeader("x-many", values);
  values.push("b\r\nx-evil: 1");
  assert.throws(() => res.end(), { code: "ERR_INVALID_CHAR" });
});

test("an answer in one piece is one call", async () => {
  const { exchange, res } = hold();
  res.setHeader("x-one", "1");
  res.write("a");
  res.write("b");
  res.end("c");
  await exchange.over;
  assert.deepEqual(exchange.calls, ["respond"]);
  assert.equal(exchange.text, "abc");
});

test("corked writes wait, and are one call", async () => {
  const { exchange, res } = hold();
  res.cork();
  res.write("a");
  await turn();
  res.write("b");
  await turn();
  assert.deepEqual(exchange.calls, []);
  res.uncork();
  await turn();
  assert.deepEqual(exchange.calls, ["start", "write"]);
  res.end("c");
  await exchange.over;
  assert.equal(exchange.text, "abc");
});

test("a socket that is resumed by hand asks for no piece twice", async () => {
  const { exchange, req } = hold({ method: "POST", open: true });
  req.socket.resume();
  req.socket.resume();
  assert.equal(exchange.pulls, 1);
  exchange.feed("early");
  req.resume();
  assert.equal(String((await once(req, "data"))[0]), "early");
});

test("a caller that expects what nobody knows is refused", async () => {
  const exchange = serve(() => assert.fail("called"), { headers: { expect: "a miracle" } });
  await exchange.over;
  assert.equal(exchange.status, 417);
});

test("a server's listeners for expectations are asked", async () => {
  const given = http.createServer(() => assert.fail("called"));
  given.on("checkContinue", (_req, res) => res.writeHead(413).end("too much"));
  const exchange = new MockExchange({
    method: "POST",
    headers: { expect: "100-continue" },
    open: true,
  });
  makeNodeHandler(given)(exchange.asExchange);
  await exchange.over;
  assert.equal(exchange.status, 413);
  // Its body may be on its way all the same.
  assert.equal(exchange.header("connection"), "close");
  await turn();
  assert.equal(exchange.discarded, true);
});

test("CONNECT is refused", async () => {
  const exchange = serve(() => assert.fail("called"), { method: "CONNECT", target: "a:1" });
  await exchange.over;
  assert.equal(exchange.status, 405);
});

test("an idle answer times out, and is broken off if nobody listens", async () => {
  const { exchange, res } = hold();
  res.setTimeout(5);
  // The clock does not keep the process alive.
  const alive = setInterval(() => undefined, 1000);
  await exchange.over;
  clearInterval(alive);
  assert.match(String(exchange.aborted?.error), /nothing happened for 5 ms/);
});

test("who listens for the timeout decides", async () => {
  const { exchange, res } = hold();
  const alive = setInterval(() => undefined, 1000);
  await new Promise<void>((resolve) => {
    res.setTimeout(5, () => {
      res.statusCode = 503;
      res.end("too slow");
      resolve();
    });
  });
  clearInterval(alive);
  await exchange.over;
  assert.equal(exchange.status, 503);
});

test("what an AsyncLocalStorage holds is not the next request's", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const handle = makeNodeHandler((req, res) => {
    seen.push(storage.getStore());
    storage.enterWith(req.url ?? "");
    req.on("data", () => seen.push(storage.getStore()));
    res.end();
  });
  const exchanges = ["/a", "/b"].map(
    (target) => new MockExchange({ method: "POST", target, body: ["x"] }),
  );
  for (const exchange of exchanges) handle(exchange.asExchange);
  await turn();
  await turn();
  await turn();
  assert.deepEqual(seen.slice(0, 2), [undefined, undefined]);
  // Since Node 24 what enterWith sets ends with the call it was made in.
  const later =
    Number.parseInt(process.versions.node, 10) < 24 ? ["/a", "/b"] : [undefined, undefined];
  assert.deepEqual(seen.slice(2), later);
});

test("a request knows its exchange, and nothing else has one", () => {
  const { exchange, req } = hold();
  assert.equal(exchangeOf(req), exchange.asExchange);
  const foreign = new http.IncomingMessage(undefined as never);
  assert.equal(exchangeOf(foreign), undefined);
});

test("what is no handler is refused with what it is", () => {
  const wrong = (given: unknown): (() => void) => {
    return () => makeNodeHandler(given as Handler);
  };
  assert.throws(wrong(undefined), /handler gave undefined; it gives a function \(req, res\)/);
  assert.throws(wrong({ routing: () => undefined }), /class Object; .*has routing: give that/);
  assert.throws(
    () => makeNodeHandler(() => undefined, {} as UpgradeListener),
    /upgrade gave object; it gives a function/,
  );
});
