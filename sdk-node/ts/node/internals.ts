// What this folder knows of Node's own classes beyond their documentation. Every piece is looked for
// when the folder is loaded: a Node that lacks one is named at the start of the plugin, not by a
// request that hangs.
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";

/** A piece of a body as author code writes it. */
export type Chunk = string | Uint8Array;

/** What Node passes to `writeHead`, and by it to `_storeHeader`. */
export type HeaderArgument =
  | Record<string, unknown>
  | readonly unknown[]
  | readonly (readonly [string, unknown])[]
  | null
  | undefined;

/** The parts of `http.ServerResponse` that its documentation leaves out. */
export interface ResponseInternals {
  _header: string | null;
  _headerSent: boolean;
  _hasBody: boolean;
  _contentLength: number | null;
  _trailer: string;
  _last: boolean;
  _closed: boolean;
  _defaultKeepAlive: boolean;
  _removedConnection: boolean;
  _removedContLen: boolean;
  _removedTE: boolean;
  _expect_continue: boolean;
  maxRequestsOnConnectionReached: boolean;
  destroyed: boolean;
  finished: boolean;
  _send(data: Chunk, encoding?: BufferEncoding | null, callback?: Done | null): boolean;
  _writeRaw(data: Chunk, encoding?: BufferEncoding | null, callback?: Done | null): boolean;
  _storeHeader(firstLine: string, headers: HeaderArgument): void;
  _finish(): void;
  [hidden: symbol]: unknown;
}

/** A response of Node's own class, with its hidden parts. */
export type Response = ServerResponse & ResponseInternals;

/** The parts of `http.IncomingMessage` that its documentation leaves out. */
export type Request = IncomingMessage & {
  _consuming: boolean;
  _dump(): void;
  _addHeaderLines(lines: string[], count: number): void;
  upgrade: boolean | null;
};

/** Called when a piece is written, or with the error that kept it from being so. */
export type Done = (error?: Error | null) => void;

function missing(what: string): Error {
  return new Error(
    `Node.js ${process.version} is not known to temps-plugin: ${what} is missing. ` +
      "A plugin with `fetch` in place of `handler` works, and so may a newer temps-plugin.",
  );
}

function symbolOf(holder: object, description: string, where: string): symbol {
  const found = Object.getOwnPropertySymbols(holder).find((one) => one.description === description);
  if (found === undefined) throw missing(`${where}[${description}]`);
  return found;
}

function requireMethods(prototype: object, names: readonly string[], where: string): void {
  for (const name of names) {
    if (typeof Reflect.get(prototype, name) !== "function") throw missing(`${where}.${name}`);
  }
}

function requireFields(holder: object, names: readonly string[], where: string): void {
  for (const name of names) {
    if (!(name in holder)) throw missing(`${where}.${name}`);
  }
}

requireMethods(
  http.ServerResponse.prototype,
  ["_send", "_writeRaw", "_storeHeader", "_finish", "_implicitHeader", "assignSocket"],
  "http.ServerResponse.prototype",
);
requireMethods(
  http.IncomingMessage.prototype,
  ["_read", "_dump", "_addHeaderLines"],
  "http.IncomingMessage.prototype",
);

const sample = new http.ServerResponse({ method: "GET", httpVersionMajor: 1 } as IncomingMessage);
requireFields(
  sample,
  [
    "_header",
    "_headerSent",
    "_hasBody",
    "_contentLength",
    "_trailer",
    "_last",
    "_closed",
    "_removedConnection",
    "_removedContLen",
    "_removedTE",
    "_expect_continue",
  ],
  "http.ServerResponse",
);

/** Headers set one by one: lower case name to `[name, value]`; null before the first. */
export const OUT_HEADERS = symbolOf(sample, "kOutHeaders", "http.ServerResponse");
/** Whether `write()` has said false and `drain` is owed. */
export const NEED_DRAIN = symbolOf(sample, "kNeedDrain", "http.ServerResponse");

/** Node's own end of a response, which tells its observers. */
export const nodeFinish = Reflect.get(http.ServerResponse.prototype, "_finish") as (
  this: Response,
) => void;

/** Whether it is a server that makes HTTP requests and responses: Node's `http` and `https` ones. */
export function isHttpServer(given: unknown): given is http.Server {
  if (given instanceof http.Server) return true;
  if (!(given instanceof NetServer)) return false;
  const symbols = Object.getOwnPropertySymbols(given).map((symbol) => symbol.description);
  return symbols.includes("IncomingMessage") && symbols.includes("ServerResponse");
}

/** A class of requests: Node's, or one made from it. */
export type RequestClass = typeof IncomingMessage;
/** A class of responses: Node's, or one made from it. */
export type ResponseClass = new (req: Request, options: object) => Response;

/** What requests and responses are made of. */
export interface Classes {
  readonly Request: RequestClass;
  readonly Response: ResponseClass;
}

/**
 * The classes a server makes its requests and responses of: Node's, or those its author has given to
 * `http.createServer({ IncomingMessage, ServerResponse })`.
 */
function classesOfServer(server: http.Server | undefined): Classes {
  if (server === undefined) {
    const Response = http.ServerResponse as unknown as ResponseClass;
    return { Request: http.IncomingMessage, Response };
  }
  const where = "http.Server";
  return {
    Request: Reflect.get(server, symbolOf(server, "IncomingMessage", where)) as RequestClass,
    Response: Reflect.get(server, symbolOf(server, "ServerResponse", where)) as ResponseClass,
  };
}

/** Whether it is declared as a class, and so can only be called with `new`. Node's are functions. */
function isClass(Class: RequestClass | ResponseClass): boolean {
  return Function.prototype.toString.call(Class).startsWith("class");
}

/** A constructor that makes what `Class` makes, with another prototype from the start. */
function withPrototype<C extends RequestClass | ResponseClass>(Class: C, prototype: object): C {
  // Called, not constructed for a new.target: V8 would give each object a shape of its own again.
  function Made(this: object, ...given: unknown[]): void {
    (Class as unknown as (...given: unknown[]) => void).apply(this, given);
  }
  Made.prototype = prototype;
  return Made as unknown as C;
}

/** Whether an object whose prototype was replaced is slow from then on: until Node 23. */
const REPLACING_COSTS = Number.parseInt(process.versions.v8, 10) < 13;

/**
 * The classes for a listener, and the server it listens on, if any.
 *
 * An Express application gives every request and response a prototype of its own, `app.request` and
 * `app.response`. Under older versions of V8 each of them has a shape of its own with the next property
 * it gets, so that no code that touches it is fast. There they have that prototype from the start.
 */
export function classesOf(listener: unknown, server: http.Server | undefined): Classes {
  const { Request, Response } = classesOfServer(server);
  if (!REPLACING_COSTS || typeof listener !== "function") return { Request, Response };
  const { request, response } = listener as { request?: unknown; response?: unknown };
  const isExpress =
    typeof request === "object" &&
    typeof response === "object" &&
    request instanceof Request &&
    response instanceof Response;
  if (!isExpress || isClass(Request) || isClass(Response)) return { Request, Response };
  return {
    Request: withPrototype(Request, request as object),
    Response: withPrototype(Response, response as object),
  };
}
