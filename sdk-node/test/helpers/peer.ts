/** A client that writes HTTP by hand, and reads only what a test asks for. */

import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { TestPlugin } from "temps-plugin/testing";

/** Where a plugin is, and how its host signs. */
export interface Place {
  readonly socketPath: string;
  readonly secret: string;
}

/** Where a plugin under test is. */
export function placeOf(plugin: TestPlugin): Place {
  return { socketPath: plugin.socketPath, secret: plugin.ctx.authSecret };
}

/** One connection. Text is latin-1, so that each character is a byte. */
export class Peer {
  readonly socket: Socket;
  readonly #secret: string;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(t: Pick<TestContext, "after">, { socketPath, secret }: Place) {
    this.#secret = secret;
    this.socket = connect(socketPath);
    const wake = (): void => this.#wake();
    const end = (): void => {
      this.#ended = true;
      wake();
    };
    // Errors are ends: a connection that is broken off may be reset.
    this.socket.on("readable", wake).on("end", end).on("error", end).on("close", end);
    t.after(() => this.leave());
  }

  /** Writes the head of a request, signed; the rest is for `write`. */
  head(method: string, target: string, ...lines: string[]): this {
    const signed = `x-temps-auth-signature: ${this.#secret}`;
    return this.write(
      [`${method} ${target} HTTP/1.1`, "host: plugin", signed, ...lines, "", ""].join("\r\n"),
    );
  }

  /** Writes a piece of a chunked body; without a text its end. */
  chunk(text = ""): this {
    return this.write(`${text.length.toString(16)}\r\n${text}\r\n`);
  }

  write(text: string | Uint8Array): this {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
    return this;
  }

  /** Reads until `text` came; gives all up to its end. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(text, 0, "latin1");
      if (at >= 0) return this.#take(at + text.length).toString("latin1");
      await this.#more(`before ${JSON.stringify(text)}`);
    }
  }

  /** Reads so many bytes. */
  async bytes(length: number): Promise<Buffer> {
    while (this.#received.length < length) await this.#more(`before ${length} bytes`);
    return this.#take(length);
  }

  /** Reads until the plugin closes the connection. */
  async rest(): Promise<string> {
    while (await this.#read());
    return this.#take(this.#received.length).toString("latin1");
  }

  /** Goes away without a word. */
  leave(): void {
    this.socket.destroy();
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async #more(where: string): Promise<void> {
    if (await this.#read()) return;
    const came = JSON.stringify(this.#received.toString("latin1").slice(-200));
    throw new Error(`the connection ended ${where}; last came ${came}`);
  }

  async #read(): Promise<boolean> {
    for (;;) {
      const piece: Buffer | null = this.socket.read();
      if (piece !== null) {
        this.#received = Buffer.concat([this.#received, piece]);
        return true;
      }
      if (this.#ended) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
