// An exchange in memory: what a test gives as the caller, and what a handler answered.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Exchange, ExchangeSink } from "../../ts/exchange.js";
import type { NativeCaller } from "../../ts/native.js";

/** What comes in comes from outside of everything, whoever has asked for it. */
const fromOutside = AsyncLocalStorage.snapshot();

/** What a caller sends. */
export interface Given {
  method?: string;
  target?: string;
  /** In the order given; a list is sent as several headers. */
  headers?: Record<string, string | string[]>;
  /** Pieces that come one by one as they are asked for; a string or a buffer comes whole, at once. */
  body?: string | Buffer | (string | Buffer)[];
  trailers?: Record<string, string>;
  caller?: NativeCaller;
  /** The pieces never end: more come by `feed`. */
  open?: boolean;
  /** How many pieces of the answer are taken before its writer is told to hold back. */
  room?: number;
}

function text(headers: Record<string, string | string[]>): string {
  return Object.entries(headers)
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}\n${value}`))
    .join("\n");
}

/** Headers as pairs. */
export function pairs(headers: string): [string, string][] {
  if (headers === "") return [];
  const lines = headers.split("\n");
  return lines.flatMap((line, at) =>
    at % 2 === 0 ? [[line, lines[at + 1] ?? ""] as [string, string]] : [],
  );
}

/** A condition that comes true in the course of a test. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Implements what `ts/node` uses of an exchange. */
export class MockExchange {
  readonly method: string;
  readonly target: string;
  readonly headers: string;
  readonly hasBody: boolean;
  readonly inline: Buffer | null;
  readonly caller: NativeCaller | null;
  readonly upgrading: boolean;
  sink: ExchangeSink | null = null;
  finished = false;

  /** Calls by name, in order: what crosses to the native side. */
  readonly calls: string[] = [];
  status = 0;
  answerHeaders = "";
  readonly pieces: Buffer[] = [];
  trailers = "";
  aborted: { reason: string; error: unknown } | null = null;
  closed = false;
  takenOver = false;
  pulls = 0;
  discarded = false;
  /** How many pieces may be written before `write` says false. */
  room: number;

  readonly #waiting: Buffer[];
  readonly #open: boolean;
  readonly #bodyTrailers: string;
  #awaited = false;
  #ended = false;
  readonly #over = gate();

  constructor(given: Given = {}) {
    this.method = given.method ?? "GET";
    this.target = given.target ?? "/";
    const headers = given.headers ?? {};
    this.headers = text({ host: "plugin", ...headers });
    this.caller = given.caller ?? null;
    this.upgrading = /upgrade/i.test(String(headers["connection"] ?? ""));
    const { body } = given;
    this.hasBody = body !== undefined || given.open === true;
    this.inline = body === undefined || Array.isArray(body) ? null : Buffer.from(body);
    this.#waiting = Array.isArray(body) ? body.map((piece) => Buffer.from(piece)) : [];
    this.#open = given.open === true;
    this.#bodyTrailers = text(given.trailers ?? {});
    this.room = given.room ?? Number.POSITIVE_INFINITY;
  }

  /** As what the SDK's code takes. */
  get asExchange(): Exchange {
    return this as unknown as Exchange;
  }

  /** Resolves once the answer is complete or broken off. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString();
  }

  get json(): unknown {
    return JSON.parse(this.text);
  }

  /** A header of the answer; its values joined if there are several. */
  header(name: string): string | undefined {
    const values = pairs(this.answerHeaders).filter(([one]) => one === name);
    return values.length === 0 ? undefined : values.map(([, value]) => value).join(", ");
  }

  // What the handler's side calls.

  pull(): void {
    this.pulls++;
    if (this.#awaited) throw new Error("pull() while a piece is awaited");
    this.#awaited = true;
    setImmediate(() => fromOutside(() => this.#serve()));
  }

  discard(): void {
    this.calls.push("discard");
    this.discarded = true;
    this.#awaited = false;
  }

  respond(status: number, headers: string, body: string | Uint8Array | null): void {
    if (this.finished) return;
    this.#head("respond", status, headers);
    if (body !== null) this.pieces.push(Buffer.from(body as string));
    this.#finish();
  }

  start(status: number, headers: string): void {
    if (!this.finished) this.#head("start", status, headers);
  }

  write(piece: string | Uint8Array): boolean {
    if (this.finished) return true;
    this.calls.push("write");
    this.pieces.push(Buffer.from(piece as string));
    this.room--;
    return this.room > 0;
  }

  end(trailers = ""): void {
    if (this.finished) return;
    this.calls.push("end");
    this.trailers = trailers;
    if (!this.takenOver) this.#finish();
  }

  abort(reason: string, error?: unknown): void {
    if (this.finished) return;
    this.calls.push("abort");
    this.aborted = { reason, error };
    if (this.status === 0) this.status = 500;
    this.#finish();
  }

  close(): void {
    if (this.finished) return;
    this.calls.push("close");
    this.closed = true;
    this.#finish();
  }

  upgrade(): void {
    this.calls.push("upgrade");
    this.takenOver = true;
  }

  // What the test does as the caller.

  /** More of the body, or of what a connection that was taken over carries; null for its end. */
  feed(piece: string | Buffer | null): void {
    if (piece === null) this.#ended = true;
    else this.#waiting.push(Buffer.from(piece));
    if (this.#awaited) this.#serve();
  }

  /** There is room for more of the answer. */
  drain(room = Number.POSITIVE_INFINITY): void {
    this.room = room;
    this.sink?.drain();
  }

  /** The caller goes away. */
  leave(): void {
    this.finished = true;
    this.sink?.gone();
    this.#over.open();
  }

  /** The body breaks off. */
  break(message: string): void {
    this.#awaited = false;
    this.sink?.bodyFailed(message);
  }

  #serve(): void {
    if (!this.#awaited) return;
    const piece = this.#waiting.shift();
    const more = this.#open || this.takenOver;
    if (piece === undefined && more && !this.#ended) return;
    this.#awaited = false;
    this.sink?.body(piece ?? null, piece === undefined ? this.#bodyTrailers : "");
  }

  #head(call: string, status: number, headers: string): void {
    if (status < 200 || status > 999) throw new TypeError(`status ${status} is not allowed`);
    this.calls.push(call);
    this.status = status;
    this.answerHeaders = headers;
  }

  #finish(): void {
    this.finished = true;
    this.sink?.answered?.();
    this.#over.open();
  }
}
