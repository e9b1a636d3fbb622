/** A platform that remembers what it was asked, and answers with `answer`. */

import { VerifiedCaller } from "../../ts/caller.js";
import type { Calls } from "../../ts/calls.js";
import { type NativeContext, PluginContext } from "../../ts/context.js";
import type { NativeCaller } from "../../ts/native.js";

/** One call, as it reached the native side. */
export interface Asked {
  caller?: NativeCaller;
  method?: string;
  params: unknown;
  timeoutMs: number | null;
  signal: AbortSignal | undefined;
}

export class FakeCalls implements Calls {
  readonly asked: Asked[] = [];
  /** JSON, or what a call fails with. */
  answer: unknown;

  constructor(answer: unknown = null) {
    this.answer = answer;
  }

  call(method: string, params: string, timeoutMs: number | null, signal?: AbortSignal) {
    this.asked.push({ method, params: JSON.parse(params), timeoutMs, signal });
    return this.#reply();
  }

  apiCall(caller: NativeCaller, request: string, timeoutMs: number | null, signal?: AbortSignal) {
    this.asked.push({ caller, params: JSON.parse(request), timeoutMs, signal });
    return this.#reply();
  }

  async #reply(): Promise<string> {
    if (this.answer instanceof Error) throw this.answer;
    return typeof this.answer === "string" ? this.answer : JSON.stringify(this.answer);
  }
}

export const SECRET = "hush-hush";

export const nativeContext: NativeContext = {
  pluginName: "shop-watch",
  dataDir: "/var/lib/temps/shop-watch",
  dialect: 2,
  authSecret: SECRET,
  databaseUrl: `postgres://u:${SECRET}@db/x`,
  hostApiUrl: "http://127.0.0.1:3000",
  hostDataDir: null,
};

/** A context whose calls go to `calls`. */
export function contextOver(calls: Calls, stopping = new AbortController().signal): PluginContext {
  return new PluginContext(nativeContext, calls, stopping);
}

export const nativeCaller: NativeCaller = {
  userId: "7",
  email: "ada@example.org",
  role: "user",
  permissions: ["projects:read"],
  isAdmin: false,
  hasPermission: (permission) => permission === "projects:read",
};

/** A signed-in user. */
export const somebody = new VerifiedCaller(nativeCaller);
