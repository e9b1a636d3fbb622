/** A bounded queue of notices, posted one after the other. */

import { setTimeout as sleep } from "node:timers/promises";
import type { TempsClient } from "temps-plugin";
import type { DeliveryLog, Status } from "./deliveries.js";
import type { Notice } from "./notice.js";
import type { SettingsStore } from "./settings.js";
import { type Slack, SlackError } from "./slack.js";

/** How fast, how often and how long; all times in milliseconds. */
export interface Pacing {
  /** How many notices may wait. Fewer than the log keeps, so that none of them falls out of it. */
  queue: number;
  /** How long one request to Slack may take. */
  requestTimeout: number;
  /** How long the platform may take to tell a project's name. */
  lookupTimeout: number;
  /** The pauses between attempts, each up to twice as long. */
  pauses: number[];
  /** How long what is queued may take once the plugin stops. The SDK grants a hook 5 s. */
  stop: number;
}

export const PACING: Pacing = {
  queue: 32,
  requestTimeout: 10_000,
  lookupTimeout: 3_000,
  pauses: [1_000, 2_000, 4_000, 8_000],
  stop: 3_000,
};

/** What a courier works with. */
export interface Equipment {
  settings: SettingsStore;
  deliveries: DeliveryLog;
  slack: Slack;
  /** Tells projects' names. */
  platform: Pick<TempsClient, "getProject">;
  pacing: Pacing;
}

interface Ending {
  status: Status;
  error?: string;
}

/** Takes notices over and sees to it that each ends in the log with a final status. */
export class Courier {
  readonly #with: Equipment;
  readonly #queue: Notice[] = [];
  readonly #breakOff = new AbortController();
  #isOpen = true;
  /** Settles once the queue is empty; undefined while it is. */
  #working: Promise<void> | undefined;

  constructor(equipment: Equipment) {
    this.#with = equipment;
  }

  /**
   * Takes a notice over, without waiting. One that finds no room is logged and dropped; the file
   * hears of it when the courier, busy then, next writes it.
   */
  handOver(notice: Notice): void {
    const { deliveries, pacing } = this.#with;
    if (!deliveries.add(notice)) {
      return;
    }
    if (this.#isOpen && this.#queue.length < pacing.queue) {
      this.#queue.push(notice);
      this.#working ??= this.#work();
      return;
    }
    const reason = this.#isOpen ? "too many messages wait already" : "deliveries have ended";
    console.warn(`dropped the notification of event ${notice.eventId}: ${reason}`);
    deliveries.settle(notice.eventId, "dropped", reason);
  }

  /** Gives what is queued a last chance, then records the rest as dropped. */
  async stop(): Promise<void> {
    const { deliveries, pacing } = this.#with;
    this.#isOpen = false;
    const patience = setTimeout(() => this.#breakOff.abort(), pacing.stop);
    // Until the work has ended it might still change the log.
    await this.#working;
    clearTimeout(patience);
    if (this.#breakOff.signal.aborted) {
      console.warn("some messages are left; the plugin stops without them");
    }
    deliveries.dropUnfinished("the plugin stopped before Slack had taken the message");
    await this.#save();
  }

  async #work(): Promise<void> {
    while (!this.#breakOff.signal.aborted) {
      const notice = this.#queue.shift();
      if (notice === undefined) {
        break;
      }
      await this.#finish(notice);
    }
    this.#working = undefined;
  }

  async #finish(notice: Notice): Promise<void> {
    const { eventId } = notice;
    const ending = await this.#ending(notice);
    if (ending === undefined) {
      return;
    }
    if (ending.status === "delivered") {
      console.info(`notified Slack of event ${eventId}`);
    } else {
      console.error(`event ${eventId} was ${ending.status}: ${ending.error}`);
    }
    this.#with.deliveries.settle(eventId, ending.status, ending.error);
    await this.#save();
  }

  /** How the delivery of a notice ends; undefined when it was broken off. */
  async #ending(notice: Notice): Promise<Ending | undefined> {
    try {
      return await this.#deliver(notice);
    } catch (error) {
      if (this.#breakOff.signal.aborted) {
        return undefined;
      }
      console.error(`could not notify Slack of event ${notice.eventId}:`, error);
      return { status: "failed", error: "the plugin failed; its log says why" };
    }
  }

  /** Posts a notice until Slack takes it or there is no more hope. */
  async #deliver(notice: Notice): Promise<Ending> {
    const { settings, deliveries, slack, pacing } = this.#with;
    const { eventId } = notice;
    const { signal } = this.#breakOff;
    const webhook = settings.current.webhookFor(notice);
    if (webhook === undefined) {
      const error = "notifications were switched off while the message waited";
      return { status: "dropped", error };
    }
    const project = await this.#nameOf(notice);
    deliveries.nameProject(eventId, project);
    const text = notice.text(project);
    for (const planned of [...pacing.pauses.map(stretched), undefined]) {
      deliveries.countAttempt(eventId);
      await this.#save();
      try {
        await slack.post(webhook, text, signal);
        return { status: "delivered" };
      } catch (error) {
        if (!(error instanceof SlackError)) {
          throw error;
        }
        const pause = error.pause(planned);
        if (pause === undefined) {
          return { status: "failed", error: error.message };
        }
        console.warn(`event ${eventId}: ${error.message}; the next attempt follows`);
        deliveries.settle(eventId, "retrying", error.message);
        await sleep(pause, undefined, { signal });
      }
    }
    throw new Error("the last attempt has no pause after it");
  }

  /**
   * The project's name. A message without it is better than none, so every failure is survived: a
   * channel that is down, a missing permission, a project that is gone.
   */
  async #nameOf(notice: Notice): Promise<string> {
    const { signal } = this.#breakOff;
    try {
      return (await this.#with.platform.getProject(notice.projectId, { signal })).name;
    } catch (error) {
      console.debug(`no name of project ${notice.projectId}: ${error}`);
      return notice.projectFallback();
    }
  }

  /** Writes the log. A failure is logged: it must not stop deliveries. */
  async #save(): Promise<void> {
    try {
      await this.#with.deliveries.save();
    } catch (error) {
      console.error(`could not write down the deliveries: ${error}`);
    }
  }
}

/** A pause, up to twice as long: not all plugins come back at the same moment. */
function stretched(pause: number): number {
  return pause * (1 + Math.random());
}
