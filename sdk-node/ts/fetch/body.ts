/** The body of a request: collected for whoever wants it whole, or a stream for whoever does not. */

import type { Exchange } from "../exchange.js";

/** A body that is read once. */
export class RequestBody {
  readonly #exchange: Exchange;
  #stream: ReadableStream<Uint8Array> | undefined;
  #used = false;
  /** Takes what was pulled. */
  #take: ((chunk: Buffer | null) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #failure: Error | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Whether somebody has begun to read it. */
  get used(): boolean {
    return this.#used || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  /** The body as a stream, which reads no further ahead than one piece. */
  stream(): ReadableStream<Uint8Array> {
    if (this.#stream === undefined) {
      if (this.#used) throw unusable();
      this.#stream = new ReadableStream<Uint8Array>(
        {
          pull: async (controller) => {
            const chunk = await this.#next();
            if (chunk === null) controller.close();
            else controller.enqueue(new Uint8Array(chunk));
          },
          cancel: () => this.discard(),
        },
        { highWaterMark: 0 },
      );
    }
    return this.#stream;
  }

  /** The whole body. Rejects when it breaks off, or was read before. */
  async whole(): Promise<Uint8Array> {
    // One that is not there is never used up.
    if (!this.#exchange.hasBody) return new Uint8Array();
    if (this.#used) throw unusable();
    if (this.#stream !== undefined) {
      if (this.#stream.locked || isDisturbed(this.#stream)) throw unusable();
      this.#used = true;
      return new Uint8Array(await new Response(this.#stream).arrayBuffer());
    }
    this.#used = true;
    const chunks: Buffer[] = [];
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) {
      chunks.push(chunk);
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }

  /** Nobody reads it (any more). */
  discard(): void {
    if (this.#exchange.hasBody && !this.#ended) this.#exchange.discard();
    this.#ended = true;
  }

  /** A piece that was pulled is here. */
  came(chunk: Buffer | null): void {
    if (chunk === null) this.#ended = true;
    const take = this.#take;
    this.#take = undefined;
    this.#fail = undefined;
    take?.(chunk);
    if (this.#exchange.finished) this.#letGoWhenIdle();
  }

  /** The answer was given. Who is reading goes on; a body that is left alone would hold up the connection. */
  answered(): void {
    if (this.#exchange.isOver) this.#letGo();
    else this.#letGoWhenIdle();
  }

  /** There will be no more, though there should be. */
  broke(message: string): void {
    this.#failure = new TypeError(`the request's body broke off: ${message}`);
    this.#ended = true;
    this.#fail?.(this.#failure);
  }

  #ended = false;
  #inlineTaken = false;

  #letGoWhenIdle(): void {
    setImmediate(() => {
      if (this.#take === undefined) this.#letGo();
    });
  }

  #letGo(): void {
    if (this.#ended || this.#exchange.inline !== null) return;
    this.#ended = true;
    this.#failure = new TypeError(
      "the request's body is gone: it is read before the answer is given",
    );
    this.#exchange.discard();
    this.#fail?.(this.#failure);
  }

  #next(): Promise<Buffer | null> {
    const { inline } = this.#exchange;
    if (inline !== null && !this.#inlineTaken) {
      this.#inlineTaken = true;
      this.#ended = true;
      return Promise.resolve(inline);
    }
    if (!this.#ended && this.#exchange.isOver) this.#letGo();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended || !this.#exchange.hasBody) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#take = resolve;
      this.#fail = reject;
      this.#exchange.pull();
    });
  }
}

function unusable(): TypeError {
  return new TypeError("Body is unusable: it was read before");
}

/** Whether a stream was read from. */
function isDisturbed(stream: ReadableStream): boolean {
  const { Readable } = require("node:stream") as typeof import("node:stream");
  return Readable.isDisturbed(stream as never);
}
