/** What is told of a request under way: made once somebody wants to know. */

import type { Exchange, ExchangeSink } from "../exchange.js";
import { RequestBody } from "./body.js";

/** Who streams an answer. */
export interface Writer {
  /** There is room for more. */
  drain(): void;
  /** Nobody waits for it any more. */
  gone(): void;
}

/** The sink of an exchange that a fetch-style handler answers. */
export class Incoming implements ExchangeSink {
  /** The body of the request. */
  readonly requestBody: RequestBody;
  /** Who streams the answer, once somebody does. */
  writer: Writer | null = null;
  #controller: AbortController | undefined;
  #isGone = false;

  constructor(exchange: Exchange) {
    this.requestBody = new RequestBody(exchange);
    exchange.sink = this;
  }

  /** Aborts when the caller goes away. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isGone) this.#controller.abort(wentAway());
    }
    return this.#controller.signal;
  }

  body(chunk: Buffer | null): void {
    this.requestBody.came(chunk);
  }

  bodyFailed(message: string): void {
    this.requestBody.broke(message);
  }

  drain(): void {
    this.writer?.drain();
  }

  answered(): void {
    this.requestBody.answered();
  }

  gone(): void {
    this.#isGone = true;
    this.requestBody.broke("the caller went away");
    this.writer?.gone();
    this.#controller?.abort(wentAway());
  }
}

function wentAway(): DOMException {
  return new DOMException("the caller went away", "AbortError");
}
