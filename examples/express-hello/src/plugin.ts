/** A small Express plugin: a route for whoever is signed in, a page, and an event handler. */

import express, { type Express } from "express";
import {
  createManifest,
  extractAuthContext,
  type PluginContext,
  type PluginDefinition,
  type Project,
  TempsError,
} from "temps-plugin";

export const plugin: PluginDefinition = {
  manifest: () =>
    createManifest("express-hello", "0.1.0")
      .displayName("Express Hello")
      .description("Says hello and lists your projects")
      .addNav("Hello", "hand", "/express-hello", { section: "platform", order: 96 })
      .requestPermissions("projects_read", "events_read")
      .build(),
  handler: hello,
  onEvent: {
    "project.*": (_ctx, event) => {
      console.info(`${event.event_type}: project ${event.project_id}`);
    },
  },
};

function hello(ctx: PluginContext): Express {
  const app = express();

  app.get("/hello", (req, res) => {
    const caller = extractAuthContext(req);
    if (caller === undefined) {
      res.status(401).json({ error: "sign in to Temps first" });
      return;
    }
    res.json({ hello: caller.email, role: caller.role });
  });

  app.get("/", async (_req, res) => {
    try {
      res.send(page(await ctx.temps.listProjects()));
    } catch (error) {
      if (!(error instanceof TempsError)) {
        throw error;
      }
      res.status(502).type("text").send(`Temps does not tell its projects: ${error.message}`);
    }
  });

  return app;
}

function page(projects: Project[]): string {
  const items = projects.map(
    ({ name, main_branch }) => `<li>${html(name)} (${html(main_branch)})</li>`,
  );
  return `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Projects</title></head>
  <body>
    <h1>Projects</h1>
    <ul>${items.join("") || "<li>None yet.</li>"}</ul>
  </body>
</html>
`;
}

/** A text as HTML shows it: a project may be called anything. */
function html(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
