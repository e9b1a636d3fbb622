/** Errors as problem documents (RFC 9457). */

import { STATUS_CODES } from "node:http";
import type { Context, Env, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import { FileError } from "./file.js";

/** What went wrong. `detail` tells a person what to do. */
export const Problem = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
});

/** Has `app` answer every error with a problem document. */
export function install<E extends Env>(app: Hono<E>): void {
  app.notFound((c) => answer(c, 404, `there is nothing at ${c.req.path}`));
  app.onError((error, c) => {
    if (error instanceof HTTPException) {
      return answer(c, error.status, error.message);
    }
    if (error instanceof FileError) {
      // Paths of the server are nothing for a browser.
      console.error(`a request failed: ${error.message}`);
      return answer(c, 500, "the plugin could not write to its data directory; its log says why");
    }
    // The SDK logs it and answers with 500.
    throw error;
  });
}

/** Answers 405 to every other method at `path`; to be called after the path's routes. */
export function onlyThese<E extends Env>(app: Hono<E>, path: string, ...methods: string[]): void {
  app.all(path, (c) => {
    c.header("allow", methods.join(", "));
    return answer(c, 405, `${c.req.path} takes ${methods.join(" and ")}`);
  });
}

function answer(c: Context, status: HTTPException["status"], detail: string): Response {
  const problem = { type: "about:blank", title: STATUS_CODES[status] ?? "", status, detail };
  c.header("content-type", "application/problem+json");
  return c.body(JSON.stringify(problem), status);
}
