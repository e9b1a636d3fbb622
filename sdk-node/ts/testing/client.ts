/** Requests to a plugin under test, as its host would make them. */

import { Agent, type ClientRequest, type IncomingMessage, request as send } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { __shared, PluginError } from "../index.js";
import type { TestUser } from "./samples.js";

/** What a request has besides its path. */
export interface TestRequestInit {
  /** `GET` unless said otherwise. */
  method?: string;
  /** A list of pairs keeps repeated headers apart. */
  headers?: ConstructorParameters<typeof Headers>[0];
  /** As for `fetch`; a stream is sent piece by piece. */
  body?: ConstructorParameters<typeof Response>[0] | AsyncIterable<Uint8Array> | null;
  /** A value to send as JSON, in place of `body`. */
  json?: unknown;
  /** Who sends it; nobody is signed in without one. */
  user?: TestUser;
  /** False leaves the host's signature out. */
  signed?: boolean;
  /** The caller goes away when it aborts. */
  signal?: AbortSignal;
}

/** Bytes of an answer that are read before the test asks for them. */
const READ_AHEAD = 64 * 1024;
/** Methods whose requests have no body unless they say so. */
const WITHOUT_LENGTH = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);
/** Statuses whose answers have no body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** A host's side of a plugin's socket. */
export class Client {
  readonly #socketPath: string;
  readonly #secret: string;
  /** Connections are used again, as hosts do. */
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string, secret: string) {
    this.#socketPath = socketPath;
    this.#secret = secret;
  }

  async fetch(path: string, init: TestRequestInit): Promise<Response> {
    const { method = "GET", user, signed = true, signal } = init;
    if (!path.startsWith("/")) {
      throw new TypeError(`the path of a request is ${JSON.stringify(path)}; it begins with "/"`);
    }
    signal?.throwIfAborted();
    const own = __shared.native.testHeaders(signed ? this.#secret : undefined, user);
    const { headers, body } = await outgoing(init);
    const request = send({
      agent: this.#agent,
      headers: ["host", "plugin", ...own, ...headers],
      method,
      path,
      socketPath: this.#socketPath,
      ...(signal && { signal }),
    });
    const failed = (error: unknown): unknown =>
      signal?.aborted === true
        ? signal.reason
        : new PluginError(`${method} ${path}: ${reason(error)}`, "other", { cause: error });
    const answered = responseTo(request);
    sendBody(request, body);
    let message: IncomingMessage;
    try {
      message = await answered;
    } catch (error) {
      throw failed(error);
    }
    return responseOf(message, method, failed);
  }

  close(): void {
    this.#agent.destroy();
  }
}

type Outgoing = Buffer | AsyncIterable<Uint8Array> | null;

/** Headers as names and values in turn, and the body. */
async function outgoing(init: TestRequestInit): Promise<{ headers: string[]; body: Outgoing }> {
  const headers = pairs(init.headers);
  if (init.json !== undefined && init.body != null) {
    throw new TypeError("a request has either `json` or `body`, not both");
  }
  const given = init.json === undefined ? init.body : JSON.stringify(init.json);
  if (given == null) {
    const isUsual = WITHOUT_LENGTH.has(init.method ?? "GET");
    return { headers: isUsual ? headers : [...headers, "content-length", "0"], body: null };
  }
  if (isStream(given)) {
    return { headers: [...headers, "transfer-encoding", "chunked"], body: given };
  }
  const Whole = __shared.realResponse();
  const whole = new Whole(given as ConstructorParameters<typeof Response>[0]);
  const type = init.json === undefined ? whole.headers.get("content-type") : "application/json";
  const body = Buffer.from(await whole.arrayBuffer());
  const names = headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  if (type !== null && !names.includes("content-type")) headers.push("content-type", type);
  if (!names.includes("content-length")) headers.push("content-length", String(body.length));
  return { headers, body };
}

function pairs(headers: TestRequestInit["headers"]): string[] {
  if (headers === undefined) return [];
  const list = Symbol.iterator in headers ? headers : Object.entries(headers);
  return [...(list as Iterable<[string, string]>)].flat();
}

function isStream(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // It stays: what goes wrong with the request after the response is no failure of the response.
    request.on("error", reject);
    request.on("response", resolve);
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(new Error("the plugin switched protocols: use a client of your own on `socketPath`"));
    });
  });
}

function sendBody(request: ClientRequest, body: Outgoing): void {
  if (body === null || Buffer.isBuffer(body)) {
    request.end(body ?? undefined);
    return;
  }
  // The request tells of a failure of either side.
  pipeline(Readable.from(body, { objectMode: false }), request).catch(() => undefined);
}

function responseOf(
  message: IncomingMessage,
  method: string,
  failed: (error: unknown) => unknown,
): Response {
  const headers = new Headers();
  const { rawHeaders, statusCode = 0, statusMessage = "" } = message;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string);
  }
  const hasBody = method !== "HEAD" && !WITHOUT_BODY.has(statusCode);
  if (!hasBody) message.resume();
  const body = hasBody ? incoming(message, failed) : null;
  const init = { status: statusCode, statusText: statusMessage, headers };
  const Real = __shared.realResponse();
  return new Real(body, init);
}

function incoming(
  message: IncomingMessage,
  failed: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        message.on("data", (piece: Buffer) => {
          controller.enqueue(new Uint8Array(piece));
          if ((controller.desiredSize ?? 0) <= 0) message.pause();
        });
        message.on("end", () => controller.close());
        message.on("error", (error) => controller.error(failed(error)));
      },
      pull: () => void message.resume(),
      cancel: () => void message.destroy(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD }),
  );
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
