// Answers that go on for as long as they may.
import { createManifest, runPlugin } from "temps-plugin";

await runPlugin({
  manifest: createManifest("streams", "1.0.0").build(),
  channelDeadlineMs: null,
  drainMs: 500,
  fetch(request, ctx) {
    const isEndless = new URL(request.url).pathname === "/endless";
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        if (isEndless) return;
        controller.enqueue(Buffer.from("begun"));
        ctx.stopping.addEventListener("abort", () => {
          controller.enqueue(Buffer.from(", ended"));
          controller.close();
        });
      },
      pull(controller) {
        if (isEndless) controller.enqueue(new Uint8Array(1000));
      },
    });
    return new Response(body);
  },
});
