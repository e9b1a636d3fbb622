/**
 * A `Response` that costs nothing until somebody looks. It takes the place of `globalThis.Response`, so
 * that what handlers and routers make is cheap to send; whatever asks for more than status and headers
 * gets Node's own.
 */

import { hasHeader, headerText, parseHeaders } from "./headers.js";
import { realResponse } from "./web.js";

/** What `new Response` takes for a body. */
type Body = ConstructorParameters<typeof Response>[0];

/** A body that is sent as it is. */
export type PlainBody = string | Uint8Array | null;

/** Statuses whose answers have no body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** A response made by author code. It passes for a `Response`, also by `instanceof`. */
export class LightResponse {
  #status: number;
  #statusText: string;
  #headerText: string;
  #headers: Headers | undefined;
  #body: PlainBody;
  #real: Response | undefined;

  constructor(body?: Body, init?: ResponseInit) {
    const status = init?.status;
    this.#status = status === undefined ? 200 : checkedStatus(status);
    this.#statusText = init?.statusText === undefined ? "" : checkedReason(init.statusText);
    this.#headerText = init?.headers == null ? "" : headerText(init.headers as never);
    if (typeof body === "string") {
      this.#body = body;
      this.#setType("text/plain;charset=UTF-8");
    } else if (body === undefined || body === null) {
      this.#body = null;
    } else if (body instanceof Uint8Array) {
      // Author code may change it before it is sent.
      this.#body = new Uint8Array(body);
    } else {
      this.#body = null;
      this.#real = new (realResponse())(body, init);
    }
    if (this.#body !== null && WITHOUT_BODY.has(this.#status)) {
      throw new TypeError(`Response with status ${this.#status} cannot have a body`);
    }
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data);
    if (text === undefined)
      throw new TypeError("Response.json: the value is not JSON serializable");
    const response = new LightResponse(null, init);
    if (WITHOUT_BODY.has(response.#status)) {
      throw new TypeError(`Response with status ${response.#status} cannot have a body`);
    }
    response.#body = text;
    response.#setType("application/json");
    return response as unknown as Response;
  }

  static error(): Response {
    return realResponse().error();
  }

  static redirect(url: string | URL, status = 302): Response {
    return realResponse().redirect(url, status as 302);
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return LightResponse.is(value) || value instanceof realResponse();
  }

  /** Whether something is a light response. */
  static is(value: unknown): value is LightResponse {
    return typeof value === "object" && value !== null && #real in value;
  }

  /** What to send of a light response that nobody has looked into; else `undefined`. */
  static plain(
    response: unknown,
  ): { status: number; headers: string; body: PlainBody } | undefined {
    if (!LightResponse.is(response) || response.#real !== undefined) return undefined;
    const headers =
      response.#headers === undefined ? response.#headerText : headerText(response.#headers);
    return { status: response.#status, headers, body: response.#body };
  }

  /** Node's own response in place of a light one. */
  static real(response: unknown): unknown {
    return LightResponse.is(response) ? response.#asReal() : response;
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }

  get status(): number {
    return this.#real?.status ?? this.#status;
  }

  get statusText(): string {
    return this.#real?.statusText ?? this.#statusText;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  get headers(): Headers {
    if (this.#real !== undefined) return this.#real.headers;
    this.#headers ??= parseHeaders(this.#headerText);
    return this.#headers;
  }

  get redirected(): boolean {
    return false;
  }

  get type(): Response["type"] {
    return this.#real?.type ?? "default";
  }

  get url(): string {
    return "";
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#body === null && this.#real === undefined ? null : this.#asReal().body;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? false;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#asReal().arrayBuffer();
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  blob(): Promise<Blob> {
    return this.#asReal().blob();
  }

  formData(): Promise<FormData> {
    return this.#asReal().formData();
  }

  json(): Promise<unknown> {
    return this.#asReal().json();
  }

  text(): Promise<string> {
    return this.#asReal().text();
  }

  clone(): Response {
    return this.#asReal().clone();
  }

  /** What `console.log` shows. */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { status, statusText, headers, bodyUsed } = this;
    return { status, statusText, headers, bodyUsed };
  }

  #setType(type: string): void {
    if (this.#headerText === "") this.#headerText = `content-type\n${type}`;
    else if (!hasHeader(this.#headerText, "content-type")) {
      this.#headerText += `\ncontent-type\n${type}`;
    }
  }

  #asReal(): Response {
    this.#real ??= new (realResponse())(this.#body as Body, {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.headers,
    });
    return this.#real;
  }
}

Object.defineProperty(LightResponse, "name", { value: "Response" });

function checkedStatus(status: number): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status;
  throw new RangeError(`init["status"] is ${String(status)}; allowed: 200 to 599`);
}

const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

function checkedReason(text: string): string {
  if (REASON.test(text)) return String(text);
  throw new TypeError(`init["statusText"] is ${JSON.stringify(text)}, not allowed in HTTP`);
}
