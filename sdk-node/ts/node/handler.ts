// From an exchange to author code in Node's style: `(req, res)`, or a server that never listens.
import { AsyncResource } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type http from "node:http";
import type { RequestListener } from "node:http";
import type { Duplex } from "node:stream";
import type { Exchange } from "../exchange.js";
import { type Classes, classesOf, isHttpServer, type Request, type Response } from "./internals.js";
import { makeRequest, makeResponse } from "./request.js";
import { RequestSocket } from "./socket.js";
import { UpgradedSocket } from "./upgrade.js";

/** Takes a connection over: what `ws` wants from a server's `upgrade` event. */
export type UpgradeListener = (req: http.IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A listener as it is written: one that is `async` gives a promise. */
type Listener = (this: unknown, ...given: unknown[]) => unknown;

const requestStart = channel("http.server.request.start");
const responseFinish = channel("http.server.response.finish");
const NOTHING = Buffer.alloc(0);

// What an AsyncLocalStorage is told to hold while one request is answered is not the next one's: each
// has a resource of its own, as under Node's server.
const RESOURCE = "HTTPINCOMINGMESSAGE";
const MANUAL = { requireManualDestroy: true };

interface Author {
  readonly listener: Listener | null;
  readonly server: http.Server | undefined;
  readonly upgrade: Listener | null;
  readonly classes: Classes;
}

function wrongListener(found: unknown): TypeError {
  const kind =
    found === null || typeof found !== "object"
      ? typeof found
      : `an object of class ${found.constructor?.name ?? "unknown"}`;
  const hint =
    found !== null && typeof found === "object"
      ? ["routing", "callback", "getHttpServer"].filter((name) => name in found)
      : [];
  const remedy = hint.length > 0 ? ` (this one has ${hint.join(" and ")}: give that)` : "";
  return new TypeError(
    `handler gave ${kind}; it gives a function (req, res) or an http.Server${remedy}`,
  );
}

function onlyListener(server: http.Server): unknown {
  const [first, ...others] = server.listeners("request");
  return others.length === 0 ? first : undefined;
}

function authorOf(given: unknown, upgrade: UpgradeListener | undefined): Author {
  if (upgrade !== undefined && typeof upgrade !== "function") {
    throw new TypeError(`upgrade gave ${typeof upgrade}; it gives a function (req, socket, head)`);
  }
  const own = (upgrade as Listener | undefined) ?? null;
  if (isHttpServer(given)) {
    const classes = classesOf(onlyListener(given), given);
    return { listener: null, server: given, upgrade: own, classes };
  }
  if (typeof given !== "function") throw wrongListener(given);
  const listener = given as Listener;
  return { listener, server: undefined, upgrade: own, classes: classesOf(listener, undefined) };
}

/** The socket of author code that is called: told of what it throws or rejects with. */
interface Called {
  fail(error: unknown): void;
}

/** Calls author code. What it throws, or rejects with, breaks its answer off; nothing else. */
function call(socket: Called, listener: Listener, self: unknown, given: unknown[]): void {
  try {
    const result = listener.apply(self, given);
    if (typeof result !== "object" || result === null) return;
    const { then } = result as { then?: unknown };
    if (typeof then === "function") then.call(result, undefined, (e: unknown) => socket.fail(e));
  } catch (error) {
    socket.fail(error);
  }
}

/** Calls the listeners of a server's event; false if there are none. */
function tell(server: http.Server, socket: Called, event: string, given: unknown[]): boolean {
  const listeners = server.rawListeners(event) as Listener[];
  // Where something stands in for `emit`, such as a tracer, it is to see the event.
  if (server.emit !== EventEmitter.prototype.emit) {
    call(socket, server.emit as Listener, server, [event, ...given]);
  } else {
    for (const listener of listeners) call(socket, listener, server, given);
  }
  return listeners.length > 0;
}

/** Whether a request says what it expects: rare, and so looked for before the headers are parsed. */
function expects(headers: string): boolean {
  return headers.startsWith("expect\n") || headers.includes("\nexpect\n");
}

/**
 * A request that expects something, as Node's server has it: asked for `100-continue`, the native
 * server sends it when the body is first read.
 *
 * @returns true if it is answered, or another listener answers
 */
function meetExpectation(
  { server }: Author,
  socket: RequestSocket,
  req: Request,
  res: Response,
): boolean {
  const expected = req.headers.expect;
  if (expected === undefined) return false;
  if (/(?:^|\W)100-continue(?:$|\W)/i.test(expected)) {
    res._expect_continue = true;
    if (server !== undefined && tell(server, socket, "checkContinue", [req, res])) return true;
    res.writeContinue();
    return false;
  }
  if (server !== undefined && tell(server, socket, "checkExpectation", [req, res])) return true;
  res.writeHead(417).end();
  return true;
}

/** Tells those who observe all of Node's servers. */
function publish(server: http.Server | undefined, req: Request, res: Response): void {
  if (!requestStart.hasSubscribers && !responseFinish.hasSubscribers) return;
  const { socket } = req;
  const message = { request: req, response: res, socket, server };
  if (requestStart.hasSubscribers) requestStart.publish(message);
  if (responseFinish.hasSubscribers) res.on("finish", () => responseFinish.publish(message));
}

function answer(author: Author, exchange: Exchange, scope: AsyncResource): void {
  const { server, listener, classes } = author;
  const { headers } = exchange;
  const socket = new RequestSocket(exchange, server, scope);
  const req = makeRequest(classes.Request, exchange, headers, socket);
  if (exchange.upgrading && wantsUpgrade(author, req)) {
    takeOver(author, exchange, req, scope);
    return;
  }
  const res = makeResponse(classes.Response, req, socket, server);
  publish(server, req, res);
  if (expects(headers) && meetExpectation(author, socket, req, res)) return;
  if (listener !== null) {
    call(socket, listener, undefined, [req, res]);
  } else if (server !== undefined && !tell(server, socket, "request", [req, res])) {
    socket.fail(new Error("the http.Server that handler gave has no `request` listener"));
  }
}

/** Whether author code takes such a request over. */
function wantsUpgrade({ server, upgrade }: Author, req: Request): boolean {
  if (upgrade !== null) return true;
  if (server === undefined) return false;
  // Newer versions of Node let a server decide request by request.
  const decide: unknown = Reflect.get(server, "shouldUpgradeCallback");
  if (typeof decide === "function") return Boolean(decide.call(server, req));
  return server.listenerCount("upgrade") > 0;
}

function takeOver(
  { server, upgrade }: Author,
  exchange: Exchange,
  req: Request,
  scope: AsyncResource,
): void {
  const socket = new UpgradedSocket(exchange, server, scope);
  (req as { socket: unknown }).socket = socket;
  req.upgrade = true;
  const given = [req, socket, NOTHING];
  if (upgrade !== null) call(socket, upgrade, undefined, given);
  else if (server !== undefined) tell(server, socket, "upgrade", given);
}

/** There is nothing behind a plugin to be tunnelled to. */
function refuseTunnel(exchange: Exchange): void {
  exchange.respond(405, "connection\nclose", null);
}

/**
 * What answers requests by author code in Node's style.
 *
 * @param given - what the author's `handler` gave: `(req, res) => …`, or an `http.Server` whose
 * `request` and `upgrade` listeners answer, and which never listens
 * @param upgrade - takes connections over in place of the server's listeners
 * @throws TypeError if one of them is something else
 */
export function makeNodeHandler(
  given: RequestListener | http.Server,
  upgrade?: UpgradeListener,
): (exchange: Exchange) => void {
  const author = authorOf(given, upgrade);
  return (exchange) => {
    if (exchange.method === "CONNECT") {
      refuseTunnel(exchange);
      return;
    }
    const scope = new AsyncResource(RESOURCE, MANUAL);
    scope.runInAsyncScope(answer, undefined, author, exchange, scope);
  };
}
