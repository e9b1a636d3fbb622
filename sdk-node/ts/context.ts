/** What the SDK hands to author code. */

import { VerifiedCaller } from "./caller.js";
import { CallerApi } from "./caller_api.js";
import type { CallOptions, Calls } from "./calls.js";
import { TempsClient } from "./client.js";
import { NoActor } from "./errors.js";
import type { GenerateAi, GeneratedText, HostPermission } from "./wire.js";

export type { Calls };

/** What the native side knows of a plugin's start. */
export interface NativeContext {
  readonly pluginName: string;
  readonly dataDir: string;
  readonly dialect: number;
  readonly authSecret: string;
  readonly databaseUrl: string | null;
  readonly hostApiUrl: string | null;
  readonly hostDataDir: string | null;
}

/** Text from the platform's model: `ctx.ai`. */
export interface Ai {
  /**
   * Text from the platform's model (dialect 2). Asks for the permission `ai_generate`, and waits at
   * most 65 s. Rejects as the calls of {@link TempsClient} do.
   */
  generate(params: GenerateAi, options?: CallOptions): Promise<GeneratedText>;
}

/**
 * A plugin's place in the world: who it is, where its files go, and its line to the platform.
 *
 * There is one for the life of the plugin; handlers and hooks get it.
 */
export class PluginContext {
  /** The platform's data. */
  readonly temps: TempsClient;
  /** Text from the platform's model. */
  readonly ai: Ai;
  /**
   * Aborts when the plugin is told to stop: the moment to end what would go on for ever, such as an
   * event stream or a WebSocket of your own.
   */
  readonly stopping: AbortSignal;

  readonly #native: NativeContext;
  readonly #calls: Calls;

  /** @internal */
  constructor(native: NativeContext, calls: Calls, stopping: AbortSignal) {
    this.#native = native;
    this.#calls = calls;
    this.stopping = stopping;
    const temps = new TempsClient(calls);
    this.temps = temps;
    this.ai = { generate: (params, options) => temps.generateAi(params, options) };
  }

  /** The manifest's `name`. */
  get pluginName(): string {
    return this.#native.pluginName;
  }

  /** The plugin's own directory, an absolute path. It exists, and nobody else writes there. */
  get dataDir(): string {
    return this.#native.dataDir;
  }

  /** The form of the protocol the host speaks, 1 or 2. */
  get dialect(): number {
    return this.#native.dialect;
  }

  /**
   * The secret shared with the host at this start.
   *
   * The SDK has checked requests against it before a handler runs; keep it out of logs, files and
   * responses.
   */
  get authSecret(): string {
    return this.#native.authSecret;
  }

  /** The platform's database, when the manifest has `requires_db`. */
  get databaseUrl(): string | undefined {
    return this.#native.databaseUrl ?? undefined;
  }

  /** The base URL at which the platform's API answers, when the host tells it (dialect 2). */
  get hostApiUrl(): string | undefined {
    return this.#native.hostApiUrl ?? undefined;
  }

  /** The host's data directory, when the manifest has `requires_host_data_access` (dialect 2). */
  get hostDataDir(): string | undefined {
    return this.#native.hostDataDir ?? undefined;
  }

  /**
   * The platform's own API in the name of `caller`: whoever sent the request being served.
   *
   * ```ts
   * const reply = await ctx
   *   .apiAsCaller(extractAuthContext(request))
   *   .patch("/api/projects/7", { json: { name: "shop" } });
   * ```
   *
   * Throws `NoActor` for undefined, which is what `extractAuthContext` gives when nobody is signed
   * in, and `TypeError` for anything it did not give.
   */
  apiAsCaller(caller: VerifiedCaller | undefined): CallerApi {
    if (caller == null) {
      throw new NoActor("api_call was not sent: nobody is signed in whom it could be made for");
    }
    const native = typeof caller === "object" ? VerifiedCaller.native(caller) : undefined;
    if (native === undefined) {
      throw new TypeError("apiAsCaller takes what extractAuthContext(request) gives, nothing else");
    }
    return new CallerApi(this.#calls, native);
  }

  /** What an administrator has granted the plugin at this moment (dialect 2). */
  async permissions(options?: CallOptions): Promise<HostPermission[]> {
    return (await this.temps.getHostCapabilities(options)).permissions;
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { pluginName, dataDir, dialect } = this;
    return { pluginName, dataDir, dialect };
  }
}
