// Counts the bytes it is sent, in both styles.
import { createManifest, runPlugin } from "temps-plugin";

const isNode = process.argv.includes("--node-style");

await runPlugin({
  manifest: createManifest("uploads", "1.0.0").build(),
  channelDeadlineMs: null,
  ...(isNode
    ? {
        handler: () => async (req, res) => {
          let size = 0;
          for await (const piece of req) size += (piece as Buffer).length;
          res.end(String(size));
        },
      }
    : {
        async fetch(request) {
          let size = 0;
          for await (const piece of request.body ?? []) size += piece.length;
          return new Response(String(size));
        },
      }),
});
