/** The author's side of a plugin: what its definition makes of requests, events and hooks. */

import { VerifiedCaller } from "./caller.js";
import type { Calls } from "./calls.js";
import { type NativeContext, PluginContext } from "./context.js";
import type { Author } from "./driver.js";
import { dispatch, type PluginEvent } from "./events.js";
import type { Exchange } from "./exchange.js";
import { makeFetchHandler } from "./fetch/handler.js";
import { LightRequest } from "./fetch/request.js";
import { log } from "./logs.js";
import { exchangeOf } from "./node/exchange_of.js";
import type { PluginDefinition } from "./plugin.js";

type Answer = (exchange: Exchange) => void;

/** Drives the functions of a definition. */
export class DefinedAuthor implements Author {
  readonly #definition: PluginDefinition;
  readonly #name: string;
  readonly #stopping = new AbortController();
  readonly #onEnded: (code: number) => void;
  #ctx: PluginContext | undefined;
  #answer: Answer = answerNotFound;

  constructor(definition: PluginDefinition, name: string, onEnded: (code: number) => void) {
    this.#definition = definition;
    this.#name = name;
    this.#onEnded = onEnded;
  }

  /** What handlers get, once the plugin has begun to start. */
  get ctx(): PluginContext | undefined {
    return this.#ctx;
  }

  request(exchange: Exchange): void {
    this.#answer(exchange);
  }

  async start(native: NativeContext, calls: Calls): Promise<string | undefined> {
    const ctx = new PluginContext(native, calls, this.#stopping.signal);
    this.#ctx = ctx;
    this.#answer = await answerOf(this.#definition, ctx);
    await this.#definition.onStart?.(ctx);
    return this.#openapi(ctx);
  }

  async event(json: string): Promise<void> {
    const { onEvent } = this.#definition;
    if (onEvent === undefined || this.#ctx === undefined) return;
    await dispatch(onEvent, this.#ctx, JSON.parse(json) as PluginEvent);
  }

  async shutdown(): Promise<void> {
    if (this.#ctx !== undefined) await this.#definition.onShutdown?.(this.#ctx);
  }

  stopping(): void {
    this.#stopping.abort(new DOMException("the plugin stops", "AbortError"));
  }

  ended(code: number): void {
    this.#onEnded(code);
  }

  /** The OpenAPI document. One that cannot be made is left out: the plugin works without it. */
  async #openapi(ctx: PluginContext): Promise<string | undefined> {
    const { openapi } = this.#definition;
    if (openapi === undefined) return undefined;
    try {
      return JSON.stringify(typeof openapi === "function" ? await openapi(ctx) : openapi);
    } catch (error) {
      log("WARN", `${this.#name}: left out the OpenAPI document`, error);
      return undefined;
    }
  }
}

/**
 * Who sent a request: the signed-in caller whom the platform vouches for, or `undefined` for anyone
 * else, and for a request that did not come from the platform. Takes the `Request` of a fetch-style
 * handler or the `IncomingMessage` of a Node-style one; no header is ever taken at its word.
 *
 * ```ts
 * const caller = extractAuthContext(request);
 * if (caller === undefined) return new Response("sign in first", { status: 401 });
 * ```
 */
export function extractAuthContext(request: object): VerifiedCaller | undefined {
  const exchange = LightRequest.exchangeOf(request) ?? exchangeOf(request as never);
  if (!exchange?.caller) return undefined;
  let caller = callers.get(exchange);
  if (caller === undefined) {
    caller = new VerifiedCaller(exchange.caller);
    callers.set(exchange, caller);
  }
  return caller;
}

const callers = new WeakMap<Exchange, VerifiedCaller>();

async function answerOf(definition: PluginDefinition, ctx: PluginContext): Promise<Answer> {
  const { fetch, handler, upgrade } = definition;
  const ordinary = fetch === undefined ? answerNotFound : makeFetchHandler(fetch, ctx);
  if (handler === undefined && upgrade === undefined) return ordinary;
  // Node's HTTP classes are loaded for whoever needs them: they take a while.
  const { makeNodeHandler } = await import("./node/handler.js");
  const takeOver = upgrade?.(ctx);
  if (handler !== undefined) return makeNodeHandler(await handler(ctx), takeOver);
  const upgrades = makeNodeHandler(() => undefined, takeOver);
  return (exchange) => (exchange.upgrading ? upgrades(exchange) : ordinary(exchange));
}

const NOT_FOUND = JSON.stringify({ type: "about:blank", title: "Not Found", status: 404 });

/** The answer of a plugin without routes of its own. */
function answerNotFound(exchange: Exchange): void {
  exchange.respond(404, "content-type\napplication/problem+json", NOT_FOUND);
}
