/**
 * The everything profile (PROTOCOL.md, appendix A) over the Node SDK: each feature of the SDK, within
 * reach of a test harness.
 */

import { existsSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { createManifest, type PluginContext, runPlugin } from "temps-plugin";
import { listener } from "./app.js";
import { holdStart, stopIsToFail } from "./faults.js";
import { document } from "./openapi.js";
import { type Asked, makeCall } from "./platform.js";
import { Recorded } from "./recorded.js";
import { webSockets } from "./websocket.js";

const VERSION = "0.1.0";

const recorded = new Recorded();

await runPlugin({
  manifest: () =>
    createManifest("everything-node", VERSION)
      .displayName("Everything (Node)")
      .description("Exercises every feature of the SDK")
      .addNav("Everything", "boxes", "/everything-node", { section: "platform", order: 90 })
      .event("*")
      .capability("api_read")
      .capability("api_write")
      .requestPermissions(
        "ai_generate",
        "projects_read",
        "environments_read",
        "deployments_read",
        "events_read",
        "api_read",
        "api_write",
      )
      .publicPath("/public")
      .build(),
  handler: (ctx) => listener(ctx, recorded),
  upgrade: webSockets,
  uiDist: "ui",
  openapi: (ctx) => document(VERSION, existsSync(join(ctx.dataDir, "large-openapi"))),
  async onStart(ctx) {
    await note(ctx, "start");
    await holdStart(ctx);
  },
  async onShutdown(ctx) {
    await note(ctx, "stop");
    if (stopIsToFail(ctx)) {
      await note(ctx, "fail");
      throw new Error("the data directory asked for a failing shutdown hook");
    }
  },
  async onEvent(ctx, event) {
    recorded.add(event);
    const data = event.data as { fail?: unknown; call?: unknown } | null;
    if (data?.fail === true) {
      throw new Error("the event asked for a failing handler");
    }
    if (typeof data?.call === "object" && data.call !== null) {
      recorded.calls.push(await makeCall(ctx, data.call as Asked));
    }
  },
});

/** Appends a line to `lifecycle.log`. */
async function note(ctx: PluginContext, what: string): Promise<void> {
  await appendFile(join(ctx.dataDir, "lifecycle.log"), `${what}\n`);
}
