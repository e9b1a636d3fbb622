// As small as it can be.
import { createManifest, runPlugin } from "temps-plugin";

const name = process.argv.includes("--bad-name") ? "Bad Name" : "hello";

await runPlugin({
  manifest: { ...createManifest("hello", "1.0.0").build(), name },
  channelDeadlineMs: process.argv.includes("--lonely") ? 50 : null,
  fetch: () => new Response("hello"),
  ...(process.argv.includes("--fail") && {
    onStart: () => Promise.reject(new RangeError("no database today")),
  }),
});
