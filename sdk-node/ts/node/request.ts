// Node's own request and response, fed by an exchange.
import type http from "node:http";
import type { Exchange } from "../exchange.js";
import { HIGH_WATER_MARK } from "./answer.js";
import { readHead } from "./head.js";
import {
  type Chunk,
  type Done,
  type HeaderArgument,
  nodeFinish,
  type Request,
  type RequestClass,
  type Response,
  type ResponseClass,
} from "./internals.js";
import { RequestSocket } from "./socket.js";

/**
 * The request of an exchange.
 *
 * @param headers - those of the exchange
 * @param socket - what becomes of `req.socket`
 */
export function makeRequest(
  Class: RequestClass,
  exchange: Exchange,
  headers: string,
  socket: object,
): Request {
  const req = new Class(socket as unknown as ConstructorParameters<RequestClass>[0]) as Request;
  req.method = exchange.method;
  req.url = exchange.target;
  req.httpVersion = "1.1";
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  req.upgrade = false;
  if (headers !== "") {
    const lines = headers.split("\n");
    req._addHeaderLines(lines, lines.length);
  }
  // Only now: lines that are added to a complete request are trailers.
  if (!exchange.hasBody) req.complete = true;
  return req;
}

// These four take the place of Node's own. They are set on every response, not on a prototype, since
// frameworks give responses prototypes of their own; and they are shared, so that it costs little.

/** A piece of the body, in place of bytes for a socket: there is no head to go before it. */
function send(
  this: Response,
  data: Chunk,
  encoding?: BufferEncoding | null,
  callback?: Done | null,
): boolean {
  if (this._header !== null) this._headerSent = true;
  const { socket } = this;
  if (!(socket instanceof RequestSocket) || socket.destroyed) return false;
  return socket.answer?.take(data, encoding, callback) ?? false;
}

/** A response that tells of what is to come (100, 102, 103): the native server sends 100 itself. */
function writeRaw(
  this: Response,
  _data: Chunk,
  _encoding?: BufferEncoding | null,
  callback?: Done | null,
): boolean {
  if (typeof callback === "function") process.nextTick(callback);
  return true;
}

function storeHeader(this: Response, firstLine: string, headers: HeaderArgument): void {
  const head = readHead(this, headers);
  const { socket } = this;
  if (socket instanceof RequestSocket && socket.answer !== null) socket.answer.head = head;
  // That there is one is what Node and frameworks look at.
  this._header = `${firstLine}\r\n`;
  this._headerSent = false;
}

/** Everything was written: under Node it would be with the operating system by now. */
function finish(this: Response): void {
  const { socket } = this;
  if (socket instanceof RequestSocket) socket.answer?.finish(this);
  nodeFinish.call(this);
}

/** The response to a request, tied to both and to their socket. */
export function makeResponse(
  Class: ResponseClass,
  req: Request,
  socket: RequestSocket,
  server: http.Server | undefined,
): Response {
  const options = {
    highWaterMark: HIGH_WATER_MARK,
    rejectNonStandardBodyWrites:
      server !== undefined && Reflect.get(server, "rejectNonStandardBodyWrites") === true,
  };
  const res = new Class(req, options);
  res._send = send;
  res._writeRaw = writeRaw;
  res._storeHeader = storeHeader;
  res._finish = finish;
  (res as { socket: unknown }).socket = socket;
  socket.carry(req, res);
  return res;
}
