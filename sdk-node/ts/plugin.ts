/** The plugin an author declares. */

import type { IncomingMessage, RequestListener, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { PluginContext } from "./context.js";
import { type OnEvent, patternsOf } from "./events.js";
import { checkManifest, ManifestBuilder } from "./manifest.js";
import { native } from "./native.js";
import { nearest, shown } from "./shown.js";
import type { PluginManifest } from "./wire.js";

/** Answers a request in the way of the web: Hono, itty-router, and code without a framework. */
export type FetchHandler = (request: Request, ctx: PluginContext) => Response | Promise<Response>;

/**
 * Makes what answers requests in the way of `node:http`: Express, Fastify, Koa, NestJS, and code
 * without a framework. A server never listens: it is handed requests and upgrades.
 */
export type NodeHandler = (
  ctx: PluginContext,
) => RequestListener | Server | Promise<RequestListener | Server>;

/** Takes over a connection whose caller asks for it, as `server.on("upgrade", …)` does. */
export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Code that runs when the plugin starts or stops. What it returns is awaited. */
export type Hook = (ctx: PluginContext) => unknown;

/** An OpenAPI document of the plugin's own routes. */
export type OpenApiDocument = object;

interface PluginParts {
  /**
   * What the plugin says of itself, or a function that gives it: what `createManifest(…).build()`
   * makes. The patterns of `onEvent` are added to its `events`.
   */
  manifest: PluginManifest | (() => PluginManifest);
  /**
   * Makes what is handed connections to take over; for `ws`, `wss.handleUpgrade` of a server with
   * `noServer`. Without it such requests are ordinary ones, unless `handler` gives a server that
   * listens for `upgrade`.
   */
  upgrade?: ((ctx: PluginContext) => UpgradeListener) | undefined;
  /**
   * Runs before the plugin is announced as ready; a failure ends the process. Calls to the platform
   * do not work yet: the channel comes after `ready`.
   */
  onStart?: Hook | undefined;
  /** Runs when the plugin stops, after what was in flight; it has 5 s. */
  onShutdown?: Hook | undefined;
  /**
   * Is told of events, one after the other: a function for every event that the manifest asks for, or
   * handlers by pattern. A failure is logged and stops nothing.
   */
  onEvent?: OnEvent | undefined;
  /** An OpenAPI document of the plugin's routes, or a function that gives it. */
  openapi?:
    | OpenApiDocument
    | ((ctx: PluginContext) => OpenApiDocument | Promise<OpenApiDocument>)
    | undefined;
  /**
   * A folder with `index.html`, served at `/ui/`; relative to the process's working directory unless
   * absolute. `temps-plugin build` puts it into the file it makes.
   */
  uiDist?: string | undefined;
  /** The same as a `.tar.gz` in memory. */
  uiBundle?: Uint8Array | undefined;
  /**
   * How long the host may take to open the channel before the plugin gives up, in milliseconds; null
   * for ever. 30 000 unless said otherwise.
   */
  channelDeadlineMs?: number | null | undefined;
  /** Whether requests without the host's signature are refused in dialect 1 too. */
  requireSignature?: boolean | undefined;
  /**
   * How long what is in flight may take when the plugin stops, in milliseconds; 10 000, which is also
   * the most that hosts grant, unless said otherwise.
   */
  drainMs?: number | undefined;
}

/**
 * A Temps plugin: what `runPlugin` takes.
 *
 * Requests are answered by `fetch` or by `handler`; without either every route of the plugin's own is
 * 404, which is right for one that has only a UI or only listens to events.
 */
export type PluginDefinition = PluginParts &
  (
    | {
        /** Answers requests in the way of the web. */
        fetch?: FetchHandler | undefined;
        handler?: undefined;
      }
    | {
        fetch?: undefined;
        /** Makes what answers requests in the way of `node:http`, once, before the plugin is ready. */
        handler: NodeHandler;
      }
  );

type Key = keyof PluginParts | "fetch" | "handler";

interface Rule {
  allowed: string;
  test(value: unknown): boolean;
}

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isFunction = (value: unknown): boolean => typeof value === "function";
const isLimit = (value: unknown): boolean =>
  typeof value === "number" && value >= 0 && Number.isFinite(value);

const FUNCTION: Rule = { allowed: "a function", test: isFunction };
const EITHER: Rule = {
  allowed: "an object or a function that gives one",
  test: (value) => isObject(value) || isFunction(value),
};

const RULES: Record<Key, Rule> = {
  manifest: EITHER,
  fetch: FUNCTION,
  handler: FUNCTION,
  upgrade: FUNCTION,
  onStart: FUNCTION,
  onShutdown: FUNCTION,
  onEvent: {
    allowed: "a function, or an object of functions by event pattern",
    test: (value) => isObject(value) || isFunction(value),
  },
  openapi: EITHER,
  uiDist: {
    allowed: "the path of a folder",
    test: (value) => typeof value === "string" && value !== "",
  },
  uiBundle: {
    allowed: "a Uint8Array with a .tar.gz",
    test: (value) => value instanceof Uint8Array,
  },
  channelDeadlineMs: {
    allowed: "milliseconds, 0 or more, or null for no deadline",
    test: (value) => value === null || isLimit(value),
  },
  requireSignature: { allowed: "true or false", test: (value) => typeof value === "boolean" },
  drainMs: { allowed: "milliseconds, 0 or more", test: isLimit },
};

/**
 * Whether `definition` is one: throws a `TypeError` that names everything that is wrong with it, what
 * was found and what is allowed. The manifest's values are not looked at; see {@link manifestOf}.
 */
export function checkDefinition(definition: unknown): asserts definition is PluginDefinition {
  if (!isObject(definition)) {
    throw new TypeError(`runPlugin takes a plugin as an object, not ${shown(definition)}`);
  }
  const given = definition as Record<string, unknown>;
  const faults = [...keyFaults(given), ...valueFaults(given), ...pairFaults(given)];
  if (faults.length > 0) throw new TypeError(`the plugin cannot be run: ${faults.join("; ")}`);
}

function* keyFaults(given: Record<string, unknown>): Generator<string> {
  const allowed = Object.keys(RULES);
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(RULES, key)) continue;
    const meant = nearest(key, allowed);
    yield meant === undefined
      ? `it has \`${key}\`; allowed: ${allowed.join(", ")}`
      : `it has \`${key}\`: did you mean \`${meant}\`?`;
  }
}

function* valueFaults(given: Record<string, unknown>): Generator<string> {
  for (const [key, { allowed, test }] of Object.entries(RULES)) {
    const value = given[key];
    if (value === undefined && key !== "manifest") continue;
    if (!test(value)) yield `\`${key}\` is ${shown(value)}; allowed: ${allowed}`;
    else if (key === "onEvent") yield* handlerFaults(value as OnEvent);
  }
}

function* handlerFaults(onEvent: OnEvent): Generator<string> {
  if (typeof onEvent === "function") return;
  for (const [pattern, handlers] of Object.entries(onEvent)) {
    try {
      native.matches(pattern, "");
    } catch (error) {
      yield `onEvent: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (handlers === undefined) continue;
    for (const handler of [handlers].flat() as unknown[]) {
      if (isFunction(handler)) continue;
      yield `\`onEvent["${pattern}"]\` is ${shown(handler)}; allowed: a function or a list of functions`;
    }
  }
}

function* pairFaults(given: Record<string, unknown>): Generator<string> {
  for (const [one, another] of [
    ["fetch", "handler"],
    ["uiDist", "uiBundle"],
  ] as const) {
    if (given[one] !== undefined && given[another] !== undefined) {
      yield `it has both \`${one}\` and \`${another}\`; allowed: one of them`;
    }
  }
}

/**
 * The plugin's manifest, checked, with the patterns of its event handlers.
 *
 * Throws a `PluginError` that names every bad field, or whatever the author's function throws.
 */
export function manifestOf({ manifest, onEvent }: PluginDefinition): PluginManifest {
  const given: unknown = typeof manifest === "function" ? manifest() : manifest;
  if (!isObject(given) || given instanceof Promise || given instanceof ManifestBuilder) {
    throw new TypeError(
      `\`manifest\` gave ${shown(given)}; allowed: what createManifest(name, version).build() makes`,
    );
  }
  const own = given as PluginManifest;
  // What is no list is refused with everything else that is wrong.
  if (own.events != null && !Array.isArray(own.events)) return checkManifest(own);
  const events = [...new Set([...(own.events ?? []), ...patternsOf(onEvent)])];
  return checkManifest({ ...own, events });
}
