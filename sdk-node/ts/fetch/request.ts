/**
 * A `Request` that costs nothing until somebody looks: URL, headers, body and signal are made when asked
 * for, and the platform's own `Request` only for what needs it.
 */

import type { Exchange } from "../exchange.js";
import { findHeader, parseHeaders } from "./headers.js";
import { Incoming } from "./incoming.js";
import { realRequest } from "./web.js";

/** What a host consists of, and nothing else that a URL has. */
const HOST = /^[A-Za-z0-9.:[\]-]+$/;
/** Request targets that a URL parser would leave as they are, unless there are dots to be resolved. */
const PLAIN_TARGET = /^\/[\w\-~!$&()*+,;=:@%/.]*(?:\?[\w\-~!$&()*+,;=:@%/.?]*)?$/;
const DOTS = /\/(?:\.|%2e)/i;

/** A request as a fetch-style handler gets it. It passes for a `Request`, also by `instanceof`. */
export class LightRequest {
  readonly #exchange: Exchange;
  #url: string | undefined;
  #headers: Headers | undefined;
  #incoming: Incoming | undefined;
  #real: Request | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Whether something is a light request. */
  static is(value: unknown): value is LightRequest {
    return typeof value === "object" && value !== null && #exchange in value;
  }

  /** The request below. */
  static exchangeOf(request: unknown): Exchange | undefined {
    if (LightRequest.is(request)) return request.#exchange;
    return typeof request === "object" && request !== null ? copies.get(request) : undefined;
  }

  /** Who is told of what comes in for a request. */
  static incomingOf(request: LightRequest): Incoming {
    return request.#told();
  }

  /** Something that Node's own `Request` and `fetch` take in place of `input`. */
  static real(input: unknown): unknown {
    return LightRequest.is(input) ? input.#asReal() : input;
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }

  get method(): string {
    return this.#exchange.method;
  }

  get url(): string {
    this.#url ??= urlOf(this.#exchange);
    return this.#url;
  }

  get headers(): Headers {
    if (this.#real !== undefined) return this.#real.headers;
    this.#headers ??= parseHeaders(this.#exchange.headers);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#told().signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== undefined) return this.#real.body;
    return this.#exchange.hasBody ? this.#told().requestBody.stream() : null;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? this.#incoming?.requestBody.used ?? false;
  }

  get duplex(): "half" {
    return "half";
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#real !== undefined) return new Uint8Array(await this.#real.arrayBuffer());
    return this.#told().requestBody.whole();
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  blob(): Promise<Blob> {
    return this.#asReal().blob();
  }

  formData(): Promise<FormData> {
    return this.#asReal().formData();
  }

  clone(): Request {
    const copy = this.#asReal().clone();
    copies.set(copy, this.#exchange);
    return copy;
  }

  get cache(): Request["cache"] {
    return "default";
  }

  get credentials(): Request["credentials"] {
    return "same-origin";
  }

  get destination(): Request["destination"] {
    return "";
  }

  get integrity(): string {
    return "";
  }

  get keepalive(): boolean {
    return false;
  }

  get mode(): Request["mode"] {
    return "cors";
  }

  get redirect(): Request["redirect"] {
    return "follow";
  }

  get referrer(): string {
    return "about:client";
  }

  get referrerPolicy(): Request["referrerPolicy"] {
    return "";
  }

  /** What `console.log` shows. */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { method, url, headers, bodyUsed } = this;
    return { method, url, headers, bodyUsed };
  }

  #told(): Incoming {
    this.#incoming ??= new Incoming(this.#exchange);
    return this.#incoming;
  }

  /** Node's own `Request` with the same content: from now on the body is read through that. */
  #asReal(): Request {
    if (this.#real === undefined) {
      const takesBody = this.#exchange.hasBody && !["GET", "HEAD"].includes(this.method);
      this.#real = new (realRequest())(this.url, {
        method: this.method,
        headers: this.headers,
        signal: this.signal,
        body: takesBody ? this.#told().requestBody.stream() : null,
        duplex: "half",
      } as RequestInit);
      copies.set(this.#real, this.#exchange);
    }
    return this.#real;
  }
}

/** Real requests that were made of light ones. */
const copies = new WeakMap<object, Exchange>();

/** Notes that a request was made of another one: it has the same caller. */
export function inherit(request: object, from: unknown): void {
  const exchange = LightRequest.exchangeOf(from);
  if (exchange !== undefined) copies.set(request, exchange);
}

/** The absolute URL of a request, normalised as a URL parser would. */
function urlOf(exchange: Exchange): string {
  const host = hostOf(findHeader(exchange.headers, "host"));
  const { target } = exchange;
  if (PLAIN_TARGET.test(target) && !DOTS.test(target)) return `http://${host}${target}`;
  return new URL(`http://${host}${target.startsWith("/") ? "" : "/"}${target}`).href;
}

// Nearly every request of a plugin's host names the same one.
let lastNamed: string | undefined;
let lastHost = "localhost";

/** The host that a header names, normalised; `localhost` when it names none. */
function hostOf(named: string | undefined): string {
  if (named !== lastNamed) {
    const isHost = named !== undefined && HOST.test(named) && URL.canParse(`http://${named}`);
    lastHost = isHost ? new URL(`http://${named}`).host : "localhost";
    lastNamed = named;
  }
  return lastHost;
}
