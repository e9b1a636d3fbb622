// Tests of the package as it is installed. They run in a folder where npm has put it; PLUGIN is a sound
// plugin's Python source, since a plugin of any language will do.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  assertConformant,
  NotConformantError,
  program,
  RunnerError,
} from "temps-plugin-conformance";

const require = createRequire(import.meta.url);
const { version } = require("temps-plugin-conformance/package.json");
const command = join("node_modules", ".bin", "temps-plugin-conformance");
const sound = ["python3", process.env.PLUGIN];

function defective(t) {
  const [source, line] = [readFileSync(process.env.PLUGIN, "utf8"), '"requires_db": False,'];
  assert.ok(source.includes(line));
  const directory = mkdtempSync(join(tmpdir(), "conformance-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const plugin = join(directory, "plugin.py");
  writeFileSync(plugin, source.replace(line, ""));
  return ["python3", plugin];
}

function statusOf(file, words) {
  return new Promise((resolve) => execFile(file, words, (error) => resolve(error?.code ?? 0)));
}

test("the command is the runner of this version", () => {
  const said = execFileSync(command, ["--version"], { encoding: "utf8" });
  assert.equal(said.trim(), `temps-plugin-conformance ${version}`);
  assert.equal(execFileSync(program(), ["--version"], { encoding: "utf8" }), said);
});

test("the command has the exit status of the runner", async (t) => {
  const about = ["run", "--run", "MF-12", "--"];
  assert.equal(await statusOf(command, [...about, ...sound]), 0);
  assert.equal(await statusOf(command, [...about, ...defective(t)]), 1);
  assert.equal(await statusOf(command, ["run", "--run", "nothing/at-all", "--", ...sound]), 2);
  assert.equal(await statusOf(command, ["run", "--", "false"]), 3);
});

test("a signal to the command ends the run", { skip: process.platform !== "linux" }, async () => {
  // Sleeps through its handshake, so that the run lasts until somebody ends it.
  const running = spawn(command, ["run", "--", "sleep", "600"], { stdio: "ignore" });
  const ended = new Promise((resolve) => running.on("exit", resolve));
  const childOf = async (pid) => {
    for (;;) {
      const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
      if (child) return child;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const runner = await childOf(running.pid);
  running.kill("SIGTERM");
  // Its own status for a run without a verdict, or that of a program that did not get so far.
  assert.ok([4, 143].includes(await ended));
  assert.ok(!existsSync(`/proc/${runner}`), "the runner is still there");
});

test("a sound plugin gives its report", async () => {
  const report = await assertConformant(sound, { run: ["manifest/*", "health/get"] });
  assert.equal(report.verdict, "conformant");
  assert.equal(report.counts.passed, report.results.length);
  const made = report.results.map(({ check, dialect }) => `${check} ${dialect}`);
  assert.ok(made.includes("health/get 1") && made.includes("health/get 2"), String(made));
});

test("dialect and skip reach the runner", async () => {
  const options = { dialect: 2, run: ["manifest/*", "health/get"], skip: ["manifest/*"] };
  const { results } = await assertConformant(sound, options);
  assert.deepEqual(
    results.map(({ check, dialect }) => [check, dialect]),
    [["health/get", 2]],
  );
});

test("a broken rule is named", async (t) => {
  const error = await assertConformant(defective(t), { run: ["MF-12"] }).catch((error) => error);
  assert.ok(error instanceof NotConformantError && error instanceof assert.AssertionError);
  assert.equal(error.code, "ERR_NOT_CONFORMANT");
  assert.equal(error.report.verdict, "not_conformant");
  assert.match(
    error.message,
    /FAILED manifest\/requires-db \(dialect 1; MUST: MF-12\)\n {2}expected/,
  );
});

test("a plugin that never starts is not conformant", async () => {
  const failing = ["python3", "-c", "raise SystemExit('not today')"];
  await assert.rejects(assertConformant(failing), {
    name: "NotConformantError",
    message: /not today/,
  });
});

test("what can't be run is no verdict", async () => {
  const rejected = assertConformant(sound, { run: ["helth/*"] });
  await assert.rejects(
    rejected,
    (error) => error instanceof RunnerError && /helth/.test(error.message),
  );
  const nothing = assertConformant(sound, { run: ["UI-01"] });
  await assert.rejects(nothing, { name: "RunnerError", message: /nothing run: 0 passed/ });
  await assert.rejects(assertConformant(sound, { run: "health/*" }), TypeError);
  await assert.rejects(assertConformant(sound, { dialects: 2 }), /unknown option dialects/);
});

test("an abort ends the run", async () => {
  const aborted = new AbortController();
  const run = assertConformant(["sleep", "600"], { signal: aborted.signal });
  aborted.abort();
  await assert.rejects(run, { name: "AbortError" });
});

test("CommonJS gets the same", () => {
  assert.equal(require("temps-plugin-conformance").assertConformant, assertConformant);
});
