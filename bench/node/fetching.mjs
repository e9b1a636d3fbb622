/** A plugin with the least a fetch handler does. */

import { createManifest, runPlugin } from "temps-plugin";
import { ITEM } from "./item.mjs";

await runPlugin({
  manifest: () => createManifest("bench-fetching", "1.0.0").build(),
  fetch: () => Response.json(ITEM),
});
