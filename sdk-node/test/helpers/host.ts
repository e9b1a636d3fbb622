/** A plugin as a process of its own, with its host's side of the handshake done by hand. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Watched } from "./command.js";

export const SECRET = "0123456789abcdef0123456789abcdef";

/** An answer, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** A plugin of `test/plugins/`, started as a host starts it: with an empty environment. */
export class Hosted extends Watched {
  readonly socketPath: string;
  readonly secret = SECRET;
  readonly #dialect: 1 | 2;
  /** What came on stdout, line by line. */
  readonly #out: AsyncIterator<string>;

  constructor(
    t: TestContext,
    name: string,
    { dialect = 2, args = [] as string[], node = [] as string[] } = {},
  ) {
    const folder = mkdtempSync(join(tmpdir(), "temps-hosted-"));
    const socketPath = join(folder, "p.sock");
    const script = join(dirname(fileURLToPath(import.meta.url)), "plugins", `${name}.mjs`);
    const given = [
      ...node,
      script,
      "--socket-path",
      socketPath,
      "--data-dir",
      join(folder, "data"),
    ];
    if (dialect === 1) given.push("--auth-secret", SECRET);
    super(process.execPath, [...given, ...args], { env: {}, stdio: "pipe" }, 2);
    this.socketPath = socketPath;
    this.#dialect = dialect as 1 | 2;
    this.#out = lines(this.process.stdout as NodeJS.ReadableStream);
    t.after(async () => {
      this.process.kill("SIGKILL");
      await this.end();
      rmSync(folder, { force: true, recursive: true });
    });
  }

  /** The next line on stdout. */
  async announced(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#out.next();
    assert.ok(!done, `no line on stdout, but on stderr: ${this.lines.join("\n")}`);
    return JSON.parse(value);
  }

  /** Walks the handshake; what the plugin says when it is ready. */
  async handshake(): Promise<Record<string, unknown>> {
    const announced = await this.announced();
    assert.equal(announced["type"], this.#dialect === 2 ? "hello" : "manifest");
    const config = {
      protocol_version: 2,
      auth_secret: SECRET,
      database_url: null,
      host_data_dir: null,
    };
    this.process.stdin?.end(this.#dialect === 2 ? `${JSON.stringify(config)}\n` : "");
    const ready = await this.announced();
    assert.equal(ready["type"], "ready");
    return ready;
  }

  /** What else is on stdout, until its end. */
  async rest(): Promise<string[]> {
    const rest: string[] = [];
    for (let next = await this.#out.next(); !next.done; next = await this.#out.next()) {
      rest.push(next.value);
    }
    return rest;
  }

  /** Sends a request, signed; the answer once its head is there. */
  ask(path: string, { method = "GET", headers = {}, body = "" } = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const signed = { ...headers, "x-temps-auth-signature": SECRET };
      const { socketPath } = this;
      const asking = request({ agent: false, headers: signed, method, path, socketPath }, resolve);
      asking.on("error", reject).end(body);
    });
  }

  /** A request and its whole answer. */
  async get(path: string, options = {}): Promise<Answer> {
    const message = await this.ask(path, options);
    const { statusCode: status = 0, headers } = message;
    return { status, headers, text: await text(message) };
  }

  /** Posts an event. */
  async event(type: string): Promise<number> {
    const id = "00000000-0000-4000-8000-000000000001";
    const event = {
      id,
      event_type: type,
      timestamp: "2026-06-06T12:00:00Z",
      project_id: null,
      data: {},
    };
    return (await this.get("/_events", { method: "POST", body: JSON.stringify(event) })).status;
  }

  /** Resident memory, now and at its highest, in bytes. */
  memory(): { now: number; highest: number } {
    const status = readFileSync(`/proc/${this.process.pid}/status`, "utf8");
    const bytes = (name: string): number =>
      Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"))?.[1]) * 1024;
    return { now: bytes("VmRSS"), highest: bytes("VmHWM") };
  }
}

async function* lines(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of stream.setEncoding("utf8")) {
    const all = (rest + String(piece)).split("\n");
    rest = all.pop() ?? "";
    yield* all;
  }
  if (rest !== "") yield rest;
}
