/** `temps-plugin build`: one executable, started as a host does. */

import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { request } from "node:http";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { nativeFile } from "../ts/cli/native_file.js";
import { inspectNode } from "../ts/cli/node_binary.js";
import { installed, project, runCli, Watched } from "./helpers/command.js";

const limited = { timeout: 120_000 };

/** Says what it found, or is a plugin when it is started as one. */
const ENTRY = `
import { existsSync } from "node:fs";
import { createManifest, runPlugin } from "temps-plugin";
import { where } from "./where.js";
import native from "acme-native";
import sloppy from "./sloppy.cjs";

interface Report { [name: string]: unknown }

const failure = async (attempt: () => unknown) => {
  try {
    await attempt();
    return "no error";
  } catch (error) {
    return (error as { code?: string }).code + " " + (error as Error).message;
  }
};

async function report(): Promise<Report> {
  const sea = await import("node:sea");
  const [own, optional] = ["node:o" + "s", "temps-" + "nowhere"];
  return {
    where,
    isThere: existsSync(new URL(import.meta.url)),
    main: import.meta.main,
    native: typeof native.checkManifest,
    sloppy,
    included: sea.getAsset("data/deep/greeting.txt", "utf8"),
    own: typeof (await import(own)).tmpdir,
    optional: await failure(() => import(optional)),
    external: await failure(() => import("acme-external")),
    arguments: process.argv.slice(2),
    environment: Object.keys(process.env),
  };
}

if (process.argv.includes("--socket-path")) {
  await runPlugin({
    manifest: createManifest("built", "1.0.0").build(),
    fetch: () => Response.json(process.env),
    // uiDist: "not/this",
    uiDist: "web/dist",
  });
} else if (process.argv.includes("--throw")) {
  throw new RangeError("from the top");
} else {
  process.stdout.write(JSON.stringify(await report()));
}
`;

const FILES = {
  "package.json": '{"name": "@acme/built", "version": "1.0.0", "type": "module"}',
  "src/index.ts": ENTRY,
  "src/where.ts": "export const where: string = import.meta.filename;",
  "src/sloppy.cjs": `
    module.exports = {
      isSloppy: (function () { return this !== undefined; })(),
      isStrict: (function () { "use strict"; return this === undefined; })(),
      isMain: require.main === module,
    };`,
  "data/deep/greeting.txt": "hello",
  "web/dist/index.html": "<h1>built</h1>",
  "node_modules/acme-native/package.json": '{"name": "acme-native", "version": "3.2.1"}',
  "node_modules/acme-native/index.js": 'module.exports = require("./build/acme.node");',
  "node_modules/acme-external/package.json": '{"name": "acme-external", "version": "1.0.0"}',
  "node_modules/acme-external/index.js": "module.exports = 1;",
};

let root = "";
let built: ReturnType<typeof runCli>;
const atEnd: (() => void)[] = [];
const executable = () => join(root, "out", "plugin");

before(() => {
  root = project({ after: (clean) => atEnd.push(clean as () => void) }, FILES);
  mkdirSync(join(root, "node_modules/acme-native/build"));
  const addon = join(root, "node_modules/acme-native/build/acme.node");
  copyFileSync(nativeFile(installed, inspectNode(undefined)), addon);
  const options = ["-o", "out/plugin", "--include", "data", "--external", "acme-external"];
  built = runCli(root, "build", "src/index.ts", ...options);
  // What is in the executable is not read from here.
  rmSync(join(root, "web"), { recursive: true });
  rmSync(join(root, "data"), { recursive: true });
  rmSync(addon);
  mkdirSync(join(root, "deployed", "node_modules"), { recursive: true });
  const external = join("node_modules", "acme-external");
  renameSync(join(root, external), join(root, "deployed", external));
}, limited);

after(() => {
  for (const clean of atEnd) clean();
});

/** Starts a program under an empty environment. */
function start(program: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(program, args, { cwd: "/", encoding: "utf8", env: {}, timeout: 30_000 });
}

test("it says what it made", () => {
  assert.equal(built.status, 0, built.stderr);
  const [file, contains, ...needs] = built.stdout.trim().split("\n");
  assert.match(file ?? "", /\/out\/plugin \(\d+\.\d MB\)$/);
  const version = /^contains: acme-native 3\.2\.1, temps-plugin \d+\.\d+\.\d+$/;
  assert.match(contains ?? "", version);
  const machine = process.platform === "linux" ? `Linux on ${process.arch} with ` : "macOS on ";
  assert.ok(needs[0]?.startsWith(`needs: ${machine}`), built.stdout);
  assert.equal(statSync(executable()).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(join(root, "out")), ["plugin"]);
});

test("it runs under an empty environment, with all that was put in", () => {
  const { status, stdout, stderr } = start(executable(), "--flag", "value");
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), {
    where: executable(),
    isThere: true,
    main: true,
    native: "function",
    sloppy: { isSloppy: true, isStrict: true, isMain: false },
    included: "hello",
    own: "function",
    optional:
      "MODULE_NOT_FOUND Cannot find module 'temps-nowhere': it is not in this executable. " +
      "Only modules imported by a literal name go in.",
    external: JSON.parse(stdout).external,
    arguments: ["--flag", "value"],
    environment: [],
  });
  assert.match(JSON.parse(stdout).external, /^MODULE_NOT_FOUND Cannot find module 'acme-external'/);
});

test("an external package is found beside it", () => {
  const copy = join(root, "deployed", "plugin");
  copyFileSync(executable(), copy);
  const { external } = JSON.parse(start(copy).stdout) as { external: string };
  assert.equal(external, "no error");
});

test("it leaves nothing in the directory it unpacks into", () => {
  const place = join(root, "temporary");
  mkdirSync(place);
  const { status } = spawnSync(executable(), { env: { TMPDIR: place } });
  assert.equal(status, 0);
  assert.deepEqual(readdirSync(place), []);
});

test("a directory that will not do is followed by another", () => {
  const env = { TMPDIR: join(root, "not", "there") };
  const { status, stderr } = spawnSync(executable(), { encoding: "utf8", env });
  assert.equal(status, 0, stderr);
});

test("a host can run the descriptor it has opened", { skip: process.platform !== "linux" }, () => {
  const descriptor = openSync(executable(), "r");
  const inherit = ["ignore", "pipe", "pipe", descriptor] as const;
  const started = spawnSync("/proc/self/fd/3", { env: {}, encoding: "utf8", stdio: [...inherit] });
  assert.equal(started.status, 0, started.stderr);
  assert.equal(JSON.parse(started.stdout).native, "function");
});

test("what is thrown at the top ends it, as in Node.js", () => {
  const { status, stdout, stderr } = start(executable(), "--throw");
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /RangeError: from the top/);
});

test("as a plugin it serves the user interface that was built in", limited, async (t) => {
  const socket = join(root, "plugin.sock");
  const args = ["--socket-path", socket, "--data-dir", join(root, "data-dir")];
  const secret = ["--auth-secret", "s".repeat(40)];
  const stdio = ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"];
  const plugin = new Watched(executable(), [...args, ...secret], { cwd: "/", env: {}, stdio }, 1);
  t.after(() => plugin.stop("SIGKILL"));
  await plugin.line(/"type":"manifest"/);
  const [ready] = await plugin.line(/.*"type":"ready".*/);
  assert.equal(JSON.parse(ready).has_ui, true);
  const page = await new Promise<string>((resolve, reject) => {
    const asking = request({ socketPath: socket, path: "/ui/" }, (answer) => {
      answer.setEncoding("utf8").once("data", resolve);
    });
    asking.once("error", reject).end();
  });
  assert.equal(page, "<h1>built</h1>");
  assert.equal(await plugin.stop("SIGTERM"), 0);
});

test("source maps give the places in the sources, with short names as well", limited, (t) => {
  const folder = project(t, {
    "package.json": '{"name": "mapped"}',
    "plugin.ts": `import "temps-plugin";

interface Padding { text: string }
class Thrower {
  fail(why: string): never {
    throw new Error(why + this.constructor.name);
  }
}
await null;
new Thrower().fail("by ");
`,
  });
  const strip = spawnSync("strip", ["--version"]).status === 0 && process.platform === "linux";
  const options = ["--sourcemap", "--minify", ...(strip ? ["--strip"] : [])];
  const { status, stderr } = runCli(folder, "build", "plugin.ts", ...options);
  assert.equal(status, 0, stderr);
  // Named after the package, since nothing else was said.
  const thrown = start(join(folder, "mapped"));
  assert.equal(thrown.status, 1);
  assert.match(thrown.stderr, /Error: by Thrower/);
  assert.match(thrown.stderr, /plugin\.ts:6:11/);
  assert.match(thrown.stderr, /plugin\.ts:10:15/);
});

test("NODE_OPTIONS of the environment do not change the bundle", () => {
  const env = { NODE_OPTIONS: "--no-warnings --max-old-space-size=200" };
  const { status, stdout, stderr } = spawnSync(executable(), { encoding: "utf8", env });
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).native, "function");
});

test("a failed build leaves an earlier file as it was", (t) => {
  const folder = project(t, { "package.json": "{}", "a.ts": 'import "./missing.js";', out: "old" });
  const { status } = runCli(folder, "build", "a.ts", "-o", "out");
  assert.equal(status, 1);
  assert.equal(statSync(join(folder, "out")).size, 3);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith(".")),
    [],
  );
  assert.ok(existsSync(join(folder, basename("a.ts"))));
});
