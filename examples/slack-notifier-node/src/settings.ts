/** Where to post, and about what. */

import { z } from "zod";
import { load, save } from "./file.js";
import type { Notice } from "./notice.js";
import { Webhook, WebhookError } from "./webhook.js";

const WebhookUrl = z.string("must be a text or null").transform((text, refuse) => {
  try {
    return new Webhook(text);
  } catch (error) {
    if (!(error instanceof WebhookError)) {
      throw error;
    }
    refuse.addIssue(error.message);
    return z.NEVER;
  }
});
const Flag = z.boolean("must be true or false");

/** The settings, as they are shown. */
export const SettingsView = z.object({
  webhook_url: z
    .string()
    .nullable()
    .meta({
      description: "The Slack webhook, of which only the host is shown; null when there is none.",
      examples: ["https://hooks.slack.com/…"],
    }),
  enabled: z.boolean().meta({ description: "Whether anything is posted." }),
  notify_failures: z.boolean().meta({ description: "Whether failed deployments are posted too." }),
});
export type SettingsView = z.infer<typeof SettingsView>;

/** A change of settings: what is left out stays as it is. */
export const SettingsChange = z.strictObject(
  {
    webhook_url: WebhookUrl.nullish().meta({
      description: "A Slack incoming webhook, https or http; null removes it.",
      examples: ["https://hooks.slack.com/services/T0/B0/XXXX"],
    }),
    enabled: Flag.nullish().meta({ description: "Whether anything is posted." }),
    notify_failures: Flag.nullish().meta({
      description: "Whether failed deployments are posted too.",
    }),
  },
  { error: (issue) => (issue.code === "invalid_type" ? "must be an object" : undefined) },
);
export type SettingsChange = z.infer<typeof SettingsChange>;

/** The settings, as they are kept. */
const Kept = z.object({
  webhook_url: WebhookUrl.nullable().default(null),
  enabled: Flag.default(true),
  notify_failures: Flag.default(true),
});

/** What an administrator has chosen. */
export class Settings {
  constructor(private readonly kept: z.infer<typeof Kept>) {}

  /** Where a notice goes, if anywhere. */
  webhookFor(notice: Notice): Webhook | undefined {
    const { enabled, notify_failures, webhook_url } = this.kept;
    const wanted = enabled && (notify_failures || notice.outcome.kind !== "failed");
    return wanted ? (webhook_url ?? undefined) : undefined;
  }

  /** The settings as people may see them. */
  view(): SettingsView {
    return { ...this.kept, webhook_url: this.kept.webhook_url?.masked() ?? null };
  }

  /** The settings as the file has them, webhook included. */
  plain(): object {
    return { ...this.kept, webhook_url: this.kept.webhook_url?.expose() ?? null };
  }

  /** The settings after a change. */
  changed({ webhook_url, enabled, notify_failures }: SettingsChange): Settings {
    return new Settings({
      // A null removes the webhook; the others have no null, so there it changes nothing.
      webhook_url: webhook_url === undefined ? this.kept.webhook_url : webhook_url,
      enabled: enabled ?? this.kept.enabled,
      notify_failures: notify_failures ?? this.kept.notify_failures,
    });
  }
}

/** The settings and the file they live in. */
export class SettingsStore {
  #current: Settings;
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly path: string,
    current: Settings,
  ) {
    this.#current = current;
  }

  /** Reads the settings; the defaults when there is no file yet. Rejects with a `FileError`. */
  static async open(path: string): Promise<SettingsStore> {
    const kept = (await load(path, Kept)) ?? Kept.parse({});
    return new SettingsStore(path, new Settings(kept));
  }

  /** The settings at this moment. */
  get current(): Settings {
    return this.#current;
  }

  /** Changes the settings in the file, then here. Rejects with a `FileError`. */
  change(change: SettingsChange): Promise<Settings> {
    // One after the other, so that none of two changes at once is lost.
    const changed = this.#changing.then(() => this.#change(change));
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #change(change: SettingsChange): Promise<Settings> {
    const changed = this.#current.changed(change);
    await save(this.path, changed.plain());
    this.#current = changed;
    return changed;
  }
}
