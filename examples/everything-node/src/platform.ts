/** Routes that make calls to the platform and show what came back. */

import {
  type ApiMethod,
  type ApiSendOptions,
  extractAuthContext,
  type PluginContext,
  RemoteError,
  TempsError,
} from "temps-plugin";
import { bodyOf, json, problem, type Routes, type Visit } from "./http.js";

/** What the profile has a name for; everything else is a request that was never sent. */
const KINDS = ["remote", "timeout", "disconnected", "protocol", "no_actor"];
/** Most bytes of a request to make a call: more than the largest call, so that the SDK refuses it. */
const ASKED_BYTES = 128 * 1024 * 1024;

export type Asked = Record<string, unknown>;

/** What `/api` takes. It is the SDK that checks it further: this is what the profile is after. */
type ApiAsked = { method: ApiMethod; path: string } & Pick<ApiSendOptions, "query" | "body">;

async function call(visit: Visit): Promise<void> {
  const asked = await askedOf(visit, "method");
  if (asked !== undefined) {
    json(visit.res, 200, await makeCall(visit.ctx, asked));
  }
}

/** Makes the call that somebody asks for, and says what came of it as the profile has it. */
export function makeCall({ temps }: PluginContext, asked: Asked): Promise<object> {
  const { method, params, timeout_ms: limit } = asked;
  const client = limit === undefined ? temps : temps.withTimeout(limit as number);
  return show(() => client.call(String(method), params as Asked | undefined));
}

async function api(visit: Visit): Promise<void> {
  const asked = await askedOf(visit, "method", "path");
  if (asked !== undefined) {
    json(visit.res, 200, await show(() => callApi(visit, asked)));
  }
}

async function callApi({ req, ctx }: Visit, asked: Asked): Promise<object> {
  const caller = extractAuthContext(req);
  const { method, path, query, body } = asked as ApiAsked;
  const answer = await ctx.apiAsCaller(caller).request(method, path, { query, body });
  return { status: answer.status, body: answer.body };
}

/** The request's body, an object with these texts; undefined once what is wrong was answered. */
async function askedOf({ req, res }: Visit, ...texts: string[]): Promise<Asked | undefined> {
  const body = await bodyOf(req, ASKED_BYTES);
  if (body === undefined) {
    problem(res, 400, `the body is too large; allowed: ${ASKED_BYTES} bytes`);
    return undefined;
  }
  let asked: unknown;
  try {
    asked = JSON.parse(body.toString());
  } catch {
    problem(res, 400, "the body is no JSON");
    return undefined;
  }
  if (typeof asked !== "object" || asked === null || Array.isArray(asked)) {
    problem(res, 400, "the body must be a JSON object");
    return undefined;
  }
  const wrong = texts.find((name) => typeof (asked as Asked)[name] !== "string");
  if (wrong !== undefined) {
    problem(res, 400, `${wrong} must be a text`);
    return undefined;
  }
  return asked as Asked;
}

/** `{"ok": …}` or `{"err": {"kind", "code", "message"}}`, as the profile has it. */
async function show(outcome: () => Promise<unknown>): Promise<object> {
  try {
    return { ok: await outcome() };
  } catch (error) {
    if (!(error instanceof TempsError)) {
      throw error;
    }
    const kind = KINDS.includes(error.kind) ? error.kind : "invalid_request";
    const code = error instanceof RemoteError ? error.code : null;
    return { err: { kind, code, message: error.message } };
  }
}

export const routes: Routes = {
  "/call": { POST: call },
  "/api": { POST: api },
};
