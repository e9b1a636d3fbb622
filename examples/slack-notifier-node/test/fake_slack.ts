/** A Slack that answers as it is told and remembers what it was sent. */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const PATH = "/services/SECRET";

/** Far more than a test needs, so that a slow machine fails none. */
export const DEADLINE = 20_000;

export interface Answer {
  status: number;
  reason?: string;
  headers?: Record<string, string>;
}

/** `never` answers nothing and keeps the connection, `hang up` closes it. */
export type Behaviour = Answer | "never" | "hang up";

export class FakeSlack {
  readonly #server: Server;
  readonly #answers: Behaviour[];
  readonly #messages: unknown[] = [];
  readonly #news = new EventEmitter();

  private constructor(answers: Behaviour[]) {
    this.#answers = answers;
    this.#server = createServer(async (req, res) => {
      assert.equal(`${req.method} ${req.url}`, `POST ${PATH}`);
      const message = JSON.parse(await text(req));
      const answer = this.#answers.shift() ?? { status: 200, reason: "ok" };
      if (answer === "hang up") {
        req.socket.destroy();
      } else if (answer !== "never") {
        res.writeHead(answer.status, answer.headers).end(answer.reason);
      }
      this.#messages.push(message);
      this.#news.emit("message");
    });
  }

  /** Gives these answers, one after the other, and takes every message from then on. */
  static async start(...answers: Behaviour[]): Promise<FakeSlack> {
    const fake = new FakeSlack(answers);
    fake.#server.listen(0, "127.0.0.1");
    await once(fake.#server, "listening");
    return fake;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get #address(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  get webhook(): string {
    return `http://${this.#address}${PATH}`;
  }

  get masked(): string {
    return `http://${this.#address}/…`;
  }

  /** All messages, once there are so many. */
  async received(count: number): Promise<unknown[]> {
    const signal = AbortSignal.timeout(DEADLINE);
    while (this.#messages.length < count) {
      await once(this.#news, "message", { signal });
    }
    return [...this.#messages];
  }
}
