/** What the plugin works with, once its data directory is known. */

import { join } from "node:path";
import type { PluginEvent, TempsClient } from "temps-plugin";
import { Courier, type Pacing } from "./courier.js";
import { DeliveryLog } from "./deliveries.js";
import { BadEvent, Notice } from "./notice.js";
import { SettingsStore } from "./settings.js";
import { Slack } from "./slack.js";

/** The settings, the deliveries and the courier, in the plugin's data directory. */
export class Notifier {
  private constructor(
    readonly settings: SettingsStore,
    readonly deliveries: DeliveryLog,
    private readonly courier: Courier,
  ) {}

  /** Reads the data directory. Rejects with a `FileError` when it cannot be read. */
  static async open(dataDir: string, temps: TempsClient, pacing: Pacing): Promise<Notifier> {
    const settings = await SettingsStore.open(join(dataDir, "settings.json"));
    const deliveries = await DeliveryLog.open(join(dataDir, "deliveries.json"));
    const slack = new Slack(pacing.requestTimeout);
    const platform = temps.withTimeout(pacing.lookupTimeout);
    const courier = new Courier({ settings, deliveries, slack, platform, pacing });
    return new Notifier(settings, deliveries, courier);
  }

  /** Has people told of an event, when they want to hear of it. Does not wait. */
  take(event: PluginEvent): void {
    const what = `event ${event.id} (${event.event_type})`;
    let notice: Notice | undefined;
    try {
      notice = Notice.of(event);
    } catch (error) {
      if (!(error instanceof BadEvent)) {
        throw error;
      }
      console.warn(`skipped ${what}: ${error.message}`);
      return;
    }
    if (notice === undefined || this.settings.current.webhookFor(notice) === undefined) {
      console.debug(`${what}: nothing to tell Slack`);
      return;
    }
    this.courier.handOver(notice);
  }

  /** Spends a moment on what is queued, then ends. */
  async stop(): Promise<void> {
    await this.courier.stop();
  }
}
