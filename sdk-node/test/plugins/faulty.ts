// Does what a plugin should not do.
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { createManifest, runPlugin } from "temps-plugin";

/** Holds the event loop until a file is there. */
function hold(file: string): void {
  console.log("held");
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(never, 0, 0, 5);
}

function inWorker(): Promise<string> {
  const code = `
    const { parentPort } = require("node:worker_threads");
    const { runPlugin, createManifest } = require("temps-plugin");
    console.log("from the worker");
    const manifest = createManifest("inner", "1.0.0").build();
    runPlugin({ manifest }).catch((error) => parentPort.postMessage(error.message));
  `;
  const worker = new Worker(code, { eval: true });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

const routes: Record<string, (url: URL) => unknown> = {
  "/unhandled": () => void Promise.reject(new Error("nobody catches this rejection")),
  "/uncaught": () =>
    void setImmediate(() => {
      throw new Error("nobody catches this error");
    }),
  "/exit": () => process.exit(7),
  "/exitLater": () => void setImmediate(() => process.exit(8)),
  "/hold": (url) => hold(url.searchParams.get("until") ?? ""),
  "/worker": inWorker,
};

await runPlugin({
  manifest: createManifest("faulty", "1.0.0").event("*").build(),
  channelDeadlineMs: null,
  drainMs: 200,
  async fetch(request) {
    const url = new URL(request.url);
    return new Response(String(await routes[url.pathname]?.(url)));
  },
  onEvent: async (_ctx, event) => {
    const type: string = event.event_type;
    if (type === "a.bad") throw new Error("the event handler fails");
    console.log(`event: ${type}`);
  },
});
