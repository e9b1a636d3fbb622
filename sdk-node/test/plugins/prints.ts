// Prints in every way there is, at every moment.
import { execFileSync } from "node:child_process";
import { writeSync } from "node:fs";
import { createManifest, runPlugin } from "temps-plugin";

const onlyByConsole = process.argv.includes("--only-by-console");

function print(when: string): void {
  console.log(`${when}: console.log`);
  console.info(`${when}: console.info`);
  process.stdout.write(`${when}: stdout.write\n`);
  // Without anybody to read these fail, as they would anywhere.
  if (onlyByConsole) return;
  writeSync(1, `${when}: by descriptor\n`);
  execFileSync("/bin/echo", [`${when}: by a child`], { stdio: ["ignore", "inherit", "inherit"] });
}

print("at the top");
await runPlugin({
  manifest: () => {
    print("in the manifest");
    return createManifest("prints", "1.0.0").build();
  },
  channelDeadlineMs: null,
  onStart: () => print("at the start"),
  fetch() {
    print("while serving");
    return new Response("ok");
  },
  onShutdown: () => print("at the end"),
});
