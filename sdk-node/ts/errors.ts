/**
 * What can go wrong, as classes.
 *
 * Every failure of the SDK is a {@link TempsError}. Those of calls to the platform:
 *
 * | class | kind | what happened |
 * |---|---|---|
 * | `RemoteError` | `remote` | the host answered with an error; `code` is its own |
 * | `CallTimeout` | `timeout` | no answer came in time |
 * | `Disconnected` | `disconnected` | the channel is down, or went down |
 * | `ProtocolError` | `protocol` | the answer cannot be understood |
 * | `InvalidRequest` | `invalid_request` | refused before anything was sent |
 * | `NoActor` | `no_actor` | there is no caller to act for |
 * | `PluginError` | `other`, `manifest`, … | anything else |
 *
 * `RemoteError` has a subclass for each code that the protocol knows: `NotFound`, `PermissionDenied`,
 * `InvalidParams`, `MethodNotFound`, `InternalError`, `Unauthenticated`. A newer host's code arrives
 * as a plain `RemoteError`.
 *
 * @module
 */

import type { ErrorCode, KnownErrorCode } from "./wire.js";

/** Any failure of the SDK. `message` says what happened, for people. */
export abstract class TempsError extends Error {
  /** Which failure it is, for programs; see the table of this module. */
  abstract readonly kind: string;
  /** The host's code for a {@link RemoteError}, the kind for every other. */
  abstract readonly code: string;
}

/** The host answered a call with an error. `code` and `message` are the host's. */
export class RemoteError extends TempsError {
  override readonly kind = "remote";
  override readonly code: ErrorCode;

  constructor(message: string, code: ErrorCode = "remote", options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What was asked for does not exist. */
export class NotFound extends RemoteError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, "not_found", options);
  }
}

/** The plugin, or the caller it acts for, may not do that. */
export class PermissionDenied extends RemoteError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, "permission_denied", options);
  }
}

/** The host refuses the parameters. */
export class InvalidParams extends RemoteError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, "invalid_params", options);
  }
}

/** The host does not know the method. */
export class MethodNotFound extends RemoteError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, "method_not_found", options);
  }
}

/** The host failed. */
export class InternalError extends RemoteError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, "internal", options);
  }
}

/** The caller's token is missing, wrong or expired (dialect 2). */
export class Unauthenticated extends RemoteError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, "unauthenticated", options);
  }
}

/** A call got no answer in time. */
export class CallTimeout extends TempsError {
  override readonly kind = "timeout";
  override readonly code = "timeout";
}

/** The channel to the platform is down, or went down during the call. */
export class Disconnected extends TempsError {
  override readonly kind = "disconnected";
  override readonly code = "disconnected";
}

/** The host's answer cannot be understood. */
export class ProtocolError extends TempsError {
  override readonly kind = "protocol";
  override readonly code = "protocol";
}

/** A call was refused before anything was sent. */
export class InvalidRequest extends TempsError {
  override readonly kind = "invalid_request";
  override readonly code = "invalid_request";
}

/** A call in a caller's name, without a caller or without the caller's token. */
export class NoActor extends TempsError {
  override readonly kind = "no_actor";
  override readonly code = "no_actor";
}

/** Any other failure. `kind` says where: `other`, or a step of the start such as `manifest`. */
export class PluginError extends TempsError {
  override readonly kind: string;
  override readonly code: string;

  constructor(message: string, kind = "other", options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = kind;
  }
}

type Made = new (message: string) => TempsError;

const BY_CODE: Record<KnownErrorCode, Made> = {
  not_found: NotFound,
  permission_denied: PermissionDenied,
  invalid_params: InvalidParams,
  method_not_found: MethodNotFound,
  internal: InternalError,
  unauthenticated: Unauthenticated,
};

const BY_KIND: Record<string, Made> = {
  timeout: CallTimeout,
  disconnected: Disconnected,
  protocol: ProtocolError,
  invalid_request: InvalidRequest,
  no_actor: NoActor,
};

// Bundlers rename classes; what a log shows stays the same. Not enumerable, as the names of Node's own
// errors are not.
for (const [name, { prototype }] of Object.entries({
  RemoteError,
  NotFound,
  PermissionDenied,
  InvalidParams,
  MethodNotFound,
  InternalError,
  Unauthenticated,
  CallTimeout,
  Disconnected,
  ProtocolError,
  InvalidRequest,
  NoActor,
  PluginError,
})) {
  Object.defineProperty(prototype, "name", { configurable: true, value: name, writable: true });
}

/**
 * The error for a failure of the SDK's core.
 *
 * `kind` is the core's own name for it; one that is not in the table of this module becomes a
 * `PluginError` of that kind. `code` is given for the kind `remote` only.
 *
 * @internal
 */
export function errorOf(kind: string, message: string, code?: string | null): TempsError {
  if (kind === "remote") {
    const known = code != null && Object.hasOwn(BY_CODE, code);
    return known
      ? new BY_CODE[code as KnownErrorCode](message)
      : new RemoteError(message, code ?? undefined);
  }
  const known = Object.hasOwn(BY_KIND, kind) ? BY_KIND[kind] : undefined;
  return known === undefined ? new PluginError(message, kind) : new known(message);
}
