/** A plugin whose event handler sends 128 bytes to the socket that `--bench-socket=<path>` names. */

import { once } from "node:events";
import { writeSync } from "node:fs";
import { connect } from "node:net";
import { createManifest, runPlugin } from "temps-plugin";
import { flag } from "./flags.mjs";

const PONG = Buffer.alloc(128, 7);

const answers = connect(flag("bench-socket"));
await once(answers, "connect");
// One system call, as on the other side: a stream's own cost is no part of what is measured.
const { fd } = answers._handle;

await runPlugin({
  manifest: () => createManifest("bench-answering", "1.0.0").event("*").build(),
  async onEvent() {
    writeSync(fd, PONG);
  },
});
