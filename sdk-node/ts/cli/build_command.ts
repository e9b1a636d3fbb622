/** The command line of `temps-plugin build`. */

import { oneFile, parseCommand } from "./arguments.js";
import { build } from "./build.js";

export const BUILD_HELP = `usage: temps-plugin build FILE [OPTION…]

Builds one executable file from a plugin: FILE (TypeScript or JavaScript), all it imports, the user
interface named by uiDist, native addons, and Node.js itself. It needs nothing else on the machine it
runs on, no environment variable and no directory but one for temporary files.

  -o, --output FILE   the file to write (default: the package's name)
  --ui FOLDER         the user interface (default: what is written as uiDist: "…")
  --include PATH      a file or folder to put in, below the working directory; read it with
                      getAsset("PATH", "utf8") of node:sea; may be given several times
  --external NAME     a package to leave out, looked for beside the executable in node_modules when
                      it is imported; may be given several times
  --minify            shorter names and no blanks in the bundle
  --sourcemap         stack traces with the places in the sources; starts some milliseconds later
  --strip             take the symbols out of the copy of node (needs \`strip\`; Linux)
  --node PATH         the node to make it from, 20.12 or later (default: this one)
  -h, --help          this text

esbuild and postject do the work: npm install --save-dev esbuild postject

What does not go in: modules whose names are made when the plugin runs, and files opened by their
path. An executable made from Node.js 20 reads NODE_OPTIONS of its environment as \`node\` does; one
made from a current release of 22 or later does not.

examples:
  npx temps-plugin build src/index.ts
  npx temps-plugin build src/index.ts -o dist/slack-notifier --minify --strip
  npx temps-plugin build src/index.ts --ui web/dist --include templates

exit status: 0 built, 1 cannot be built, 2 wrong arguments
`;

/** Runs the command; returns the exit status. */
export async function buildCommand(given: string[]): Promise<number> {
  const { values, positionals } = parseCommand(given, {
    output: { type: "string", short: "o" },
    ui: { type: "string" },
    include: { type: "string", multiple: true },
    external: { type: "string", multiple: true },
    minify: { type: "boolean" },
    sourcemap: { type: "boolean" },
    strip: { type: "boolean" },
    node: { type: "string" },
  });
  const entry = oneFile(positionals);
  const built = await build({ entry, ...values }, (line) => process.stderr.write(`${line}\n`));
  const lines = [
    `${built.path} (${(built.size / 1e6).toFixed(1)} MB)`,
    `contains: ${built.packages.join(", ")}`,
    ...built.needs.map((need) => `needs: ${need}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}
