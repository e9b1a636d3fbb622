/** A plugin that runs inside a test. */

import type { PluginContext } from "../context.js";
import type { PluginEvent } from "../events.js";
import { __shared, Disconnected } from "../index.js";
import type { NativeTestRun, NativeTestStart } from "../native.js";
import type { PluginDefinition } from "../plugin.js";
import type { Prepared } from "../run.js";
import type { PluginManifest } from "../wire.js";
import { Client, type TestRequestInit } from "./client.js";
import { TestPlatform } from "./platform.js";

/** How a plugin under test is started. */
export interface TestPluginOptions {
  /** Answers the plugin's calls; an empty platform unless given. */
  platform?: TestPlatform;
  /** The host's form of the protocol, 1 or 2; 2 unless said otherwise. */
  dialect?: 1 | 2;
  /** A data directory that outlives the run; a temporary one otherwise. */
  dataDir?: string;
  /** Where the socket goes; a temporary place otherwise. */
  socketPath?: string;
  /** The database that a plugin with `requires_db` is given. */
  databaseUrl?: string;
  /** More of the command line. */
  args?: string[];
  /** False opens no channel, as a host that never comes; `openChannel()` opens it. */
  channel?: boolean;
}

/** What a plugin said when it was ready. */
export type Ready = Readonly<Record<string, unknown>>;

/** What is known of a plugin once it is ready. */
interface Told {
  socketPath: string;
  dataDir: string;
  manifest: PluginManifest;
  ready: Ready;
}

/** The longest time a timer can have, in milliseconds. */
const FOR_EVER = 2 ** 31 - 1;

/** A plugin that runs inside a test, on the test's own event loop. */
export class TestPlugin {
  /** The platform it talks to. */
  readonly platform: TestPlatform;
  /** What its handlers and hooks get. */
  readonly ctx: PluginContext;
  /** What it announced. */
  readonly manifest: PluginManifest;
  /** What it said when it was ready: `has_ui`, `openapi`, … */
  readonly ready: Ready;
  /** Its socket, for requests that {@link fetch} cannot make. */
  readonly socketPath: string;
  /** Its data directory. */
  readonly dataDir: string;
  readonly #run: Run;
  readonly #client: Client;
  #stopped: Promise<void> | undefined;

  private constructor(run: Run, told: Told, ctx: PluginContext, platform: TestPlatform) {
    this.#run = run;
    this.platform = platform;
    this.ctx = ctx;
    this.manifest = told.manifest;
    this.ready = told.ready;
    this.socketPath = told.socketPath;
    this.dataDir = told.dataDir;
    this.#client = new Client(told.socketPath, ctx.authSecret);
  }

  /**
   * Starts a plugin and opens its channel.
   *
   * Rejects with whatever would have ended the process: `TypeError` for a definition that is none,
   * `PluginError` for a bad manifest or a failed start hook, …
   */
  static async start(
    definition: PluginDefinition,
    options: TestPluginOptions = {},
  ): Promise<TestPlugin> {
    const { platform = new TestPlatform(), ...start } = options;
    const run = new Run(definition);
    try {
      const told = await run.start(platform, start);
      const { ctx } = run.prepared.author;
      if (ctx === undefined) throw new Disconnected("the plugin is ready, but was not started");
      return new TestPlugin(run, told, ctx, platform);
    } catch (error) {
      run.close();
      throw error;
    }
  }

  /**
   * Sends a request as the host does, signed and, with `user`, in somebody's name; gives the response as
   * soon as its head is there.
   *
   * ```ts
   * await plugin.fetch("/notes", { method: "POST", json: { text: "hi" }, user: testUser() });
   * ```
   *
   * Redirects are not followed. Rejects with a `TempsError` when the plugin gives no response; the
   * response's body fails in the same way when the plugin breaks it off.
   */
  async fetch(path: string, init: TestRequestInit = {}): Promise<Response> {
    this.#checkRuns();
    return this.#client.fetch(path, init);
  }

  /**
   * Delivers an event and waits until the handlers are through with it, however they fare.
   *
   * Like any host it delivers only what the manifest asks for: rejects with `InvalidRequest` for
   * another event, and with `Disconnected` without a channel.
   */
  async deliver(event: PluginEvent): Promise<void> {
    this.#checkRuns();
    await this.#run.ask((run, runtime) => run.deliver(runtime, JSON.stringify(event)));
  }

  /** Cuts the channel, as a host that dies does. */
  async dropChannel(): Promise<void> {
    this.#checkRuns();
    await this.#run.ask((run, runtime) => run.dropChannel(runtime));
  }

  /** Opens the channel again after {@link dropChannel}. */
  async openChannel(): Promise<void> {
    this.#checkRuns();
    await this.#run.ask((run, runtime) => run.openChannel(runtime));
  }

  /**
   * Asks the plugin to stop, as SIGTERM does, and waits until it has: requests in flight finish first.
   *
   * Rejects with whatever would have made the process exit with another code than 0. Stopping again
   * gives the same promise.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** {@link stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    try {
      await this.#run.ask((run, runtime) => run.stop(runtime));
    } finally {
      this.#client.close();
      this.#run.close();
    }
  }

  #checkRuns(): void {
    if (this.#stopped !== undefined) throw new Disconnected("the plugin was stopped");
  }
}

/** The native side of a test plugin. */
class Run {
  readonly prepared: Prepared;
  readonly #native: NativeTestRun;
  // Keeps the event loop alive while somebody waits, and only then: a test that forgets to stop its
  // plugin ends all the same.
  readonly #alive: NodeJS.Timeout;

  constructor(definition: PluginDefinition) {
    const waiting = (isWaiting: boolean): void => {
      if (isWaiting) this.#alive.ref();
      else this.#alive.unref();
    };
    this.prepared = __shared.prepare(definition, () => undefined, waiting);
    this.#alive = setInterval(() => undefined, FOR_EVER).unref();
    const { runtime, driver } = this.prepared;
    this.#native = new __shared.native.NativeTestRun(runtime, driver.turn);
  }

  ask(ask: (run: NativeTestRun, runtime: Prepared["runtime"]) => number): Promise<string> {
    const { driver, runtime } = this.prepared;
    return driver.ask(() => ask(this.#native, runtime));
  }

  async start(platform: TestPlatform, options: Omit<TestPluginOptions, "platform">): Promise<Told> {
    const { dialect = 2, channel = true, args = [], ...places } = options;
    const start: NativeTestStart = { ...places, dialect, channel, arguments: args };
    const json = await this.ask((run, runtime) =>
      run.start(runtime, TestPlatform.native(platform), start),
    );
    return JSON.parse(json);
  }

  close(): void {
    clearInterval(this.#alive);
    this.#native.close();
  }
}
