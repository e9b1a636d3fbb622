/** Lines out of a stream, one when it is asked for. */

import type { Readable } from "node:stream";

const LIMIT = 2 * 1024 * 1024;

/** What came: a line without its end, or why there is none. */
export type Line =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "late" }
  | { readonly kind: "end" }
  | { readonly kind: "long"; readonly limit: number };

/** Reads lines of UTF-8. */
export class Lines {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};
  #rest: ((text: string) => void) | undefined;

  constructor(stream: Readable) {
    stream.on("data", (piece: Buffer) => {
      if (this.#rest) this.#rest(piece.toString());
      else this.#bytes = Buffer.concat([this.#bytes, piece]);
      this.#wake();
    });
    stream.once("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The next line, waiting for it at most `ms` milliseconds. */
  async next(ms: number): Promise<Line> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, ms);
    try {
      for (;;) {
        const end = this.#bytes.indexOf(0x0a);
        if (end > LIMIT || (end < 0 && this.#bytes.length > LIMIT))
          return { kind: "long", limit: LIMIT };
        if (end >= 0) return { kind: "line", text: this.#cut(end) };
        if (this.#ended) return { kind: "end" };
        if (late) return { kind: "late" };
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives everything from here on to `take`, as it comes. */
  onRest(take: (text: string) => void): void {
    this.#rest = take;
    if (this.#bytes.length > 0) take(this.#bytes.toString());
    this.#bytes = Buffer.alloc(0);
  }

  #cut(end: number): string {
    const line = this.#bytes.toString("utf8", 0, end);
    this.#bytes = this.#bytes.subarray(end + 1);
    return line.replace(/\r$/, "");
  }
}
