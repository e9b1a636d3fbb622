/** A plugin around the Node-style application that `--bench-app=<module>` names. */

import { createManifest, runPlugin } from "temps-plugin";
import { flag } from "./flags.mjs";

const { app } = await import(`./${flag("bench-app")}.mjs`);

await runPlugin({
  manifest: () => createManifest("bench-serving", "1.0.0").build(),
  handler: () => app,
});
