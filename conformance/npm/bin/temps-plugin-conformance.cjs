#!/usr/bin/env node
"use strict";

// The runner of this system, with the arguments, streams and signals of this process.

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const { program } = require("../lib/program.cjs");

// What the runner itself exits with when it fails.
const FAULT = 4;

function fail(error) {
  console.error(`error: ${error.message}`);
  process.exit(FAULT);
}

function found() {
  try {
    return program();
  } catch (error) {
    return fail(error);
  }
}

// Before there is anything that a signal could leave behind.
let runner;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => runner.kill(signal));
}
runner = spawn(found(), process.argv.slice(2), { stdio: "inherit" });
runner.on("error", fail);
runner.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
