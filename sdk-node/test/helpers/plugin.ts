/** A plugin inside a test, and what tests of one have in common. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { type TestContext, test as tested } from "node:test";
import { createManifest, type PluginDefinition } from "temps-plugin";
import { TestPlugin, type TestPluginOptions } from "temps-plugin/testing";

/** A test that fails when it hangs, in milliseconds. No test takes a noticeable part of it. */
const LIMIT = 30_000;

/** `node:test`'s, with that limit, whatever the event loop has to do. */
export function test(name: string, run: (t: TestContext) => void | Promise<void>): void {
  tested(name, { timeout: LIMIT }, async (t) => {
    const alive = setInterval(() => undefined, LIMIT);
    try {
      await run(t);
    } finally {
      clearInterval(alive);
    }
  });
}

/** Everything of a definition but its manifest. */
export type Parts = Omit<Partial<PluginDefinition>, "fetch" | "handler"> &
  (Pick<PluginDefinition, "fetch"> | Pick<PluginDefinition, "handler">);

/** A definition that asks for every event. */
export function define(parts: Parts): PluginDefinition {
  const manifest = createManifest("test-plugin", "1.0.0").event("*").build();
  return { manifest, ...parts } as PluginDefinition;
}

/** Runs a plugin until the test is over. */
export async function run(
  t: TestContext,
  parts: Parts,
  options?: TestPluginOptions,
): Promise<TestPlugin> {
  const plugin = await TestPlugin.start(define(parts), options);
  t.after(() => plugin.stop());
  return plugin;
}

/** One line of the log. */
export interface Line {
  level: string;
  fields: { message: string; exception?: string };
}

/** Keeps what is logged during a test, in place of showing it. */
export function captureLogs(t: TestContext): Logs {
  const logs = new Logs();
  const real = fs.writeSync;
  t.mock.method(fs, "writeSync", (descriptor: number, text: string, ...more: never[]) => {
    if (descriptor !== 2) return real(descriptor, text, ...more);
    logs.add(JSON.parse(text));
    return text.length;
  });
  return logs;
}

/** What was logged, and waiting for it. */
export class Logs {
  readonly lines: Line[] = [];
  #wake: () => void = () => undefined;

  add(line: Line): void {
    this.lines.push(line);
    this.#wake();
  }

  /** The first line with all these texts, now or later; its exception counts as well. */
  async line(...texts: string[]): Promise<Line> {
    for (;;) {
      const has = (line: Line): boolean =>
        texts.every((text) =>
          Object.values({ ...line.fields, level: line.level })
            .join("\n")
            .includes(text),
        );
      const found = this.lines.find(has);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A promise that a test settles. */
export interface Gate<T = void> {
  readonly promise: Promise<T>;
  open(value: T): void;
}

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => assert.fail("a promise calls its function at once");
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Waits for a condition that comes true while the event loop turns; gives up with the test. */
export async function until(t: TestContext, condition: () => boolean): Promise<void> {
  while (!condition()) {
    t.signal.throwIfAborted();
    await new Promise(setImmediate);
  }
}

/** Answers with what it was sent. */
export async function mirror(request: Request): Promise<Response> {
  const headers: [string, string][] = [
    ["x-method", request.method],
    ["x-type", request.headers.get("content-type") ?? ""],
    ["x-length", request.headers.get("content-length") ?? ""],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ];
  return new Response(await request.arrayBuffer(), { status: 201, headers });
}
