/**
 * The native module: what it offers, and where it is found.
 *
 * Every name here is that of `sdk-node/src`, where its rules are written.
 */

import { unpackedAddon } from "./unpack.js";

/** Who sent a request; made by the native module only. */
export interface NativeCaller {
  readonly userId: string;
  readonly email: string;
  readonly role: string;
  readonly permissions: string[];
  readonly isAdmin: boolean;
  hasPermission(permission: string): boolean;
}

/** What a plugin is, besides its manifest and its handlers. */
export interface NativeOptions {
  uiFolder?: string;
  uiBundle?: Uint8Array;
  channelDeadlineMs?: number;
  requireSignature: boolean;
  drainMs?: number;
}

/** A plugin that runs, or is about to. */
export interface NativeRuntime {
  launch(args: string[], wake: () => void): void;
  take(): unknown[];
  succeed(hook: number, value?: string): void;
  fail(hook: number, reason: string): void;
  loopEnded(): void;

  respondText(id: number, status: number, headers: string, body: string): void;
  respondBytes(id: number, status: number, headers: string, body: Uint8Array): void;
  start(id: number, status: number, headers: string): void;
  writeBytes(id: number, piece: Uint8Array): boolean;
  writeText(id: number, piece: string): boolean;
  end(id: number, trailers: string): void;
  abort(id: number): void;
  pull(id: number): void;
  discard(id: number): void;
  upgrade(id: number): void;

  call(method: string, params: string, timeoutMs?: number): number;
  apiCall(caller: NativeCaller, request: string, timeoutMs?: number): number;
  cancel(call: number): void;
}

/** A platform in memory, for tests. */
export interface NativeTestPlatform {
  on(method: string): void;
  answer(question: number, answer: string): void;
  ignore(method: string): void;
  calls(): string;
}

/** How a plugin under test is started. */
export interface NativeTestStart {
  dialect: number;
  dataDir?: string;
  socketPath?: string;
  databaseUrl?: string;
  arguments: string[];
  channel: boolean;
}

/** A host for a plugin under test. What gives a number gives the result by it, as calls do. */
export interface NativeTestRun {
  start(runtime: NativeRuntime, platform: NativeTestPlatform, start: NativeTestStart): number;
  deliver(runtime: NativeRuntime, event: string): number;
  dropChannel(runtime: NativeRuntime): number;
  openChannel(runtime: NativeRuntime): number;
  stop(runtime: NativeRuntime): number;
  close(): void;
}

/** Someone signed in to the platform of a test. */
export interface NativeTestUser {
  id: string;
  email: string;
  role: string;
  permissions: string[];
  actorToken?: string;
}

/** The native module. */
export interface Native {
  claimStdout(): void;
  isFirstThread(): boolean | null;
  checkManifest(json: string): string;
  matches(pattern: string, eventType: string): boolean;
  NativeRuntime: new (manifest: string, options: NativeOptions) => NativeRuntime;

  NativeTestPlatform: new (
    held: string,
    ask: (question: number, method: string, params: string) => void,
  ) => NativeTestPlatform;
  NativeTestRun: new (runtime: NativeRuntime, wake: () => void) => NativeTestRun;
  testHeaders(secret?: string, user?: NativeTestUser): string[];
  sampleProject(id: number, name: string): string;
  sampleEnvironment(id: number, projectId: number, name: string): string;
  sampleDeployment(id: number, projectId: number, environmentId: number): string;
  sampleEvent(eventType: string, data: string): string;
}

/** Systems there are prebuilt native modules for. */
const TARGETS = ["linux-x64-gnu", "linux-x64-musl", "linux-arm64-gnu", "linux-arm64-musl"];
TARGETS.push("darwin-x64", "darwin-arm64");

/** The native module of this system. */
export const native: Native = load();

function load(): Native {
  const unpacked = unpackedAddon();
  if (unpacked !== undefined) return unpacked as Native;
  const system = `${process.platform}-${process.arch}`;
  const targets = TARGETS.filter((target) => target.startsWith(system));
  const failures: string[] = [];
  for (const target of targets) {
    for (const place of [`../native/temps-plugin.${target}.node`, `temps-plugin-${target}`]) {
      try {
        return require(place) as Native;
      } catch (error) {
        failures.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  if (targets.length === 0) {
    throw new Error(
      `temps-plugin has no native module for ${system}; allowed: ${TARGETS.join(", ")}`,
    );
  }
  throw new Error(
    `the native module of temps-plugin was not found for ${system}; install the package again ` +
      `without --omit=optional. Tried:\n  ${failures.join("\n  ")}`,
  );
}
