/** Who sent the request being served. */

import type { NativeCaller } from "./native.js";

/**
 * A signed-in user whom the host vouches for: what `extractAuthContext(request)` gives.
 *
 * Calls in this user's name are made by `ctx.apiAsCaller(caller)`. The token they need travels along
 * and cannot be read.
 */
export class VerifiedCaller {
  readonly #native: NativeCaller;

  /** @internal */
  constructor(native: NativeCaller) {
    this.#native = native;
  }

  /** The user's id on the platform. */
  get userId(): string {
    return this.#native.userId;
  }

  /** The user's address. */
  get email(): string {
    return this.#native.email;
  }

  /** The user's role: `admin`, `platform_admin`, `user`, `reader` and others. */
  get role(): string {
    return this.#native.role;
  }

  /** The user's permissions, such as `projects:read`. */
  get permissions(): string[] {
    return this.#native.permissions;
  }

  /** Whether the user administers the platform. */
  get isAdmin(): boolean {
    return this.#native.isAdmin;
  }

  /** Whether the user has exactly this permission. */
  hasPermission(permission: string): boolean {
    return this.#native.hasPermission(permission);
  }

  /** What can be read, as a plain object. */
  toJSON(): Record<string, unknown> {
    const { userId, email, role, permissions, isAdmin } = this;
    return { userId, email, role, permissions, isAdmin };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON();
  }

  /**
   * The native side of a caller; undefined for anything that only looks like one.
   *
   * @internal
   */
  static native(caller: VerifiedCaller): NativeCaller | undefined {
    return #native in caller ? caller.#native : undefined;
  }
}
