/** One request and its answer: what both styles of handlers see of the native side. */

import { log } from "./logs.js";
import type { NativeCaller, NativeRuntime } from "./native.js";

/** Who is told of what comes in for an {@link Exchange}. */
export interface ExchangeSink {
  /** A piece of the body that was pulled; `null` at its end, with trailers as a header text. */
  body(chunk: Buffer | null, trailers: string): void;
  /** The body broke off. */
  bodyFailed(message: string): void;
  /** There is room again after `write` said false. */
  drain(): void;
  /**
   * The caller went away before the answer was finished; nothing comes after it. For a connection that
   * was taken over it is the end, whatever brought it about.
   */
  gone(): void;
  /** The answer is complete, or was broken off. */
  answered?(): void;
}

/** Flags of a request, as `src/batch.rs` sets them. */
const HAS_BODY = 1;
const UPGRADING = 2;

/** A request under way. */
export class Exchange {
  /** The method, as the caller wrote it. */
  readonly method: string;
  /** The request target in origin form, as it came: `/a%20b?x=1`. */
  readonly target: string;
  /** Who sent it, when the platform vouches for somebody. */
  readonly caller: NativeCaller | null;
  /** The whole body, where it came along with the head. */
  readonly inline: Buffer | null;
  /** Who is told of what comes in. */
  sink: ExchangeSink | null = null;
  /** Called once nothing more will be told. */
  whenOver: (() => void) | null = null;

  readonly #runtime: NativeRuntime;
  readonly #id: number;
  readonly #head: string;
  readonly #headersAt: number;
  readonly #flags: number;
  readonly #plugin: string;
  #finished = false;
  #takenOver = false;
  /** Whether somebody reads the body, and may ask for more of it. */
  #reading = false;

  constructor(
    runtime: NativeRuntime,
    request: {
      id: number;
      head: string;
      flags: number;
      inline: Buffer | null;
      caller: NativeCaller | null;
    },
    plugin: string,
  ) {
    this.#runtime = runtime;
    this.#id = request.id;
    this.#head = request.head;
    this.#flags = request.flags;
    this.#plugin = plugin;
    this.inline = request.inline;
    this.caller = request.caller;
    const methodEnd = request.head.indexOf("\n");
    const targetEnd = request.head.indexOf("\n", methodEnd + 1);
    this.method = request.head.slice(0, methodEnd);
    this.target = request.head.slice(methodEnd + 1, targetEnd < 0 ? undefined : targetEnd);
    this.#headersAt = targetEnd < 0 ? request.head.length : targetEnd + 1;
  }

  /** The headers as `name\nvalue\n…`, names in lower case, each character a byte. */
  get headers(): string {
    return this.#head.slice(this.#headersAt);
  }

  /** Whether there is a body to be read. */
  get hasBody(): boolean {
    return (this.#flags & HAS_BODY) !== 0;
  }

  /** Whether the caller asks for the connection to become something else. */
  get upgrading(): boolean {
    return (this.#flags & UPGRADING) !== 0;
  }

  /** The answer is complete, or broken off, or nobody waits for it any more. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Nothing more will be told. */
  get isOver(): boolean {
    return this.#finished && !this.#reading && !this.#takenOver;
  }

  /** Asks for the next piece of the body: one `body` or `bodyFailed` follows. Never twice at once. */
  pull(): void {
    this.#reading = true;
    this.#runtime.pull(this.#id);
  }

  /** What is left of the body is of no interest. */
  discard(): void {
    this.#runtime.discard(this.#id);
    this.#reading = false;
    this.#settle();
  }

  /** Gives a whole answer. Throws when status or a header is invalid; nothing was sent then. */
  respond(status: number, headers: string, body: string | Uint8Array | null): void {
    if (this.#finished) return;
    if (typeof body === "string" || body === null) {
      this.#runtime.respondText(this.#id, status, headers, body ?? "");
    } else {
      this.#runtime.respondBytes(this.#id, status, headers, body);
    }
    this.#finish();
  }

  /** Gives the head of an answer whose body follows. Throws as `respond` does. */
  start(status: number, headers: string): void {
    if (!this.#finished) this.#runtime.start(this.#id, status, headers);
  }

  /**
   * Gives a piece of the body, which is copied: false when the next one has to wait for `drain`. Throws
   * when there is more of it than the head has declared; the answer is broken off then.
   */
  write(piece: string | Uint8Array): boolean {
    if (this.#finished) return true;
    try {
      return typeof piece === "string"
        ? this.#runtime.writeText(this.#id, piece)
        : this.#runtime.writeBytes(this.#id, piece);
    } catch (error) {
      this.abort("the answer is broken off", error);
      throw error;
    }
  }

  /** Ends the answer. Throws when there is less of it than the head has declared. */
  end(trailers = ""): void {
    if (this.#finished) return;
    try {
      this.#runtime.end(this.#id, trailers);
    } catch (error) {
      this.abort("the answer is broken off", error);
      throw error;
    }
    // The other direction of a connection that was taken over goes on.
    if (!this.#takenOver) this.#finish();
  }

  /**
   * Breaks the answer off: 500 if nothing was sent, else the connection is closed. The reason is logged,
   * with the error's stack.
   */
  abort(reason: string, error?: unknown): void {
    if (this.#finished) return;
    this.#runtime.abort(this.#id);
    this.#takenOver = false;
    this.#reading = false;
    this.#finish();
    log("ERROR", `${this.#plugin}: ${this.method} ${this.target}: ${reason}`, error);
  }

  /** Closes a connection that was taken over, without a word in the log. */
  close(): void {
    if (this.#finished) return;
    this.#runtime.abort(this.#id);
    this.#takenOver = false;
    this.#finish();
  }

  /** Takes the connection over; see `src/upgraded.rs`. */
  upgrade(): void {
    this.#runtime.upgrade(this.#id);
    this.#takenOver = true;
  }

  /** A piece of the body is here, or its end. */
  bodyCame(chunk: Buffer | null, trailers: string): void {
    if (chunk === null && !this.#takenOver) this.#reading = false;
    this.sink?.body(chunk, trailers);
    this.#settle();
  }

  /** The body broke off. */
  bodyBroke(message: string): void {
    this.#reading = false;
    this.sink?.bodyFailed(message);
    this.#settle();
  }

  /** There is room for more. */
  drained(): void {
    if (!this.#finished) this.sink?.drain();
  }

  /** Nobody waits for the answer any more. */
  left(): void {
    if (this.isOver) return;
    this.#finished = true;
    this.#takenOver = false;
    this.#reading = false;
    this.sink?.gone();
    this.#settle();
  }

  #finish(): void {
    this.#finished = true;
    this.sink?.answered?.();
    this.#settle();
  }

  #settle(): void {
    if (!this.isOver) return;
    this.whenOver?.();
    this.whenOver = null;
  }
}
