/** A few words on top of `node:http`: routes, bodies, JSON, callers who go away. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { PluginContext } from "temps-plugin";
import type { Recorded } from "./recorded.js";

/** One request, and what a handler needs besides. */
export interface Visit {
  req: IncomingMessage;
  res: ServerResponse;
  /** The path as received: nothing is decoded. */
  path: string;
  /** The text after the first `?` as received; null when there is no `?`. */
  query: string | null;
  /** What stands in the path where its route has a `*`. */
  parameter: string;
  ctx: PluginContext;
  recorded: Recorded;
}

export type Handler = (visit: Visit) => void | Promise<void>;

/** A route's handlers, by method. `HEAD` is served like `GET`: Node leaves the body out. */
export type Methods = Partial<Record<string, Handler>>;

/** Methods by path; `*` as the last segment stands for any one. */
export type Routes = Record<string, Methods>;

/** The route of a path, and the segment that its `*` stands for. */
export function find(
  routes: Routes,
  path: string,
): { methods: Methods; parameter: string } | undefined {
  const slash = path.lastIndexOf("/") + 1;
  for (const [key, parameter] of [
    [path, ""],
    [`${path.slice(0, slash)}*`, path.slice(slash)],
  ] as const) {
    // A path such as /constructor is nobody's.
    const methods = Object.hasOwn(routes, key) ? routes[key] : undefined;
    if (methods !== undefined) {
      return { methods, parameter };
    }
  }
  return undefined;
}

/** Answers with JSON. */
export function json(res: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  res.end(body);
}

/** Answers with `{"error": …}`. */
export function problem(res: ServerResponse, status: number, error: string): void {
  json(res, status, { error });
}

/** The whole body of a request; undefined when it has more than `most` bytes. */
export async function bodyOf(req: IncomingMessage, most: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of req as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > most) {
      return undefined;
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

/** Whether an error says no more than that the caller went away: then nobody waits for an answer. */
export function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ABORT_ERR";
}

/** Aborts once the answer is complete, or its caller gone. */
export function done(res: ServerResponse): AbortSignal {
  const controller = new AbortController();
  res.once("close", () => controller.abort());
  return controller.signal;
}

/** The number that `text` is, from `low` to `high`. `Number` would take `0x1f` and blanks for one. */
export function wholeNumber(text: string, low: number, high: number): number | undefined {
  const number = /^\d{1,20}$/.test(text) ? Number(text) : Number.NaN;
  return number >= low && number <= high ? number : undefined;
}
