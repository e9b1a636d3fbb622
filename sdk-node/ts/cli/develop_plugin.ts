/** One run of a plugin under development: starting it, the host's side of the handshake, its end. */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { type Address, type JsonObject, jsonObject } from "./develop_channel.js";
import { CommandError, hasCode, messageOf, type Report } from "./errors.js";
import { Lines } from "./lines.js";

const STEP_MS = 30_000;
/** Two seconds more than the plugin has for finishing requests. */
const STOP_MS = 12_000;
const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** How to run a plugin: what the command line of `run` says. */
export interface Settings {
  readonly dialect: 1 | 2;
  /** 0 takes a free one. */
  readonly port: number;
  /** The e-mail address of the signed-in user. */
  readonly user: string;
  readonly role: string;
  /** With commas between, as the platform sends them. */
  readonly permissions: string;
  readonly databaseUrl: string | undefined;
  readonly watch: boolean;
}

/** Where a plugin under development lives: `data` is kept, `socket` is for one run. */
export interface Home {
  readonly data: string;
  readonly hostData: string;
  readonly socket: string;
}

/** A plugin that has written `ready`. */
export class RunningPlugin {
  readonly address: Address;
  readonly manifest: JsonObject;
  readonly hasUi: boolean;
  /** Resolves to how it ended, for people. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;

  constructor(address: Address, started: Started, manifest: JsonObject, ready: JsonObject) {
    this.address = address;
    this.manifest = manifest;
    this.hasUi = ready["has_ui"] === true;
    this.ended = started.ended;
    this.#process = started.process;
  }

  /** The manifest's name. */
  get name(): string {
    return String(this.manifest["name"]);
  }

  /** Ends it and all it has started, at once. */
  kill(): void {
    killGroup(this.#process);
  }

  /** Asks it to end, and ends it when it does not. */
  async stop(say: Report): Promise<void> {
    this.#process.kill("SIGTERM");
    const late = setTimeout(() => {
      say(`the plugin did not stop within ${STOP_MS / 1000} s and is ended`);
      this.kill();
    }, STOP_MS);
    await this.ended;
    clearTimeout(late);
  }
}

/** A process, before its handshake. */
interface Started {
  readonly process: ChildProcess;
  readonly lines: Lines;
  readonly ended: Promise<string>;
}

/**
 * Starts a plugin and walks through the handshake.
 *
 * @param command - arguments for `node` up to the plugin's own
 * @param signal - ends the process, and rejects
 * @throws CommandError for a plugin that fails it, whose process has then ended
 */
export async function start(
  command: readonly string[],
  settings: Settings,
  home: Home,
  say: Report,
  signal: AbortSignal,
): Promise<RunningPlugin> {
  const { dialect } = settings;
  // Hexadecimal, so that it never begins with a hyphen and looks like a flag.
  const address = { dialect, secret: randomBytes(32).toString("hex"), socket: home.socket };
  const started = await launch(command, address, home);
  const end = () => killGroup(started.process);
  signal.addEventListener("abort", end);
  try {
    const first = await message(started, dialect === 1 ? "manifest" : "hello");
    const manifest = manifestOf(first, dialect);
    if (dialect === 2) writeLaunchLine(started, manifest, address, settings, home);
    const ready = await message(started, "ready");
    checkReady(ready, dialect);
    started.lines.onRest((text) => {
      const start = JSON.stringify(text.slice(0, 200).trim());
      say(`warning: the plugin wrote to its real standard output after ready: ${start}`);
    });
    return new RunningPlugin(address, started, manifest, ready);
  } catch (error) {
    end();
    await started.ended;
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

async function launch(command: readonly string[], address: Address, home: Home): Promise<Started> {
  const given = ["--socket-path", home.socket, "--data-dir", home.data];
  if (address.dialect === 1) given.push("--auth-secret", address.secret);
  const process_ = spawn(process.execPath, [...command, ...given], {
    // Ctrl-C in the terminal is for this process, which stops the plugin in order.
    detached: true,
    stdio: [address.dialect === 2 ? "pipe" : "ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string>((resolve) => {
    process_.once("exit", (status, signal) =>
      resolve(signal ? `signal ${signal}` : `status ${status}`),
    );
  });
  // A plugin that is gone already is reported by the line that does not come.
  process_.stdin?.on("error", () => {});
  try {
    await once(process_, "spawn");
  } catch (error) {
    throw new CommandError(`${process.execPath} does not start: ${messageOf(error)}`);
  }
  return { process: process_, lines: new Lines(process_.stdout as Readable), ended };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** The next line of the handshake, an object of the type `wanted`. */
async function message(started: Started, wanted: string): Promise<JsonObject> {
  const line = await started.lines.next(STEP_MS);
  if (line.kind === "late") {
    const late = `no ${wanted} line came within ${STEP_MS / 1000} s`;
    throw new CommandError(`${late}; is runPlugin() reached?`);
  }
  if (line.kind === "long")
    throw new CommandError(`its ${wanted} line is longer than ${line.limit} bytes`);
  if (line.kind === "end") {
    throw new CommandError(`it ended with ${await started.ended} before its ${wanted} line`);
  }
  const found = jsonObject(line.text);
  if (!found) {
    const shown = JSON.stringify(line.text.slice(0, 200));
    throw new CommandError(`a JSON object of type "${wanted}" was due on stdout, not ${shown}`);
  }
  if (found["type"] !== wanted) {
    const hint = wanted === "ready" ? "" : "; it speaks the other dialect, see --dialect";
    const type = JSON.stringify(found["type"]);
    throw new CommandError(`a line of type "${wanted}" was due, not ${type}${hint}`);
  }
  return found;
}

function manifestOf(message: JsonObject, dialect: 1 | 2): JsonObject {
  if (dialect === 2) checkVersion(message, "hello");
  const found = dialect === 1 ? message : message["manifest"];
  const manifest = jsonObject(JSON.stringify(found ?? null));
  if (!manifest) {
    throw new CommandError(
      `"manifest" is ${JSON.stringify(found)} in its hello line, and not an object`,
    );
  }
  const { name } = manifest as { name?: unknown };
  if (typeof name !== "string" || name.length > 64 || !NAME.test(name)) {
    throw new CommandError(
      `the manifest's name is ${JSON.stringify(name)}; it has to be words of a-z and 0-9 joined ` +
        "by hyphens, 64 characters at most",
    );
  }
  return manifest;
}

function checkReady(ready: JsonObject, dialect: 1 | 2): void {
  if (ready["ready"] !== true) {
    const found = JSON.stringify(ready["ready"]);
    throw new CommandError(`"ready" is ${found} in its ready line, and not true`);
  }
  if (dialect === 2) checkVersion(ready, "ready");
}

function checkVersion(message: JsonObject, line: string): void {
  const found = message["protocol_version"];
  if (found === 2) return;
  throw new CommandError(
    `"protocol_version" is ${JSON.stringify(found)} in its ${line} line, and not 2`,
  );
}

function writeLaunchLine(
  started: Started,
  manifest: JsonObject,
  address: Address,
  settings: Settings,
  home: Home,
): void {
  const requiresDb = manifest["requires_db"] === true;
  if (requiresDb && settings.databaseUrl === undefined) {
    throw new CommandError("its manifest has requires_db; give it a database with --database-url");
  }
  const hostData = manifest["requires_host_data_access"] === true;
  if (hostData) mkdirSync(home.hostData, { recursive: true });
  const line = {
    protocol_version: 2,
    auth_secret: address.secret,
    database_url: requiresDb ? settings.databaseUrl : null,
    host_data_dir: hostData ? home.hostData : null,
  };
  (started.process.stdin as Writable).end(`${JSON.stringify(line)}\n`);
}
