/**
 * Write plugins for Temps in TypeScript or JavaScript.
 *
 * A plugin is one executable file. The platform starts it, serves its routes at `/api/x/{name}/…`,
 * answers its questions and tells it what happens. This package does everything between that contract
 * and your code: the handshake, the socket server, authentication, the channel, draining.
 *
 * ```ts
 * import { createManifest, runPlugin } from "temps-plugin";
 *
 * await runPlugin({
 *   manifest: createManifest("hello", "1.0.0").build(),
 *   fetch: () => Response.json({ hello: "world" }),
 * });
 * ```
 *
 * @packageDocumentation
 */

import "./stdout.js";

export { extractAuthContext } from "./author.js";
export type { VerifiedCaller } from "./caller.js";
export {
  type ApiRequestOptions,
  type ApiResponse,
  type ApiSendOptions,
  type CallerApi,
  file,
  part,
  type QueryValue,
} from "./caller_api.js";
export type { CallOptions } from "./calls.js";
export type { DeploymentFilter, TempsClient } from "./client.js";
export type { Ai, PluginContext } from "./context.js";
export {
  CallTimeout,
  Disconnected,
  InternalError,
  InvalidParams,
  InvalidRequest,
  MethodNotFound,
  NoActor,
  NotFound,
  PermissionDenied,
  PluginError,
  ProtocolError,
  RemoteError,
  TempsError,
  Unauthenticated,
} from "./errors.js";
export type {
  EventHandler,
  EventHandlers,
  EventMatching,
  KnownEvent,
  KnownEventType,
  OnEvent,
  OtherEvent,
  OtherEventType,
  PluginEvent,
} from "./events.js";
export { createManifest, type ManifestBuilder, type NavOptions } from "./manifest.js";
export type {
  FetchHandler,
  Hook,
  NodeHandler,
  OpenApiDocument,
  PluginDefinition,
  UpgradeListener,
} from "./plugin.js";
export { runPlugin } from "./run.js";
/** @internal What `temps-plugin/testing` shares with this module. */
export { shared as __shared } from "./shared.js";
/** @internal What `temps-plugin build` has native addons of other packages loaded by. */
export { loadEmbeddedAddon as __loadEmbeddedAddon } from "./unpack.js";
export type * from "./wire.js";
