/** A plugin as a process. */

import { DefinedAuthor } from "./author.js";
import { Driver } from "./driver.js";
import { log } from "./logs.js";
import { type NativeOptions, type NativeRuntime, native } from "./native.js";
import { checkDefinition, manifestOf, type PluginDefinition } from "./plugin.js";
import { embeddedUi } from "./unpack.js";

/**
 * Runs a plugin until the platform stops it, and ends the process then. The promise is never settled in
 * a process that runs; it rejects when the definition has a mistake.
 *
 * `args` are those after the program's name. The SDK speaks both dialects of the protocol and picks by
 * them. From here on stdout belongs to the handshake: `console.log` goes to stderr.
 */
export async function runPlugin(
  definition: PluginDefinition,
  args: string[] = process.argv.slice(2),
): Promise<never> {
  if (!isMainThread()) {
    throw new Error("runPlugin was called in a worker thread; a plugin is a process of its own");
  }
  native.claimStdout();
  const plugin = prepare(definition, (code) => end(plugin.runtime, code));
  keepAlive(plugin.name);
  plugin.runtime.launch(args, plugin.driver.turn);
  return new Promise<never>(() => undefined);
}

/** Node's own word for it takes a tenth of a plugin's start. */
function isMainThread(): boolean {
  return native.isFirstThread() ?? require("node:worker_threads").isMainThread;
}

/** A plugin that is about to run. */
export interface Prepared {
  readonly name: string;
  readonly runtime: NativeRuntime;
  readonly driver: Driver;
  readonly author: DefinedAuthor;
}

/** Checks a definition and makes what drives it. `onWaiting` is that of the {@link Driver}. */
export function prepare(
  definition: PluginDefinition,
  onEnded: (code: number) => void,
  onWaiting?: (isWaiting: boolean) => void,
): Prepared {
  checkDefinition(definition);
  const manifest = manifestOf(definition);
  const runtime = new native.NativeRuntime(JSON.stringify(manifest), optionsOf(definition));
  const { name } = manifest;
  const author = new DefinedAuthor(definition, name, onEnded);
  return { name, runtime, author, driver: new Driver(runtime, author, name, onWaiting) };
}

function optionsOf(definition: PluginDefinition): NativeOptions {
  const { channelDeadlineMs, drainMs } = definition;
  const options: NativeOptions = { requireSignature: definition.requireSignature ?? false };
  if (channelDeadlineMs === null) options.channelDeadlineMs = Number.POSITIVE_INFINITY;
  else if (channelDeadlineMs !== undefined) options.channelDeadlineMs = channelDeadlineMs;
  if (drainMs !== undefined) options.drainMs = drainMs;
  const bundle = definition.uiBundle ?? embeddedUi();
  if (bundle !== undefined) options.uiBundle = bundle;
  else if (definition.uiDist !== undefined) options.uiFolder = definition.uiDist;
  return options;
}

function end(runtime: NativeRuntime, code: number): void {
  hasEnded = true;
  runtime.loopEnded();
  process.exit(code);
}

let hasEnded = false;

/** What author code throws or rejects with where nobody catches it is logged; the plugin goes on. */
function keepAlive(name: string): void {
  process.on("uncaughtException", (error) => {
    if (!isBrokenPipe(error))
      log("ERROR", `${name}: uncaught exception; the plugin goes on`, error);
  });
  process.on("unhandledRejection", (error) => {
    log("ERROR", `${name}: unhandled rejection; the plugin goes on`, error);
  });
  process.on("exit", (code) => {
    if (!hasEnded) log("WARN", `${name}: author code ends the process, with exit code ${code}`);
  });
  // The SDK obeys signals on a thread of its own, and hands them on to whoever had asked for them
  // before. So Node asks now; it would put itself in the SDK's place if author code made it ask later.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => undefined);
}

/** A stderr that nobody reads any more: what is printed there is lost, and that is all. */
function isBrokenPipe(error: unknown): boolean {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  return code === "EPIPE" && syscall === "write";
}
