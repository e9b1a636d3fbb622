/** What a plugin says of itself. */

import { reason } from "./calls.js";
import { PluginError } from "./errors.js";
import { MANIFEST_SHAPE } from "./manifest_shape.js";
import { native } from "./native.js";
import { shapeFaults } from "./shape.js";
import { isText, shown } from "./shown.js";
import type {
  Capability,
  KnownHostPermission,
  NavEntry,
  NavSection,
  PluginManifest,
  UiManifest,
} from "./wire.js";

/** Where an entry of the console's navigation goes. */
export interface NavOptions {
  /** `platform`, the main sidebar, unless said otherwise. */
  section?: NavSection | undefined;
  /** Lower comes first; 100 unless said otherwise. */
  order?: number | undefined;
}

const NAV_OPTIONS = ["section", "order"];

/**
 * Starts a manifest.
 *
 * `name` is unique, words of `a-z 0-9` joined by `-`, at most 64 characters; `version` is the plugin's
 * own, SemVer (MF-01, MF-02 of PROTOCOL.md). Values are checked by {@link ManifestBuilder.build}.
 *
 * ```ts
 * const manifest = createManifest("slack-notifier", "1.0.0")
 *   .displayName("Slack Notifier")
 *   .addNav("Slack", "message-square", "/slack", { section: "settings", order: 60 })
 *   .event("deployment.*")
 *   .build();
 * ```
 */
export function createManifest(name: string, version: string): ManifestBuilder {
  return new ManifestBuilder(
    text("createManifest", "a name", name),
    text("createManifest", "a version", version),
  );
}

/** A manifest in the making, one method a field. Methods throw `TypeError` for values of another type. */
export class ManifestBuilder {
  readonly #manifest: PluginManifest &
    Required<Pick<PluginManifest, "nav" | "events" | "requires_db" | "health_path">>;
  readonly #publicPaths: string[] = [];
  readonly #capabilities: Capability[] = [];
  readonly #permissions: KnownHostPermission[] = [];

  /** @internal */
  constructor(name: string, version: string) {
    this.#manifest = {
      name,
      version,
      nav: [],
      events: [],
      requires_db: false,
      health_path: "/health",
    };
  }

  /** The name people read. */
  displayName(name: string): this {
    this.#manifest.display_name = text("displayName", "a name", name);
    return this;
  }

  /** One sentence for people. */
  description(sentence: string): this {
    this.#manifest.description = text("description", "a sentence", sentence);
    return this;
  }

  /** Adds an entry to the console's navigation. */
  nav(entry: NavEntry): this {
    this.#manifest.nav.push({ ...object("nav", "an entry", entry) });
    return this;
  }

  /**
   * Adds an entry to the console's navigation: the text shown, the name of a Lucide icon, and the
   * console's client route, which starts with one `/`.
   */
  addNav(label: string, icon: string, path: string, options: NavOptions = {}): this {
    const { section = "platform", order = 100, ...rest } = object("addNav", "options", options);
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) {
      throw new TypeError(
        `addNav was given the option ${shown(unknown)}; allowed: ${NAV_OPTIONS.join(", ")}`,
      );
    }
    return this.nav({ label, icon, section, path, order });
  }

  /** Describes a bundle that the console loads itself. A UI that the SDK serves needs none. */
  ui(ui: UiManifest): this {
    this.#manifest.ui = { ...object("ui", "a description of a bundle", ui) };
    return this;
  }

  /** Whether the plugin needs the platform's database; false unless called. */
  requiresDb(needed = true): this {
    this.#manifest.requires_db = flag("requiresDb", needed);
    return this;
  }

  /** Whether the plugin needs the host's data directory (dialect 2); false unless called. */
  requiresHostDataAccess(needed = true): this {
    this.#manifest.requires_host_data_access = flag("requiresHostDataAccess", needed);
    return this;
  }

  /** Where health answers, `/health` unless said otherwise. */
  healthPath(path: string): this {
    this.#manifest.health_path = text("healthPath", "a path", path);
    return this;
  }

  /** Whether the console hides its header strip over the plugin's UI (dialect 2). */
  hideHeader(hide = true): this {
    this.#manifest.hide_header = flag("hideHeader", hide);
    return this;
  }

  /** Adds a route prefix, by whole segments, that callers reach without signing in (dialect 2). */
  publicPath(path: string): this {
    this.#publicPaths.push(text("publicPath", "a path", path));
    return this;
  }

  /** Asks for a use of the platform's API (dialect 2). */
  capability(capability: Capability): this {
    this.#capabilities.push(text("capability", "a capability", capability));
    return this;
  }

  /** Adds what an administrator is asked to grant (dialect 2): a request, not a right. */
  requestPermissions(
    ...permissions: (KnownHostPermission | readonly KnownHostPermission[])[]
  ): this {
    for (const permission of permissions.flat() as KnownHostPermission[]) {
      this.#permissions.push(text("requestPermissions", "permissions", permission));
    }
    return this;
  }

  /** Asks for events: an exact name, `prefix.*`, or `*`. */
  event(pattern: string): this {
    return this.events(pattern);
  }

  /** Asks for events of several patterns. */
  events(...patterns: (string | readonly string[])[]): this {
    for (const pattern of patterns.flat() as string[]) {
      const checked = text("events", "patterns", pattern);
      if (!this.#manifest.events.includes(checked)) this.#manifest.events.push(checked);
    }
    return this;
  }

  /**
   * The manifest, in the form it has on the wire. The builder can go on, and build another.
   *
   * Throws a `PluginError` of the kind `manifest` that names every field that breaks a rule, what was
   * found and what is allowed.
   */
  build(): PluginManifest {
    return checkManifest({
      ...this.#manifest,
      ...(this.#publicPaths.length > 0 && { public_paths: this.#publicPaths }),
      ...(this.#capabilities.length > 0 && { capabilities: this.#capabilities }),
      ...(this.#permissions.length > 0 && { host_permissions: this.#permissions }),
    });
  }
}

/** `manifest` as it goes over the wire. Throws as {@link ManifestBuilder.build} does. */
export function checkManifest(manifest: PluginManifest): PluginManifest {
  const faults = [...shapeFaults(manifest, MANIFEST_SHAPE, "")];
  if (faults.length > 0) {
    throw new PluginError(`the manifest cannot be used: ${faults.join("; ")}`, "manifest");
  }
  try {
    return JSON.parse(native.checkManifest(JSON.stringify(manifest))) as PluginManifest;
  } catch (error) {
    const message = `the manifest cannot be used: ${reason(error)}`;
    throw new PluginError(message, "manifest", { cause: error });
  }
}

function text<T extends string>(method: string, what: string, value: T): T {
  if (isText(value)) return value;
  throw new TypeError(`${method} takes ${what} as text, not ${shown(value)}`);
}

function flag(method: string, value: boolean): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`${method} takes true or false, not ${shown(value)}`);
}

function object<T extends object>(method: string, what: string, value: T): T {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new TypeError(`${method} takes ${what} as an object, not ${shown(value)}`);
}
