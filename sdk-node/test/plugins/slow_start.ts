// Never finishes its start.
import { createManifest, runPlugin } from "temps-plugin";

const blocks = process.argv.includes("--block");

await runPlugin({
  manifest: createManifest("slow-start", "1.0.0").build(),
  onStart: () => {
    console.log("starting");
    if (blocks) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return new Promise<void>(() => undefined);
  },
  onShutdown: () => console.log("hook: shutdown"),
});
