/** The smallest plugin there is. */

const { createManifest, runPlugin } = require("temps-plugin");

runPlugin({
  manifest: () => createManifest("bench-minimal", "1.0.0").build(),
  fetch: () => new Response("Hello"),
});
