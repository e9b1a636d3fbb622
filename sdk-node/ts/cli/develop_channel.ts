/**
 * The host's end of the channel, for a plugin under development.
 *
 * It delivers events. There is no platform behind it, so every call is answered with an error.
 */

import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Frames, frame, Opcode } from "./frames.js";

const ACCEPT_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NO_PLATFORM = {
  code: "internal",
  message: "there is no platform behind `npx temps-plugin run`",
};

/** A JSON object of any shape. */
export type JsonObject = Record<string, unknown>;

/** The JSON object that `text` is, or undefined when it is none. */
export function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** How to reach a running plugin. */
export interface Address {
  readonly socket: string;
  readonly secret: string;
  readonly dialect: 1 | 2;
}

/** An open channel. */
export class Channel {
  /** Resolves when the channel has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #dialect: 1 | 2;
  readonly #frames = new Frames();

  constructor(socket: Socket, head: Buffer, dialect: 1 | 2) {
    this.#socket = socket;
    this.#dialect = dialect;
    this.ended = new Promise((resolve) => socket.once("close", () => resolve()));
    // What broke does not matter: the channel is dialled again.
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (piece: Buffer) => this.#take(piece));
    this.#take(head);
  }

  /** Delivers one event, the envelope as PROTOCOL.md describes it. */
  sendEvent(event: JsonObject): void {
    this.#send({ type: "event", event });
  }

  /** Ends it with a close frame. */
  close(): void {
    if (!this.#socket.writable) return;
    const normal = Buffer.from([0x03, 0xe8]);
    this.#socket.end(frame(Opcode.close, normal));
  }

  #take(piece: Buffer): void {
    for (const { opcode, payload } of this.#frames.take(piece)) {
      if (opcode === Opcode.text) this.#answer(payload);
      if (opcode === Opcode.ping) this.#socket.write(frame(Opcode.pong, payload));
      if (opcode === Opcode.close) this.close();
    }
    if (this.#frames.broken) this.#socket.destroy();
  }

  #answer(payload: Buffer): void {
    const call = jsonObject(payload.toString());
    if (call?.["type"] !== "request") return;
    const reply = { type: "response", id: call["id"] };
    this.#send(
      this.#dialect === 1
        ? { ...reply, error: NO_PLATFORM }
        : { ...reply, outcome: { err: NO_PLATFORM } },
    );
  }

  #send(message: JsonObject): void {
    if (this.#socket.writable) {
      this.#socket.write(frame(Opcode.text, Buffer.from(JSON.stringify(message))));
    }
  }
}

/** Opens the channel of a plugin. Rejects with an Error that says how it was refused. */
export function dial({ socket, secret, dialect }: Address): Promise<Channel> {
  const key = randomBytes(16).toString("base64");
  const expected = createHash("sha1").update(`${key}${ACCEPT_KEY}`).digest("base64");
  return new Promise((resolve, reject) => {
    const asking = request({
      socketPath: socket,
      path: "/_temps/channel",
      agent: false,
      headers: {
        host: "plugin",
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": key,
        "x-temps-auth-signature": secret,
      },
    });
    asking.once("upgrade", (answer, connection: Socket, head) => {
      if (answer.headers["sec-websocket-accept"] === expected) {
        resolve(new Channel(connection, head, dialect));
      } else {
        connection.destroy();
        reject(new Error("the channel was answered with a wrong sec-websocket-accept"));
      }
    });
    asking.once("response", (answer) => {
      asking.destroy();
      reject(new Error(`the channel was answered with ${answer.statusCode}`));
    });
    asking.once("error", (error) => {
      reject(new Error(`the channel cannot be opened: ${error.message}`));
    });
    asking.end();
  });
}

/** Where the live channel can be found, if there is one. */
export interface ChannelSlot {
  channel: Channel | undefined;
}

/**
 * Has a channel until `signal` says otherwise, dialling again when it is lost. Rejects when the
 * first one cannot be opened.
 */
export async function keepOpen(
  address: Address,
  slot: ChannelSlot,
  signal: AbortSignal,
): Promise<void> {
  let wait = 500;
  let channel: Channel | undefined = await dial(address);
  const end = () => slot.channel?.close();
  signal.addEventListener("abort", end);
  try {
    while (!signal.aborted) {
      if (channel) {
        slot.channel = channel;
        await channel.ended;
        slot.channel = undefined;
        if (signal.aborted) return;
      }
      // Waiting ends at once when the plugin is stopped, which the loop sees.
      await pause(wait, undefined, { signal }).catch(() => {});
      wait = Math.min(wait * 2, 30_000);
      channel = signal.aborted ? undefined : await dial(address).catch(() => undefined);
    }
    channel?.close();
  } finally {
    signal.removeEventListener("abort", end);
  }
}
