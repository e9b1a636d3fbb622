/** What happens on the platform, and who is told of it. */

import type { PluginContext } from "./context.js";
import { native } from "./native.js";
import type { EventEnvelope, EventPayloads } from "./wire.js";

/** The event types whose `data` this version knows. */
export type KnownEventType = keyof EventPayloads;

/** An event of a type that this version knows. */
export type KnownEvent<T extends KnownEventType = KnownEventType> = {
  [K in T]: Omit<EventEnvelope, "event_type" | "data"> & {
    /** What happened. */
    event_type: K;
    /** What else is known. */
    data: EventPayloads[K];
  };
}[T];

/**
 * An event type that this version does not know: any text. The form written here stands for "none of
 * the known ones", which no other type of text can say: it lets a comparison with a known one give
 * `data` its type, and finds the slip in `"deployment.suceeded"`. To compare with one that is not
 * known, say that it is text: `const type: string = event.event_type`.
 */
export type OtherEventType = `other: ${string}`;

/** An event of a type that this version does not know. */
export type OtherEvent = Omit<EventEnvelope, "event_type"> & { event_type: OtherEventType };

/**
 * Something that happened on the platform.
 *
 * The envelope is open: an unknown `event_type` is as good as a known one, and `data` keeps every
 * member. A comparison of `event_type` with a known one gives `data` its type:
 *
 * ```ts
 * if (event.event_type === "deployment.succeeded") console.log(event.data.url);
 * ```
 */
export type PluginEvent = KnownEvent | OtherEvent;

/** The events that a pattern can match: an exact name, `prefix.*` or `*`. */
export type EventMatching<P extends string> = P extends KnownEventType
  ? KnownEvent<P>
  : P extends "*"
    ? PluginEvent
    : P extends `${infer Prefix}.*`
      ? KnownEvent<Extract<KnownEventType, `${Prefix}.${string}`>> | OtherEvent
      : OtherEvent;

/** Code that is told of events. What it returns is awaited; what it throws is logged. */
export type EventHandler<E = PluginEvent> = (ctx: PluginContext, event: E) => void | Promise<void>;

type Several<H> = H | readonly H[];

type HandlersByKnownPattern = {
  [P in KnownEventType | "*" | "deployment.*" | "project.*" | "domain.*"]?:
    | Several<EventHandler<EventMatching<P>>>
    | undefined;
};

// A method's parameters may be narrower than declared: the members above take fewer events.
interface AnyHandler {
  handle(ctx: PluginContext, event: PluginEvent): unknown;
}

/**
 * Handlers by the pattern of what they are told of: an exact name, `prefix.*` or `*`. Each that matches
 * runs, in this order. The type of `event` is that of the events the pattern can match.
 */
export interface EventHandlers extends HandlersByKnownPattern {
  [pattern: string]: Several<AnyHandler["handle"]> | undefined;
}

/** One handler for every event the manifest asks for, or handlers by pattern. */
export type OnEvent = EventHandler | EventHandlers;

/** The patterns that handlers are registered for. */
export function patternsOf(onEvent: OnEvent | undefined): string[] {
  if (typeof onEvent !== "object") return [];
  return Object.keys(onEvent).filter((pattern) => onEvent[pattern] !== undefined);
}

/**
 * Hands an event to everyone it is for, one after the other.
 *
 * A handler that fails stops no other. Rejects with an `AggregateError` that names each pattern whose
 * handler failed, and has what it threw in `errors`.
 */
export async function dispatch(
  onEvent: OnEvent,
  ctx: PluginContext,
  event: PluginEvent,
): Promise<void> {
  const failed: string[] = [];
  const errors: unknown[] = [];
  for (const [pattern, handler] of handlersFor(onEvent, event.event_type)) {
    try {
      await handler(ctx, event);
    } catch (error) {
      failed.push(pattern);
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    const which = failed.map((pattern) => `the handler for ${pattern}`).join(" and ");
    throw new AggregateError(errors, `${which} failed on ${event.event_type} ${event.id}`);
  }
}

function* handlersFor(onEvent: OnEvent, eventType: string): Generator<[string, EventHandler]> {
  if (typeof onEvent === "function") {
    yield [eventType, onEvent];
    return;
  }
  for (const [pattern, handlers] of Object.entries(onEvent)) {
    if (handlers === undefined || !native.matches(pattern, eventType)) continue;
    // The pattern has matched: the event is one of those the handler takes.
    for (const handler of [handlers].flat() as EventHandler[]) yield [pattern, handler];
  }
}
