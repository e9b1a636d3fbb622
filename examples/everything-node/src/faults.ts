/**
 * Author code that goes wrong on request: answers that are none, bodies left alone, responses that break
 * off, hooks that hold.
 */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PluginContext } from "temps-plugin";
import { bodyOf, done, json, problem, type Routes, type Visit } from "./http.js";
import { MOST_MILLISECONDS, numberOfBytes, parameter, pattern } from "./produce.js";

/** Most bytes of a wanted answer: 64 MiB. */
const WANTED_BYTES = 64 * 1024 * 1024;
/** How often a start hook that holds looks whether it may go on, in milliseconds. */
const HOLD_POLL = 10;

interface Wanted {
  status: number;
  headers: [string, string][];
  body: string;
}

/** Node refuses some statuses itself, which is a failure of this handler; the SDK gets the rest unchecked. */
async function answer({ req, res }: Visit): Promise<void> {
  const body = await bodyOf(req, WANTED_BYTES);
  if (body === undefined) {
    return problem(res, 400, `the body is too large; allowed: ${WANTED_BYTES} bytes`);
  }
  const wanted = JSON.parse(body.toString()) as Wanted;
  for (const [name, value] of wanted.headers) {
    res.appendHeader(name, value);
  }
  res.writeHead(wanted.status).end(wanted.body);
}

async function unread({ res, query }: Visit): Promise<void> {
  const ms = parameter(query, "ms", 0, MOST_MILLISECONDS);
  if (ms === undefined) {
    return problem(res, 400, `ms must be a whole number; allowed: 0 to ${MOST_MILLISECONDS}`);
  }
  await sleep(ms, undefined, { signal: done(res) });
  json(res, 200, { read: 0 });
}

async function broken({ res, parameter: text }: Visit): Promise<void> {
  const n = numberOfBytes(text);
  if (n === undefined) {
    return problem(res, 400, `${JSON.stringify(text)} is no number of bytes`);
  }
  res.writeHead(200, { "content-type": "application/octet-stream" });
  for (const piece of pattern(n)) {
    if (!res.write(piece)) {
      await once(res, "drain", { signal: done(res) });
    }
  }
  throw new Error("the request asked for a response that breaks off");
}

/** Waits for as long as `hold-start` is in the data directory. */
export async function holdStart(ctx: PluginContext): Promise<void> {
  const hold = join(ctx.dataDir, "hold-start");
  while (existsSync(hold)) {
    await sleep(HOLD_POLL);
  }
}

/** Whether `fail-stop` is in the data directory. */
export function stopIsToFail(ctx: PluginContext): boolean {
  return existsSync(join(ctx.dataDir, "fail-stop"));
}

/** The SDK's own route hides this one. */
function hidden({ res }: Visit): void {
  problem(res, 418, "this is the SDK's to answer");
}

export const routes: Routes = {
  "/answer": { POST: answer },
  "/unread": { POST: unread },
  "/broken/*": { GET: broken },
  "/health": { GET: hidden, POST: hidden, PUT: hidden, PATCH: hidden, DELETE: hidden },
};
