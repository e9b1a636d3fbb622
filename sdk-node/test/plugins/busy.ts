// Has something of everything in flight until it is told to stop.
import { createManifest, type PluginContext, runPlugin } from "temps-plugin";
import { WebSocketServer } from "ws";

const sockets = new WebSocketServer({ noServer: true });
sockets.on("connection", (socket) => {
  socket.send("hello");
  socket.on("close", (code) => console.log(`websocket: closed ${code}`));
});

async function stop({ stopping }: PluginContext): Promise<void> {
  if (stopping.aborted) return;
  await new Promise((resolve) => stopping.addEventListener("abort", resolve, { once: true }));
}

await runPlugin({
  manifest: createManifest("busy", "1.0.0").event("*").build(),
  channelDeadlineMs: null,
  async fetch(_request, ctx) {
    console.log("request: begun");
    await stop(ctx);
    return new Response("finished");
  },
  upgrade: () => (req, socket, head) =>
    sockets.handleUpgrade(req, socket, head, (one) => sockets.emit("connection", one, req)),
  async onEvent(ctx) {
    console.log("event: begun");
    await stop(ctx);
    console.log("event: ended");
  },
  onShutdown: () => console.log("hook: shutdown"),
});
