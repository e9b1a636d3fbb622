/** Routes that give a request back, and who sent it. */

import { pipeline } from "node:stream/promises";
import { extractAuthContext, type VerifiedCaller } from "temps-plugin";
import { bodyOf, json, problem, type Routes, type Visit } from "./http.js";

/** Most bytes `/echo` keeps to send back: 64 MiB. */
const ECHO_BYTES = 64 * 1024 * 1024;

export async function echo({ req, res, path, query }: Visit): Promise<void> {
  const body = await bodyOf(req, ECHO_BYTES);
  if (body === undefined) {
    return problem(res, 400, `the body is too large; allowed: ${ECHO_BYTES} bytes`);
  }
  json(res, 200, {
    method: req.method,
    path,
    query,
    headers: pairs(req.rawHeaders).map(([name, value]) => [name.toLowerCase(), text(value)]),
    body_base64: body.toString("base64"),
    body_length: body.length,
  });
}

/** Node gives header lists as name, value, name, value, … */
function pairs(flat: string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    found.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  }
  return found;
}

/** Node reads every byte of a header as one character. */
function text(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

/** Each piece of the body goes back as it comes, trailers included. */
async function streamEcho({ req, res }: Visit): Promise<void> {
  res.setHeader("content-type", req.headers["content-type"] ?? "application/octet-stream");
  // HTTP/1.1 sends only trailers that were announced.
  const announced = req.headers.trailer;
  if (announced !== undefined) {
    res.setHeader("trailer", announced);
  }
  // Else the head would wait for the first piece of the body.
  res.flushHeaders();
  await pipeline(req, res, { end: false });
  if (announced !== undefined) {
    res.addTrailers(pairs(req.rawTrailers));
  }
  res.end();
}

function whoami({ req, res }: Visit): void {
  json(res, 200, describe(extractAuthContext(req)));
}

function privately({ req, res }: Visit): void {
  const caller = extractAuthContext(req);
  json(res, caller === undefined ? 401 : 200, describe(caller));
}

function describe(caller: VerifiedCaller | undefined): object {
  if (caller === undefined) {
    return { signed_in: false };
  }
  const { userId, email, role, permissions } = caller;
  return { signed_in: true, user_id: userId, email, role, permissions };
}

function context({ res, ctx }: Visit): void {
  const { pluginName, dataDir, dialect } = ctx;
  json(res, 200, { plugin_name: pluginName, data_dir: dataDir, dialect });
}

export const routes: Routes = {
  "/stream/echo": { POST: streamEcho },
  "/whoami": { GET: whoami },
  "/private": { GET: privately },
  "/public/hello": { GET: ({ res }) => json(res, 200, { hello: "world" }) },
  "/context": { GET: context },
};
