/** What people see and change, at `/api/x/slack-notifier-node/…`. */

import { type Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { extractAuthContext, type VerifiedCaller } from "temps-plugin";
import { damage, explain } from "./explain.js";
import type { Notifier } from "./notifier.js";
import { install, onlyThese } from "./problem.js";
import { SettingsChange } from "./settings.js";

/** What a handler finds in its context. */
interface Surroundings {
  Bindings: { notifier: Notifier };
  Variables: { caller: VerifiedCaller };
}

const signedIn = createMiddleware<Surroundings>(async (c, next) => {
  const caller = extractAuthContext(c.req.raw);
  if (caller === undefined) {
    throw new HTTPException(401, { message: "sign in to Temps first" });
  }
  c.set("caller", caller);
  await next();
});

const administrator = createMiddleware<Surroundings>(async (c, next) => {
  if (!c.var.caller.isAdmin) {
    const message = "only an administrator may change these settings";
    throw new HTTPException(403, { message });
  }
  await next();
});

export function routes(): Hono<Surroundings> {
  const app = new Hono<Surroundings>();
  install(app);
  app.get("/settings", signedIn, (c) => c.json(c.env.notifier.settings.current.view()));
  app.patch("/settings", signedIn, administrator, async (c) => {
    const changed = await c.env.notifier.settings.change(await changeOf(c));
    console.info(`user ${c.var.caller.userId} has changed the settings`);
    return c.json(changed.view());
  });
  app.get("/deliveries", signedIn, (c) => {
    return c.json({ deliveries: c.env.notifier.deliveries.entries });
  });
  onlyThese(app, "/settings", "GET", "PATCH");
  onlyThese(app, "/deliveries", "GET");
  return app;
}

/** The change that a request's body asks for. */
async function changeOf(c: Context): Promise<SettingsChange> {
  const kind = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (!/^application\/(.+\+)?json$/.test(kind)) {
    const message = "send the body with `Content-Type: application/json`";
    throw new HTTPException(415, { message });
  }
  const found = SettingsChange.safeParse(parsed(await c.req.text()));
  if (!found.success) {
    throw new HTTPException(422, { message: explain(found.error, "the body") });
  }
  return found.data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const place = text === "" ? "it is empty" : `it is damaged at ${damage(text)}`;
    throw new HTTPException(400, { message: `cannot parse the body as JSON: ${place}` });
  }
}
