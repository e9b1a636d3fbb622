/** `temps-plugin build`: what cannot be built is named, and how to help. */

import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { FUSE } from "../ts/cli/node_binary.js";
import { cli, installed, project, runCli, runCliOf } from "./helpers/command.js";

const PLUGIN = 'import { runPlugin } from "temps-plugin"; await runPlugin({} as never);';
const FOUND_AT_RUN_TIME = 'module.exports = require("bindings")("acme");';

interface Case {
  readonly what: string;
  readonly files?: Record<string, string>;
  readonly args?: string[];
  readonly status?: number;
  readonly message: string | RegExp;
}

const CASES: Case[] = [
  { what: "no file", args: ["nosuch.ts"], message: "there is no file nosuch.ts" },
  { what: "a folder", args: ["node_modules"], message: "node_modules is no file" },
  {
    what: "another kind of file",
    files: { "plugin.py": "" },
    args: ["plugin.py"],
    message: "plugin.py is no TypeScript or JavaScript; allowed endings: .ts .mts",
  },
  {
    what: "no plugin",
    files: { "plugin.ts": "console.log(1);" },
    message: 'plugin.ts is no plugin: neither it nor anything it imports imports "temps-plugin"',
  },
  {
    what: "a missing import",
    files: { "plugin.ts": `${PLUGIN} import "./nowhere.js";` },
    message: /it cannot be bundled:\n.*Could not resolve "\.\/nowhere\.js"/,
  },
  {
    what: "a mistake of syntax",
    files: { "plugin.ts": `${PLUGIN} let = ;` },
    message: /it cannot be bundled:\n.*plugin\.ts:1:|it cannot be bundled:\n.*Unexpected ";"/,
  },
  {
    what: "a folder for the interface that is not there",
    files: { "plugin.ts": PLUGIN.replace("{}", '{ uiDist: "web/dist" }') },
    message: "uiDist: there is no folder web/dist; is the interface built?",
  },
  {
    what: "an interface without a first page",
    files: { "plugin.ts": PLUGIN, "web/app.js": "" },
    args: ["plugin.ts", "--ui", "web"],
    message: "--ui web: there is no index.html in web",
  },
  {
    what: "a folder for the interface that is made when the plugin runs",
    files: { "plugin.ts": `const uiDist = "a"; ${PLUGIN.replace("{}", "{ uiDist }")}` },
    message: "uiDist in plugin.ts is not written as a text; name the folder with --ui",
  },
  {
    what: "two folders for the interface",
    files: {
      "plugin.ts": `import "./other"; ${PLUGIN.replace("{}", "{ uiDist: 'a' }")}`,
      "other.ts": "export const options = { uiDist: 'b' }; console.log(options);",
    },
    message: "several folders are given as uiDist; choose with --ui: ",
  },
  {
    what: "an addon that is looked for at run time",
    files: {
      "plugin.ts": `${PLUGIN} import "acme";`,
      "node_modules/acme/package.json": '{"name": "acme", "version": "1.0.0"}',
      "node_modules/acme/index.js": FOUND_AT_RUN_TIME,
      "node_modules/bindings/package.json": '{"name": "bindings", "version": "1.5.0"}',
      "node_modules/bindings/index.js": "module.exports = () => {};",
    },
    message: /node_modules\/acme\/index\.js looks for its native addon .*--external acme /,
  },
  {
    what: "a missing asset",
    args: ["plugin.ts", "--include", "x"],
    message: "--include x: there is no such",
  },
  {
    what: "an asset from elsewhere",
    args: ["plugin.ts", "--include", "/etc/passwd"],
    message: "--include /etc/passwd: it is not below the working directory",
  },
  {
    what: "output over a folder",
    args: ["plugin.ts", "-o", "."],
    message: /is a folder; name the file/,
  },
  {
    what: "output over itself",
    args: ["plugin.ts", "-o", "plugin.ts"],
    message: "plugin.ts is the plugin itself",
  },
  {
    what: "no node",
    args: ["plugin.ts", "--node", "/nowhere"],
    message: "--node /nowhere does not run here",
  },
  {
    what: "something else as node",
    args: ["plugin.ts", "--node", "/bin/echo"],
    message: "--node /bin/echo is no Node.js: exit status 0, const {",
  },
  { what: "no main file", args: [], status: 2, message: "the plugin's main file is missing" },
  {
    what: "an unknown option",
    args: ["plugin.ts", "--mini"],
    status: 2,
    message: "Unknown option '--mini'",
  },
  {
    what: "an option without its value",
    args: ["plugin.ts", "--node"],
    status: 2,
    message: "Option '--node <value>' argument missing",
  },
];

for (const { what, files = {}, args = ["plugin.ts"], status = 1, message } of CASES) {
  test(`it is named: ${what}`, (t) => {
    const given = { "package.json": '{"name": "p"}', "plugin.ts": PLUGIN, ...files };
    const made = runCli(project(t, given), "build", ...args);
    assert.equal(made.status, status, made.stderr);
    assert.equal(made.stdout, "");
    const text = made.stderr.replace(/^making .*\n/, "").replace(/^error: /, "");
    if (typeof message === "string") assert.ok(text.startsWith(message), text);
    else assert.match(text, message);
  });
}

test("a node that cannot become an executable of its own, or is one already", (t) => {
  const root = project(t, { "package.json": '{"name": "p"}', "plugin.ts": PLUGIN });
  const fake = (name: string, content: string) => {
    const facts = JSON.stringify({ arch: "x64", platform: "linux", version: "20.20.0" });
    writeFileSync(join(root, name), `#!/bin/sh\necho '${facts}'\n# ${content}\n`);
    chmodSync(join(root, name), 0o755);
    return runCli(root, "build", "plugin.ts", "--node", join(root, name)).stderr;
  };
  assert.match(fake("without", ""), /it was built without that ability.*nodejs\.org with --node/);
  assert.match(fake("already", `${FUSE}:1`), /is an executable that was made from Node\.js/);
});

test("a node that is too old", (t) => {
  const root = project(t, { "package.json": '{"name": "p"}', "plugin.ts": PLUGIN });
  for (const version of ["18.20.0", "20.11.1", "21.6.2"]) {
    const facts = JSON.stringify({ arch: "x64", platform: "linux", version });
    writeFileSync(join(root, "node"), `#!/bin/sh\necho '${facts}'\n`, { mode: 0o755 });
    const { stderr } = runCli(root, "build", "plugin.ts", "--node", join(root, "node"));
    assert.match(
      stderr,
      new RegExp(`node is Node\\.js ${version}; an executable can be made from 20\\.12`),
    );
  }
});

test("without the packages that build, it says what to install", (t) => {
  const root = project(t, { "package.json": '{"name": "p"}', "plugin.ts": PLUGIN });
  // The package alone, without those around it.
  const copy = join(root, "elsewhere", "temps-plugin");
  mkdirSync(join(copy, "dist"), { recursive: true });
  for (const file of ["package.json", "dist/cli.cjs", "dist/index.cjs", "dist/index.mjs"]) {
    copyFileSync(join(installed, file), join(copy, file));
  }
  symlinkSync(join(installed, "native"), join(copy, "native"));
  const { status, stderr } = runCliOf(copy, root, "build", "plugin.ts");
  assert.equal(status, 1);
  assert.match(
    stderr,
    /the package "esbuild" is not installed.*\n {2}npm install --save-dev esbuild postject/,
  );
});

test("the help shows every option, and the file is an executable script", () => {
  const { status, stdout } = runCli(dirname(cli), "build", "--help");
  assert.equal(status, 0);
  for (const option of [
    "output",
    "ui",
    "include",
    "external",
    "minify",
    "sourcemap",
    "strip",
    "node",
  ]) {
    assert.ok(stdout.includes(`--${option}`), option);
  }
  assert.ok(readFileSync(cli, "utf8").startsWith("#!/usr/bin/env node\n"));
  assert.equal(runCli(dirname(cli)).status, 2);
  assert.equal(runCli(dirname(cli), "--help").status, 0);
  assert.match(
    runCli(dirname(cli), "biuld").stderr,
    /there is no command biuld; there are build and run/,
  );
});
