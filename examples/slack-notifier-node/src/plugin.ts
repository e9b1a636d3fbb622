/**
 * Tells a Slack channel about deployments.
 *
 * An event takes this way: `onEvent` hands it to the notifier, which makes a notice of it and gives
 * that to the courier, who posts one after the other; the deliveries keep what became of it. The
 * settings say where to post, and the routes are how people see and change all this.
 */

import { createManifest, type PluginDefinition } from "temps-plugin";
import { PACING, type Pacing } from "./courier.js";
import { Notifier } from "./notifier.js";
import { document } from "./openapi.js";
import { routes } from "./routes.js";

const VERSION = "0.1.0";

/** The plugin; tests are in more of a hurry than `PACING`. */
export function plugin(pacing: Pacing = PACING): PluginDefinition {
  const app = routes();
  let notifier: Notifier | undefined;
  return {
    manifest: () =>
      createManifest("slack-notifier-node", VERSION)
        .displayName("Slack Notifier (Node)")
        .description("Tells a Slack channel about deployments")
        .addNav("Slack", "message-square", "/slack-node", { section: "settings", order: 62 })
        .events("deployment.succeeded", "deployment.failed")
        .requestPermissions("events_read", "projects_read")
        .build(),
    openapi: document(VERSION),
    async onStart(ctx) {
      notifier = await Notifier.open(ctx.dataDir, ctx.temps, pacing);
    },
    fetch: (request) => app.fetch(request, { notifier }),
    onEvent: (_ctx, event) => notifier?.take(event),
    onShutdown: () => notifier?.stop(),
  };
}
