/** `npx temps-plugin` as a process, and projects to run it in. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

const folder = process.env["TEMPS_PLUGIN_FOLDER"] ?? "";
/** The folder of the package under test. */
export const installed = dirname(
  createRequire(join(folder, "package.json")).resolve("temps-plugin/package.json"),
);
/** The command's file. */
export const cli = join(installed, "dist", "cli.cjs");

/** A folder with these files that is gone after the test. */
export function project(t: { after: TestContext["after"] }, files: Record<string, string>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "temps-project-")));
  t.after(() => rmSync(root, { force: true, recursive: true }));
  mkdirSync(join(root, "node_modules"));
  symlinkSync(installed, join(root, "node_modules", "temps-plugin"));
  write(root, files);
  return root;
}

/** Writes files by their paths below a folder. */
export function write(root: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

const LONGEST_WAIT_MS = 30_000;

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `temps-plugin` to its end. */
export function runCli(cwd: string, ...args: string[]): Ended {
  return runCliOf(installed, cwd, ...args);
}

/** Runs the command of the package in a folder to its end. */
export function runCliOf(folder: string, cwd: string, ...args: string[]): Ended {
  const given = [join(folder, "dist", "cli.cjs"), ...args];
  return spawnSync(process.execPath, given, { cwd, encoding: "utf8", timeout: 120_000 });
}

/** A process whose lines on one of its streams can be waited for. */
export class Watched {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  readonly #ended: Promise<number | null>;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(command: string, args: string[], options: Parameters<typeof spawn>[2], from: 1 | 2) {
    this.process = spawn(command, args, options);
    const stream = from === 1 ? this.process.stdout : this.process.stderr;
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      this.process.once("close", (status) => {
        this.#hasEnded = true;
        this.#wake();
        resolve(status);
      });
    });
  }

  /** The `count`-th line that matches, now or later; an error shows what came instead. */
  async line(pattern: RegExp, count = 1): Promise<RegExpMatchArray> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, LONGEST_WAIT_MS);
    try {
      for (;;) {
        const matches = this.lines.map((line) => line.match(pattern)).filter((one) => one !== null);
        const wanted = matches[count - 1];
        if (wanted) return wanted;
        if (this.#hasEnded || late) {
          throw new Error(`no line ${pattern} came; there were:\n${this.lines.join("\n")}`);
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal, if it still runs, and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    if (!this.#hasEnded) this.process.kill(signal);
    return this.#ended;
  }

  /** Waits for the end. */
  end(): Promise<number | null> {
    return this.#ended;
  }
}
