/** The line to the platform, and how parameters and results become JSON. */

import { InvalidRequest, ProtocolError } from "./errors.js";
import type { NativeCaller } from "./native.js";

/** What every call takes besides its parameters. */
export interface CallOptions {
  /** Ends the wait: the promise rejects with the signal's reason, and the call is forgotten. */
  signal?: AbortSignal | undefined;
}

/**
 * Makes calls; JSON text goes in and comes out.
 *
 * `timeoutMs` is how long a call waits for its answer, `null` for the default. Rejects with a
 * `TempsError`, or with the reason of `signal`.
 */
export interface Calls {
  call(
    method: string,
    params: string,
    timeoutMs: number | null,
    signal?: AbortSignal,
  ): Promise<string>;
  apiCall(
    caller: NativeCaller,
    request: string,
    timeoutMs: number | null,
    signal?: AbortSignal,
  ): Promise<string>;
}

/** Parameters as JSON text. Throws `InvalidRequest` for what JSON does not have. */
export function encode(method: string, params: object): string {
  try {
    return JSON.stringify(params, finite);
  } catch (error) {
    throw new InvalidRequest(`${method} was not sent: ${reason(error)}`, { cause: error });
  }
}

/** `JSON.stringify` writes null for these, and a limit that is NaN would become no limit. */
function finite(name: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`${name} is ${value}; allowed are finite numbers`);
  }
  return value;
}

/** A result from its JSON text. Throws `ProtocolError` for text that is none. */
export function decode(method: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `${method}: the host's result cannot be read: ${reason(error)}`;
    throw new ProtocolError(message, { cause: error });
  }
}

/** What was thrown, as text. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `limit` as a timeout for calls. Throws `RangeError` for what is no time. */
export function timeoutOf(limit: number | null): number | null {
  if (limit === null) return null;
  if (typeof limit !== "number" || !(limit > 0) || limit === Number.POSITIVE_INFINITY) {
    throw new RangeError(
      `withTimeout was given ${String(limit)}; it takes milliseconds, more than 0, or null`,
    );
  }
  return limit;
}
