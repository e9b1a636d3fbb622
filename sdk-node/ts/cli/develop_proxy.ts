/** The host's proxy for a plugin under development: HTTP on 127.0.0.1 to the plugin's socket. */

import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type ChannelSlot, type JsonObject, jsonObject } from "./develop_channel.js";
import { forward, forwardUpgrade, pairs, Refused } from "./develop_forward.js";
import type { RunningPlugin, Settings } from "./develop_plugin.js";
import { CommandError, hasCode, messageOf, type Report } from "./errors.js";

const EVENT_LIMIT = 1024 * 1024;
const START_MS = 60_000;
const NOT_PASSED_ON = new Set([
  "authorization",
  "connection",
  "cookie",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
]);

/** The plugin as the proxy sees it: starting, up, or not running and why. */
type State =
  | { readonly kind: "starting" }
  | { readonly kind: "up"; readonly plugin: RunningPlugin }
  | { readonly kind: "down"; readonly why: string };

/** Listens for as long as `run` runs; the plugin comes and goes. */
export class DevelopProxy {
  /** Where events go. */
  readonly slot: ChannelSlot = { channel: undefined };
  readonly #settings: Settings;
  readonly #say: Report;
  readonly #server: Server;
  readonly #actorToken = randomBytes(32).toString("base64url");
  #state: State = { kind: "starting" };
  #settled = new Set<() => void>();

  constructor(settings: Settings, say: Report) {
    this.#settings = settings;
    this.#say = say;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => refuse(response, error));
    });
    this.#server.on("upgrade", (request, socket: Duplex, head) => {
      // Who left does not matter to anyone else.
      socket.on("error", () => {});
      this.#handleUpgrade(request, socket, head).catch((error) => refuseUpgrade(socket, error));
    });
    // The plugin may take its time, and an upload as well.
    this.#server.requestTimeout = 0;
  }

  /** Opens the port. */
  async listen(): Promise<void> {
    const { port } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    }).catch((error: unknown) => {
      const taken = hasCode(error, "EADDRINUSE");
      const why = taken ? "is taken; choose another with --port" : messageOf(error);
      throw new CommandError(`port ${port} ${why}`);
    });
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Closes the port and all connections. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** A plugin is being started: requests wait for it. */
  starting(): void {
    this.#state = { kind: "starting" };
  }

  /** Requests go to this plugin. */
  up(plugin: RunningPlugin): void {
    this.#settle({ kind: "up", plugin });
  }

  /** There is no plugin, and none is being started. */
  down(why: string): void {
    this.#settle({ kind: "down", why });
  }

  #settle(state: State): void {
    this.#state = state;
    for (const wake of this.#settled) wake();
    this.#settled.clear();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#checkOrigin(request);
    if (request.method === "POST" && request.url === "/events") {
      await this.#takeEvent(request, response);
      return;
    }
    const plugin = await this.#current();
    if (request.url === "/") {
      const location = `/api/x/${plugin.name}/${plugin.hasUi ? "ui/" : ""}`;
      response.writeHead(307, { location }).end();
      return;
    }
    const target = innerTarget(plugin, request.url ?? "");
    const headers = this.#headersFor(plugin, request);
    const status = await forward(request, response, { target, headers, plugin });
    if (status) this.#say(`${request.method} ${request.url} ${status}`);
  }

  async #handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#checkOrigin(request);
    const plugin = await this.#current();
    const target = innerTarget(plugin, request.url ?? "");
    const headers = this.#headersFor(plugin, request);
    headers.push("connection", "upgrade");
    const status = await forwardUpgrade(request, socket, head, { target, headers, plugin });
    if (status) this.#say(`${request.method} ${request.url} ${status}`);
  }

  async #current(): Promise<RunningPlugin> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#settle(this.#state);
    }, START_MS);
    while (this.#state.kind === "starting" && !late) {
      await new Promise<void>((wake) => this.#settled.add(wake));
    }
    clearTimeout(timer);
    const state = this.#state;
    if (state.kind === "up") return state.plugin;
    const why = state.kind === "down" ? `not running: ${state.why}` : "still starting";
    throw new Refused(502, `The plugin is ${why}.`);
  }

  /** Keeps other web pages out: whoever asks here is signed in. */
  #checkOrigin(request: IncomingMessage): void {
    const hosts = ["127.0.0.1", "localhost"].map((name) => `${name}:${this.port}`);
    const host = request.headers.host?.toLowerCase() ?? "";
    if (!hosts.includes(host)) {
      throw new Refused(403, `The host has to be ${hosts[0]}, not ${JSON.stringify(host)}.`);
    }
    const { origin } = request.headers;
    if (origin !== undefined && !hosts.some((one) => origin === `http://${one}`)) {
      throw new Refused(403, "Only pages of this server may ask here.");
    }
  }

  /** The headers of the request to the plugin, with what the platform adds. */
  #headersFor(plugin: RunningPlugin, request: IncomingMessage): string[] {
    const passed = pairs(request.rawHeaders).filter(([name]) => {
      const lower = name.toLowerCase();
      return !NOT_PASSED_ON.has(lower) && !lower.startsWith("x-temps-");
    });
    const { dialect, permissions, role, user } = this.#settings;
    const capabilities = plugin.manifest["capabilities"];
    const acts = dialect === 2 && Array.isArray(capabilities) && capabilities.length > 0;
    const own = {
      plugin: plugin.name,
      "request-id": randomUUID(),
      "user-id": "1",
      "user-email": user,
      "user-role": role,
      "user-permissions": permissions,
      "auth-signature": plugin.address.secret,
      ...(acts && { "actor-token": this.#actorToken }),
    };
    return [
      ...passed.flat(),
      ...Object.entries(own).flatMap(([name, value]) => [`x-temps-${name}`, value]),
    ];
  }

  async #takeEvent(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of request as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > EVENT_LIMIT) throw new Refused(413, "An event has at most 1 MiB.");
      pieces.push(piece);
    }
    const event = eventOf(Buffer.concat(pieces).toString());
    await this.#current();
    if (!this.slot.channel) throw new Refused(503, "The plugin has no channel open.");
    this.slot.channel.sendEvent(event);
    response.writeHead(202, { "content-type": "application/json" }).end(JSON.stringify(event));
  }
}

/** The envelope of an event, with an id and a time when it has none. */
function eventOf(text: string): JsonObject {
  const event = jsonObject(text);
  if (typeof event?.["event_type"] !== "string") {
    throw new Refused(
      400,
      'An event is a JSON object with an "event_type" like "deployment.succeeded".',
    );
  }
  const timestamp = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  return { id: randomUUID(), timestamp, project_id: null, data: {}, ...event };
}

/** The target of a request as the plugin sees it. */
function innerTarget(plugin: RunningPlugin, target: string): string {
  const prefix = `/api/x/${plugin.name}`;
  const [path = "", ...query] = target.split("?");
  if (path !== prefix && !path.startsWith(`${prefix}/`)) {
    throw new Refused(404, `The plugin is at ${prefix}/.`);
  }
  const inner = path.slice(prefix.length) || "/";
  if (isReserved(inner)) throw new Refused(404, "The platform keeps this path for itself.");
  return [inner, ...query].join("?");
}

/** Whether a path is the platform's own, however it is written. */
function isReserved(path: string): boolean {
  let plain = path;
  for (let times = 0; times < 3; times++) {
    plain = plain.replace(/%[0-9a-f]{2}/gi, (code) =>
      String.fromCharCode(Number.parseInt(code.slice(1), 16)),
    );
  }
  const segments: string[] = [];
  for (const segment of plain.replaceAll("\\", "/").split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments[0] === "_temps" || segments.join("/") === "_events";
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, problem } = problemOf(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const close = { connection: "close", "content-type": "application/problem+json" };
  response.writeHead(status, close).end(problem);
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status, title, problem } = problemOf(error);
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(problem)}\r\nconnection: close\r\n\r\n${problem}`,
  );
}

function problemOf(error: unknown): { status: number; title: string; problem: string } {
  if (!(error instanceof Refused)) throw error;
  const { status, title, message: detail } = error;
  return { status, title, problem: JSON.stringify({ type: "about:blank", title, status, detail }) };
}
