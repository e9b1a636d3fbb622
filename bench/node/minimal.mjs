/** The smallest plugin there is, as a module. */

import { createManifest, runPlugin } from "temps-plugin";

await runPlugin({
  manifest: () => createManifest("bench-minimal", "1.0.0").build(),
  fetch: () => new Response("Hello"),
});
