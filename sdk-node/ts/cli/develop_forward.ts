/** One request to a plugin's socket, and its answer back; bodies stream both ways. */

import { request as ask, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RunningPlugin } from "./develop_plugin.js";

/** The request is answered here, with a status and a reason for the developer. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }

  /** What the status is called. */
  get title(): string {
    return STATUS_CODES[this.status] ?? "";
  }
}

/** Where a request goes, and with which headers: name, value, name, value. */
export interface Inner {
  readonly target: string;
  readonly headers: string[];
  readonly plugin: RunningPlugin;
}

/** A raw header list as pairs of name and value. */
export function pairs(raw: readonly string[]): [name: string, value: string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return found;
}

type Done = (error?: Error | null) => void;

/**
 * A connection that cannot be written to any more can still be read from: a plugin may answer and
 * close before it has read a body.
 */
class PatientSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, () => done());
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    super._writev?.(chunks, () => done());
  }
}

/**
 * Passes a request on and its answer back; resolves to the status when the answer has begun, or to
 * undefined when the caller has left before.
 */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { target, headers, plugin }: Inner,
): Promise<number | undefined> {
  const inner = ask({
    createConnection: () => new PatientSocket().connect(plugin.address.socket),
    method: request.method,
    path: target,
    headers: [...headers, "connection", "close"],
    setHost: false,
  });
  request.once("end", () => {
    if (request.rawTrailers.length > 0) inner.addTrailers(pairs(request.rawTrailers));
  });
  // Not with the first piece of the body: the plugin may answer before there is one.
  inner.flushHeaders();
  request.pipe(inner);
  return new Promise((resolve, reject) => {
    response.once("close", () => {
      // Nothing more to do when all of it has been passed on.
      inner.destroy();
      resolve(undefined);
    });
    inner.once("response", (answer) => {
      resolve(answer.statusCode);
      passBack(answer, response);
    });
    inner.on("error", () => {
      if (response.headersSent) response.destroy();
      else reject(new Refused(502, "The plugin gave no answer."));
    });
  });
}

function passBack(answer: IncomingMessage, response: ServerResponse): void {
  const kept = pairs(answer.rawHeaders).filter(
    ([name]) => !["connection", "keep-alive"].includes(name.toLowerCase()),
  );
  response.sendDate = false;
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, kept.flat());
  response.flushHeaders();
  answer.once("end", () => {
    if (answer.rawTrailers.length > 0) response.addTrailers(pairs(answer.rawTrailers));
  });
  // An answer that breaks off has to look like one.
  answer.once("error", () => response.destroy());
  answer.pipe(response);
}

/**
 * Passes a request for an upgrade on, and from then on bytes both ways, whatever the sides make of
 * them; resolves to the status as for `forward`.
 */
export function forwardUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { target, headers, plugin }: Inner,
): Promise<string | undefined> {
  const inner = new PatientSocket({ allowHalfOpen: true }).connect(plugin.address.socket);
  const lines = pairs(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  inner.write(`${request.method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
  if (head.length > 0) inner.write(head);
  let begun = false;
  return new Promise((resolve, reject) => {
    inner.once("data", (first: Buffer) => {
      begun = true;
      resolve(first.toString("latin1", 9, 12));
      socket.write(first);
      inner.pipe(socket);
      socket.pipe(inner);
    });
    inner.once("error", () => {
      if (begun) socket.destroy();
    });
    inner.once("end", () => {
      if (!begun) inner.destroy();
    });
    inner.once("close", () => reject(new Refused(502, "The plugin gave no answer.")));
    socket.once("close", () => {
      inner.destroy();
      resolve(undefined);
    });
  });
}
