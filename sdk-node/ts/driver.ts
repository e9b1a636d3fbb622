/**
 * What the native side tells of, on the event loop: requests, hooks, and what calls give.
 *
 * `turn` runs when the native side wakes the loop, and again on its own for as long as there is much to
 * do. The kinds are those of `src/batch.rs`.
 */

import { AsyncResource } from "node:async_hooks";
import type { Calls } from "./calls.js";
import type { NativeContext } from "./context.js";
import { errorOf } from "./errors.js";
import { Exchange } from "./exchange.js";
import { log, messageOf } from "./logs.js";
import type { NativeCaller, NativeRuntime } from "./native.js";

const REQUEST = 0;
const BODY = 1;
const BODY_FAILED = 2;
const DRAIN = 3;
const GONE = 4;
const START = 5;
const EVENT = 6;
const SHUTDOWN = 7;
const CALLED = 8;
const STOPPING = 9;
const ENDED = 10;

/** The author's side of a running plugin. Whatever it throws or rejects with is caught here. */
export interface Author {
  /** Answers a request, now or later. */
  request(exchange: Exchange): void;
  /** Makes what answers requests and runs the start hook; gives an OpenAPI document as JSON, if any. */
  start(context: NativeContext, calls: Calls): Promise<string | undefined>;
  event(json: string): Promise<void>;
  shutdown(): Promise<void>;
  /** The plugin was told to stop. */
  stopping(): void;
  /** The plugin has ended. */
  ended(code: number): void;
}

/** A call that waits for the platform. */
interface Pending {
  resolve(json: string): void;
  reject(error: unknown): void;
}

/** Reads what the native side has queued, and hands it to the author's side. */
export class Driver implements Calls {
  /** What the native side calls. */
  readonly turn = (): void => this.#turn();

  readonly #runtime: NativeRuntime;
  readonly #author: Author;
  readonly #name: string;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #calls = new Map<number, Pending>();
  readonly #onWaiting: ((isWaiting: boolean) => void) | undefined;

  /** `onWaiting` is told when author code begins to wait for the native side, and when it waits no more. */
  constructor(
    runtime: NativeRuntime,
    author: Author,
    name: string,
    onWaiting?: (isWaiting: boolean) => void,
  ) {
    this.#runtime = runtime;
    this.#author = author;
    this.#name = name;
    this.#onWaiting = onWaiting;
  }

  call(
    method: string,
    params: string,
    timeoutMs: number | null,
    signal?: AbortSignal,
  ): Promise<string> {
    return this.ask(() => this.#runtime.call(method, params, timeoutMs ?? undefined), signal);
  }

  apiCall(
    caller: NativeCaller,
    request: string,
    timeoutMs: number | null,
    signal?: AbortSignal,
  ): Promise<string> {
    return this.ask(() => this.#runtime.apiCall(caller, request, timeoutMs ?? undefined), signal);
  }

  /** What the native side gives for the call that `ask` begins, by the number it has there. */
  ask(ask: () => number, signal?: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const call = ask();
      if (signal === undefined) {
        this.#await(call, { resolve, reject });
        return;
      }
      const abort = (): void => {
        this.#settle(call);
        this.#runtime.cancel(call);
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      const settled = (): void => signal.removeEventListener("abort", abort);
      this.#await(call, {
        resolve: (json) => {
          settled();
          resolve(json);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
    });
  }

  #await(call: number, pending: Pending): void {
    this.#calls.set(call, pending);
    if (this.#calls.size === 1) this.#onWaiting?.(true);
  }

  #settle(call: number): Pending | undefined {
    const pending = this.#calls.get(call);
    if (this.#calls.delete(call) && this.#calls.size === 0) this.#onWaiting?.(false);
    return pending;
  }

  #turn(): void {
    const batch = this.#runtime.take();
    if (batch[0] === true) setImmediate(this.turn);
    let at = 1;
    while (at < batch.length) {
      at = this.#command(batch, at);
    }
  }

  /** Does what one command says; where the next one begins. */
  #command(batch: unknown[], at: number): number {
    switch (batch[at]) {
      case REQUEST:
        this.#request(batch, at + 1);
        return at + 6;
      case BODY:
        this.#tell(batch[at + 1], (exchange) =>
          exchange.bodyCame(batch[at + 2] as Buffer | null, batch[at + 3] as string),
        );
        return at + 4;
      case BODY_FAILED:
        this.#tell(batch[at + 1], (exchange) => exchange.bodyBroke(batch[at + 2] as string));
        return at + 3;
      case DRAIN:
        this.#tell(batch[at + 1], (exchange) => exchange.drained());
        return at + 2;
      case GONE:
        this.#tell(batch[at + 1], (exchange) => exchange.left());
        return at + 2;
      case START:
        this.#start(batch[at + 1] as number, batch[at + 2] as string);
        return at + 3;
      case EVENT:
        this.#event(batch[at + 1] as number, batch[at + 2] as string);
        return at + 3;
      case SHUTDOWN:
        this.#hook(batch[at + 1] as number, () => this.#author.shutdown());
        return at + 2;
      case CALLED:
        this.#called(batch, at + 1);
        return at + 6;
      case STOPPING:
        this.#guard("a listener of ctx.stopping failed", () => this.#author.stopping());
        return at + 1;
      case ENDED:
        this.#author.ended(batch[at + 1] as number);
        return at + 2;
      default:
        throw new Error(`the native module told of ${String(batch[at])}, which is unknown here`);
    }
  }

  #request(batch: unknown[], at: number): void {
    const id = batch[at] as number;
    const exchange = new Exchange(
      this.#runtime,
      {
        id,
        head: batch[at + 1] as string,
        flags: batch[at + 2] as number,
        inline: batch[at + 3] as Buffer | null,
        caller: batch[at + 4] as NativeCaller | null,
      },
      this.#name,
    );
    try {
      this.#author.request(exchange);
    } catch (error) {
      exchange.abort("the handler failed", error);
    }
    // One that was answered on the spot has nothing more to be told.
    if (!exchange.isOver) {
      this.#exchanges.set(id, exchange);
      exchange.whenOver = () => this.#exchanges.delete(id);
    }
  }

  #tell(id: unknown, tell: (exchange: Exchange) => void): void {
    const exchange = this.#exchanges.get(id as number);
    if (exchange === undefined) return;
    try {
      tell(exchange);
    } catch (error) {
      exchange.abort("the handler failed", error);
    }
  }

  #start(hook: number, context: string): void {
    this.#hook(hook, () => this.#author.start(JSON.parse(context) as NativeContext, this));
  }

  #event(hook: number, json: string): void {
    // As for requests: see ts/fetch/handler.ts.
    const scope = new AsyncResource("TEMPSEVENT", { requireManualDestroy: true });
    const failed = (error: unknown): void =>
      log("ERROR", `${this.#name}: an event handler failed`, error);
    scope
      .runInAsyncScope(() => this.#author.event(json))
      .catch(failed)
      .finally(() => this.#runtime.succeed(hook));
  }

  #hook(hook: number, run: () => Promise<string | undefined> | Promise<void>): void {
    const running = async (): Promise<void> => {
      try {
        this.#runtime.succeed(hook, (await run()) ?? undefined);
      } catch (error) {
        log("ERROR", `${this.#name}: a hook failed`, error);
        this.#runtime.fail(hook, messageOf(error));
      }
    };
    void running();
  }

  #called(batch: unknown[], at: number): void {
    const call = batch[at] as number;
    const pending = this.#settle(call);
    if (pending === undefined) return;
    const json = batch[at + 1] as string | null;
    if (json !== null) {
      pending.resolve(json);
      return;
    }
    const [kind, message, code] = batch.slice(at + 2, at + 5) as [string, string, string | null];
    pending.reject(errorOf(kind, message, code));
  }

  #guard(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      log("ERROR", `${this.#name}: ${what}`, error);
    }
  }
}
