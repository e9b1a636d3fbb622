// The same handlers under Node's own server and under the SDK: what they see and what comes out is
// the same.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { finished, pipeline, Readable } from "node:stream";
import { test } from "node:test";
import { makeNodeHandler } from "../ts/node/handler.js";
import { type Given, MockExchange } from "./helpers/mock_exchange.js";

type Handler = (req: IncomingMessage, res: ServerResponse, seen: (what: unknown) => void) => void;

interface Outcome {
  status: number;
  body: string;
  seen: unknown[];
  headers: Record<string, string | undefined>;
  trailers: Record<string, string | undefined>;
}

const HEADERS = ["content-type", "content-length", "set-cookie", "x-one", "x-many", "trailer"];

/** Notes what happens to a request and its response, until both are closed. */
function watch(req: IncomingMessage, res: ServerResponse, seen: (what: unknown) => void): void {
  for (const event of ["end", "aborted", "close"]) req.on(event, () => seen(`req ${event}`));
  req.on("error", (error: NodeJS.ErrnoException) => seen(`req error ${error.code}`));
  for (const event of ["prefinish", "finish", "close"]) {
    res.on(event, () =>
      seen(`res ${event} ${res.writableEnded} ${res.writableFinished} ${res.destroyed}`),
    );
  }
}

function listening(handler: Handler, done: (seen: unknown[]) => void): RequestListener {
  return (req, res) => {
    const seen: unknown[] = [];
    watch(req, res, (what) => seen.push(what));
    let open = 2;
    const closed = (): void => {
      open--;
      if (open === 0) setImmediate(() => done(seen));
    };
    req.on("close", closed);
    res.on("close", closed);
    handler(req, res, (what) => seen.push(what));
  };
}

async function underNode(handler: Handler, given: Given): Promise<Outcome> {
  let seen: unknown[] = [];
  let closed = (): void => undefined;
  const whole = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const server = http.createServer(
    listening(handler, (all) => {
      seen = all;
      closed();
    }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { method = "GET", target = "/", headers = {}, body } = given;
  const options = { port, method, path: target, headers, agent: false };
  const request = http.request(options);
  for (const piece of body === undefined ? [] : [body].flat()) request.write(piece);
  if (given.trailers !== undefined) request.addTrailers(given.trailers);
  request.end();
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of answer) text += String(piece);
  await whole;
  server.close();
  return {
    status: answer.statusCode ?? 0,
    body: text,
    seen,
    headers: Object.fromEntries(
      HEADERS.map((name) => [name, [answer.headers[name]].flat().join(", ") || undefined]),
    ),
    trailers: answer.trailers as Record<string, string>,
  };
}

async function underSdk(handler: Handler, given: Given): Promise<Outcome> {
  const exchange = new MockExchange(given);
  const seen = await new Promise<unknown[]>((resolve) => {
    makeNodeHandler(listening(handler, resolve))(exchange.asExchange);
  });
  const trailers = exchange.trailers === "" ? [] : exchange.trailers.split("\n");
  return {
    status: exchange.status,
    body: exchange.text,
    seen,
    headers: Object.fromEntries(HEADERS.map((name) => [name, exchange.header(name)])),
    trailers: Object.fromEntries(
      trailers.flatMap((name, at) => (at % 2 === 0 ? [[name, trailers[at + 1]]] : [])),
    ),
  };
}

/** What the native server works out by itself. */
function withoutFraming(outcome: Outcome): Outcome {
  const headers = { ...outcome.headers };
  delete headers["content-length"];
  return { ...outcome, headers };
}

function same(name: string, given: Given, handler: Handler): void {
  test(name, async () => {
    const sdk = withoutFraming(await underSdk(handler, given));
    assert.deepEqual(sdk, withoutFraming(await underNode(handler, given)));
  });
}

function code(action: () => unknown): unknown {
  try {
    action();
    return "nothing thrown";
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    return `${name} ${code}`;
  }
}

same("an answer in one piece", {}, (_req, res, seen) => {
  res.setHeader("Content-Type", "text/plain");
  seen([res.headersSent, res.writableEnded, res.writableFinished]);
  res.end("hello", () => seen("end called back"));
  seen([res.headersSent, res.writableEnded, res.writableFinished]);
});

same("an answer without a body", {}, (_req, res) => {
  res.statusCode = 404;
  res.end();
});

same("an answer in pieces, over several turns", {}, (_req, res, seen) => {
  res.write("one ", () => seen("written"));
  setImmediate(() => {
    res.write(Buffer.from("two "));
    res.write("746872656520", "hex");
    setImmediate(() => res.end("four"));
  });
});

same("headers by every way there is", {}, (_req, res, seen) => {
  res.setHeader("X-One", 1);
  res.appendHeader("X-Many", "a");
  res.appendHeader("X-Many", ["b", "c"]);
  res.writeHead(201, "Made", { "Set-Cookie": ["a=1", "b=2"], "Content-Type": "text/x" });
  seen(res.getHeaders()["x-one"]);
  res.end("x");
});

same("writeHead with a list of headers", {}, (_req, res) => {
  res.writeHead(202, ["X-One", "1", "X-Many", "a", "X-Many", "b"]);
  res.end();
});

same("writeHead with an object", {}, (_req, res) => {
  res.writeHead(203, { "X-Many": ["a", "b"], "Content-Length": 2 });
  res.end("ok");
});

same("headers that are flushed before there is a body", {}, (_req, res, seen) => {
  res.setHeader("X-One", "1");
  res.flushHeaders();
  seen(res.headersSent);
  setImmediate(() => res.end("later"));
});

for (const status of [204, 304]) {
  same(`status ${status}, which has no body`, {}, (_req, res) => {
    res.statusCode = status;
    res.write("lost");
    res.end("lost");
  });
}

same("a HEAD request", { method: "HEAD" }, (_req, res) => {
  res.setHeader("Content-Length", 5);
  res.end("hello");
});

same("trailers", {}, (_req, res) => {
  res.writeHead(200, { Trailer: "X-Sum" });
  res.write("body");
  res.addTrailers({ "X-Sum": "42" });
  res.end();
});

same("trailers on an answer in one piece", {}, (_req, res) => {
  res.setHeader("Trailer", "X-Sum");
  res.addTrailers([["X-Sum", "43"]] as unknown as http.OutgoingHttpHeaders);
  res.end("body");
});

same("trailers of an answer of known length, which are lost", {}, (_req, res) => {
  res.addTrailers({ "X-Sum": "42" });
  res.end("body");
});

same("what is wrong", {}, (_req, res, seen) => {
  seen(code(() => res.writeHead(99)));
  seen(code(() => res.writeHead(1000)));
  seen(code(() => res.setHeader("a b", "1")));
  seen(code(() => res.setHeader("x-one", "1\n2")));
  seen(code(() => res.setHeader("x-one", undefined as unknown as string)));
  seen(code(() => res.writeHead(200, { "x-one": "\u20ac" })));
  seen(code(() => res.writeHead(200, ["x-one"])));
  seen(code(() => res.writeHead(200, { trailer: "x", "content-length": "3" })));
  seen(code(() => res.write(1 as unknown as string)));
  seen(code(() => res.write(null as unknown as string)));
  res.end("yet answered");
  seen(code(() => res.setHeader("x-one", "1")));
  seen(code(() => res.writeHead(200)));
});

same("writing after the end", {}, (_req, res, seen) => {
  res.on("error", (error: NodeJS.ErrnoException) => seen(error.code));
  res.end("all");
  res.write("more", (error) => seen((error as NodeJS.ErrnoException).code));
  res.end((error?: Error) => seen(error === undefined || error === null));
});

same("a body longer than declared, held against it", {}, (_req, res, seen) => {
  res.strictContentLength = true;
  res.setHeader("Content-Length", 3);
  res.flushHeaders();
  seen(code(() => res.write("four")));
  res.end("abc");
});

same("a body that is sent back", { method: "POST", body: ["one ", "two"] }, (req, res) => {
  pipeline(req, res, () => undefined);
});

same("a body of several pieces that is read", { method: "PUT", body: ["a", "b"] }, (req, res) => {
  let text = "";
  req.setEncoding("utf8");
  req.on("data", (piece: string) => {
    text += piece;
  });
  req.on("end", () => {
    res.end(`${text} ${req.complete} ${req.readableEnded}`);
  });
});

same("a body that was there at once", { method: "POST", body: "whole" }, async (req, res) => {
  const pieces = await Readable.prototype.toArray.call(req);
  res.end(Buffer.concat(pieces as Buffer[]));
});

same("a body nobody reads", { method: "POST", body: ["a", "b"] }, (_req, res) => {
  res.end("no, thanks");
});

same("no body, read all the same", {}, (req, res) => {
  req.resume().on("end", () => res.end(`${req.complete}`));
});

same(
  "trailers of a request",
  {
    method: "POST",
    headers: { "transfer-encoding": "chunked" },
    body: ["x"],
    trailers: { "x-t": "1" },
  },
  (req, res) => {
    req.resume().on("end", () => res.end(JSON.stringify([req.trailers, req.rawTrailers.length])));
  },
);

same("a stream that is piped", {}, (_req, res) => {
  Readable.from(["a".repeat(100_000), "b".repeat(100_000)]).pipe(res);
});

same("corked writes", {}, (_req, res) => {
  res.cork();
  res.write("a");
  res.write("b");
  setImmediate(() => {
    res.uncork();
    res.end("c");
  });
});

same("stream.finished on both", { method: "POST", body: ["x"] }, (req, res, seen) => {
  finished(res, (error) => seen(`res finished ${error?.message}`));
  finished(req, (error) => seen(`req finished ${error?.message}`));
  req.resume();
  res.end("x");
});

same(
  "headers that come more than once",
  {
    headers: { cookie: "a=1; b=2", "x-many": ["1", "2"], host: "first" },
  },
  (req, res) => {
    const { cookie, host } = req.headers;
    res.end(JSON.stringify([cookie, host, req.headers["x-many"], req.headersDistinct["x-many"]]));
  },
);

same("what a request says of itself", { method: "DELETE", target: "/a%20b?c=1" }, (req, res) => {
  const { method, url, httpVersion, httpVersionMajor, httpVersionMinor } = req;
  const upgrade: unknown = Reflect.get(req, "upgrade");
  const is = [req instanceof http.IncomingMessage, res instanceof http.ServerResponse];
  res.end(
    JSON.stringify([method, url, httpVersion, httpVersionMajor, httpVersionMinor, upgrade, is]),
  );
});

same(
  "a caller that expects 100-continue",
  {
    method: "POST",
    headers: { expect: "100-continue", "content-length": "3" },
    body: ["abc"],
  },
  (req, res) => {
    req.resume().on("end", () => res.end("continued"));
  },
);

test("observers of all servers are told", async () => {
  const told: string[] = [];
  const topics = ["http.server.request.start", "http.server.response.finish"];
  const observers = topics.map((topic) => (message: unknown) => {
    told.push(`${topic} ${(message as { request: IncomingMessage }).request.url}`);
  });
  for (const [at, topic] of topics.entries()) subscribe(topic, observers[at] as () => void);
  const exchange = new MockExchange({ target: "/seen" });
  makeNodeHandler((_req, res) => res.end())(exchange.asExchange);
  await exchange.over;
  await new Promise(setImmediate);
  for (const [at, topic] of topics.entries()) unsubscribe(topic, observers[at] as () => void);
  assert.deepEqual(
    told,
    topics.map((topic) => `${topic} /seen`),
  );
});
