/** Answers requests by a fetch-style handler. */

import { AsyncResource } from "node:async_hooks";
import type { Exchange } from "../exchange.js";
import { installLightClasses } from "./globals.js";
import { headerText } from "./headers.js";
import type { Writer } from "./incoming.js";
import { LightRequest } from "./request.js";
import { LightResponse } from "./response.js";
import { realResponse } from "./web.js";

/** A fetch-style handler, whatever its second argument is. */
type Fetch<Context> = (request: Request, ctx: Context) => Response | Promise<Response>;

/** What answers an exchange by `fetch`. */
export function makeFetchHandler<Context>(
  fetch: Fetch<Context>,
  ctx: Context,
): (exchange: Exchange) => void {
  installLightClasses();
  const answer = (exchange: Exchange): void => {
    const request = new LightRequest(exchange);
    const response = fetch(request as unknown as Request, ctx);
    if (response instanceof Promise) {
      response.then(
        (value) => send(exchange, request, value),
        (error: unknown) => exchange.abort("the handler failed", error),
      );
      return;
    }
    send(exchange, request, response);
  };
  return (exchange) => {
    // Several requests are answered in one turn of the loop: what one enters with AsyncLocalStorage is
    // none of the next one's business.
    new AsyncResource("TEMPSREQUEST", MANUAL).runInAsyncScope(answer, undefined, exchange);
  };
}

/** Nobody waits for the end of these scopes. */
const MANUAL = { requireManualDestroy: true };

/** Sends what a handler has returned. Never throws. */
function send(exchange: Exchange, request: LightRequest, response: unknown): void {
  try {
    const plain = LightResponse.plain(response);
    if (plain !== undefined) {
      exchange.respond(plain.status, plain.headers, plain.body);
      return;
    }
    const real = LightResponse.real(response);
    if (real instanceof realResponse()) {
      sendReal(exchange, request, real);
      return;
    }
    if (isThenable(response)) {
      response.then(
        (value) => send(exchange, request, value),
        (error) => exchange.abort("the handler failed", error),
      );
      return;
    }
    exchange.abort(`the handler returned ${describe(response)}; allowed: a Response`);
  } catch (error) {
    exchange.abort("the handler's response cannot be sent", error);
  }
}

function sendReal(exchange: Exchange, request: LightRequest, response: Response): void {
  if (exchange.finished) {
    response.body?.cancel().catch(ignore);
    return;
  }
  if (response.bodyUsed) throw new TypeError("the response's body was read before");
  if (response.status < 200) throw new TypeError(`the response has status ${response.status}`);
  const headers = headerText(response.headers);
  const { body, status } = response;
  if (body === null || exchange.method === "HEAD") {
    exchange.respond(status, headers, null);
    body?.cancel().catch(ignore);
    return;
  }
  const reader = body.getReader();
  try {
    exchange.start(status, headers);
  } catch (error) {
    reader.cancel(error).catch(ignore);
    throw error;
  }
  void new Stream(exchange, request, reader).run();
}

// What the author's stream makes of its end is its own affair.
const ignore = (): void => undefined;

/**
 * Bytes after which other work gets its turn: a stream that never waits, and a caller that is as fast,
 * would take the event loop for themselves.
 */
const TURN = 256 * 1024;

/** An answer that is streamed: reads no further ahead than the caller takes. */
class Stream implements Writer {
  readonly #exchange: Exchange;
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  #resume: (() => void) | undefined;

  constructor(
    exchange: Exchange,
    request: LightRequest,
    reader: ReadableStreamDefaultReader<unknown>,
  ) {
    this.#exchange = exchange;
    this.#reader = reader;
    LightRequest.incomingOf(request).writer = this;
  }

  async run(): Promise<void> {
    const exchange = this.#exchange;
    let inTurn = 0;
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (exchange.finished) return;
        if (done) {
          exchange.end();
          return;
        }
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(`the body gave ${describe(value)}; allowed: Uint8Array`);
        }
        inTurn += value.length;
        if (!exchange.write(value)) await this.#room();
        else if (inTurn >= TURN) {
          inTurn = 0;
          await new Promise(setImmediate);
        }
        if (exchange.finished) return;
      }
    } catch (error) {
      exchange.abort("the response's body failed", error);
      this.#cancel(error);
    }
  }

  drain(): void {
    this.#resume?.();
  }

  gone(): void {
    this.#cancel(new DOMException("the caller went away", "AbortError"));
    this.#resume?.();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #cancel(reason: unknown): void {
    this.#reader.cancel(reason).catch(ignore);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return value.constructor?.name ?? "an object";
}
