"use strict";

// What tests call. index.d.cts says what it takes and gives.

const { AssertionError } = require("node:assert");
const { spawn } = require("node:child_process");

const { program } = require("./program.cjs");

const NAME = "temps-plugin-conformance";
const CONFORMANT = 0;
// The plugin is not conformant, or never started: statuses that come with a report.
const WITH_REPORT = [CONFORMANT, 1, 3];
const OPTIONS = ["dialect", "run", "skip", "knownFailing", "config", "arguments", "cwd", "signal"];

class NotConformantError extends AssertionError {
  constructor(report, said) {
    super({ message: messageOf(report, said), operator: "assertConformant" });
    this.name = "NotConformantError";
    this.code = "ERR_NOT_CONFORMANT";
    this.report = report;
  }
}

class RunnerError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "RunnerError";
    this.code = "ERR_CONFORMANCE_RUNNER";
  }
}

async function assertConformant(command, options = {}) {
  const unknown = Object.keys(options).filter((name) => !OPTIONS.includes(name));
  if (unknown.length > 0) {
    throw new TypeError(`unknown option ${unknown.join(", ")}; there are ${OPTIONS.join(", ")}`);
  }
  const words = typeof command === "string" ? [command] : [...command];
  const done = await run([...flagsOf(options), "--", ...words], options);
  if (!WITH_REPORT.includes(done.status)) {
    const found = done.report === "" ? [] : [summaryOf(JSON.parse(done.report))];
    const text = [...found, done.said].join("\n\n");
    throw new RunnerError(`the runner ended with ${done.status ?? done.signal}:\n${text}`);
  }
  const report = JSON.parse(done.report);
  if (done.status !== CONFORMANT) {
    throw new NotConformantError(report, done.said);
  }
  return report;
}

function flagsOf({ dialect = "both", run = [], skip = [], knownFailing, config, ...others }) {
  const flags = ["run", "--format", "json", "--dialect", String(dialect)];
  for (const [flag, globs] of [
    ["--run", several("run", run)],
    ["--skip", several("skip", skip)],
  ]) {
    flags.push(...globs.flatMap((glob) => [flag, glob]));
  }
  if (knownFailing !== undefined) flags.push("--known-failing", knownFailing);
  if (config !== undefined) flags.push("--config", config);
  return [...flags, ...several("arguments", others.arguments ?? [])];
}

// A single text is one by mistake: it would be taken for its letters.
function several(name, texts) {
  if (!Array.isArray(texts)) {
    throw new TypeError(`${name} is a list of texts, such as [${JSON.stringify(texts)}]`);
  }
  return texts;
}

function run(words, { cwd, signal }) {
  return new Promise((resolve, reject) => {
    const stdio = ["ignore", "pipe", "pipe"];
    const runner = spawn(program(), words, { cwd, signal, stdio });
    const [report, said] = [runner.stdout, runner.stderr].map((stream) => {
      const pieces = [];
      stream.on("data", (piece) => pieces.push(piece));
      return () => Buffer.concat(pieces).toString();
    });
    runner.on("error", (cause) => {
      reject(cause.name === "AbortError" ? cause : new RunnerError(cause.message, { cause }));
    });
    runner.on("close", (status, ended) => {
      resolve({ status, signal: ended, report: report(), said: said().trim() });
    });
  });
}

function messageOf(report, said) {
  const parts = [
    summaryOf(report),
    `What went over the wire: ${NAME} run -- ${report.command.join(" ")}`,
  ];
  const broken = report.results.some(isBroken);
  // Such as an entry of known failures that has expired: nothing of it is in the results.
  if (!broken && report.verdict !== "never_started" && said !== "") {
    parts.push(`The runner said:\n${said}`);
  }
  return parts.join("\n\n");
}

function summaryOf({ verdict, counts, starts, results }) {
  const counted = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  const failed = results.filter(({ status }) => status === "failed");
  return [
    `${verdict.replace("_", " ")}: ${counted.join(", ")}`,
    ...starts
      .filter(({ outcome }) => outcome !== "started")
      .map(({ dialect, reason }) => `dialect ${dialect}: ${reason}`),
    ...failed.filter(isBroken).map((result) => `FAILED ${described(result)}`),
    ...results
      .filter(({ status }) => status === "fault")
      .map(({ check, message }) => `FAULT of the runner in ${check}: ${message}`),
    ...failed.filter((result) => !isBroken(result)).map((result) => `warning ${described(result)}`),
  ].join("\n\n");
}

function isBroken({ status, severity }) {
  return status === "failed" && severity === "MUST";
}

function described({ check, dialect, severity, rules, expected, seen }) {
  return (
    `${check} (dialect ${dialect}; ${severity}: ${rules.join(", ")})\n` +
    `  expected  ${expected}\n  seen      ${seen}`
  );
}

module.exports = { assertConformant, NotConformantError, program, RunnerError };
