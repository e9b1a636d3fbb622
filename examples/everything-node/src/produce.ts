/** Routes that make responses of every kind. */

import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { bodyOf, done, json, problem, type Routes, type Visit, wholeNumber } from "./http.js";

/** Most bytes `/bytes/{n}` makes: 1 GiB. */
const MOST_BYTES = 2 ** 30;
/** Most bytes `/print` takes: 64 MiB. */
const PRINT_BYTES = 64 * 1024 * 1024;
/** As long as a timer of Node's can wait. */
export const MOST_MILLISECONDS = 2 ** 31 - 1;
/** Whole periods of the pattern of `/bytes/{n}`: one chunk serves for the whole body. */
const CHUNK = Buffer.from(Array.from({ length: 251 * 256 }, (_, i) => i % 251));

function status({ res, parameter }: Visit): void {
  const code = wholeNumber(parameter, 200, 599);
  if (code === undefined) {
    problem(res, 400, `${JSON.stringify(parameter)} is no status; allowed: 200 to 599`);
  } else if (code === 204 || code === 205 || code === 304) {
    res.writeHead(code).end();
  } else {
    json(res, code, { status: code });
  }
}

async function manyBytes({ req, res, parameter }: Visit): Promise<void> {
  const n = numberOfBytes(parameter);
  if (n === undefined) {
    const found = JSON.stringify(parameter);
    return problem(res, 400, `${found} is no number of bytes; allowed: 0 to ${MOST_BYTES}`);
  }
  res.writeHead(200, { "content-type": "application/octet-stream", "content-length": n });
  await pipeline(req.method === "HEAD" ? [] : pattern(n), res);
}

export function numberOfBytes(text: string): number | undefined {
  return wholeNumber(text, 0, MOST_BYTES);
}

/** `n` bytes of which number `i` is `i` mod 251, in pieces. */
export function* pattern(n: number): Generator<Buffer> {
  for (let left = n; left > 0; left -= CHUNK.length) {
    yield left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
  }
}

async function serverSentEvents({ res, query }: Visit): Promise<void> {
  const count = parameter(query, "count", 3, Number.MAX_SAFE_INTEGER);
  const interval = parameter(query, "interval_ms", 0, MOST_MILLISECONDS);
  if (count === undefined || interval === undefined) {
    return problem(res, 400, "count and interval_ms must be whole numbers");
  }
  res.writeHead(200, { "content-type": "text/event-stream" });
  await pipeline(events(count, interval, done(res)), res);
}

async function* events(count: number, interval: number, signal: AbortSignal) {
  for (let i = 0; i < count; i++) {
    if (i > 0 && interval > 0) {
      await sleep(interval, undefined, { signal });
    }
    yield `id: ${i}\ndata: {"n":${i}}\n\n`;
  }
}

async function slow({ res, query, recorded }: Visit): Promise<void> {
  const ms = parameter(query, "ms", 0, MOST_MILLISECONDS);
  if (ms === undefined) {
    return problem(res, 400, `ms must be a whole number; allowed: 0 to ${MOST_MILLISECONDS}`);
  }
  try {
    await sleep(ms, undefined, { signal: done(res) });
  } catch (error) {
    recorded.cancelled += 1;
    throw error;
  }
  json(res, 200, { slept_ms: ms });
}

/** A number in a query; `otherwise` when it is not there. */
export function parameter(
  query: string | null,
  name: string,
  otherwise: number,
  most: number,
): number | undefined {
  const text = new URLSearchParams(query ?? "").get(name);
  return text === null ? otherwise : wholeNumber(text, 0, most);
}

async function print({ req, res }: Visit): Promise<void> {
  const body = await bodyOf(req, PRINT_BYTES);
  if (body === undefined) {
    return problem(res, 400, `the body is too large; allowed: ${PRINT_BYTES} bytes`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return problem(res, 400, "the body is no text: it is not UTF-8");
  }
  // Both ways to print, since the SDK has to cope with both.
  if (text.endsWith("\n")) {
    process.stdout.write(text);
  } else {
    console.log(text);
  }
  json(res, 200, { printed: body.length });
}

function fail(): never {
  throw new Error("the request asked for a failing handler");
}

export const routes: Routes = {
  "/status/*": { GET: status },
  "/bytes/*": { GET: manyBytes },
  "/sse": { GET: serverSentEvents },
  "/slow": { GET: slow },
  "/cancelled": {
    GET: ({ res, recorded }) => json(res, 200, { cancelled: recorded.cancelled }),
  },
  "/print": { POST: print },
  "/panic": { GET: fail },
};
