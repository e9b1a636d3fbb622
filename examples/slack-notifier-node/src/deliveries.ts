/** The last deliveries and what became of them. */

import { z } from "zod";
import { load, save } from "./file.js";
import type { Notice } from "./notice.js";

/** How many deliveries are kept. */
export const KEPT = 50;

/**
 * queued: waits for its turn. retrying: was not taken yet and will be posted again. delivered: Slack
 * has taken it. failed: Slack has refused it, or could not be reached often enough. dropped: was
 * never posted, or given up before it could be.
 */
const Status = z.enum(["queued", "retrying", "delivered", "failed", "dropped"]);
export type Status = z.infer<typeof Status>;

const Time = z.string().refine((text) => !Number.isNaN(Date.parse(text)));

/** One event and what became of its message. */
export const Delivery = z.object({
  event_id: z.string().meta({ description: "The event." }),
  event_type: z.string().meta({ description: "What happened, such as `deployment.succeeded`." }),
  project: z.string().meta({
    description: "The project's name, or `project 7` when the platform did not tell it.",
  }),
  environment: z.string().meta({ description: "The environment's name." }),
  status: Status.meta({ description: "How far the message is." }),
  attempts: z.int().min(0).meta({ description: "How often it was posted." }),
  last_error: z
    .string()
    .nullable()
    .meta({ description: "What went wrong last, without the webhook's URL." }),
  received_at: Time.meta({ description: "When the event came in.", format: "date-time" }),
  updated_at: Time.meta({ description: "When this entry last changed.", format: "date-time" }),
});
export type Delivery = z.infer<typeof Delivery>;

/** Writes a file, as `save` of `file.ts` does. */
type Write = (path: string, value: unknown) => Promise<void>;

/**
 * The last deliveries, newest first, and the file they live in. Changes are made in memory; `save`
 * writes them down.
 */
export class DeliveryLog {
  readonly entries: Delivery[];
  #saving: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly path: string,
    entries: Delivery[],
    private readonly write: Write,
  ) {
    this.entries = entries;
  }

  /**
   * Reads the log. What a former process left unfinished is dropped: nobody will post it. Rejects
   * with a `FileError`.
   */
  static async open(path: string, write: Write = save): Promise<DeliveryLog> {
    const entries = (await load(path, z.array(Delivery))) ?? [];
    const log = new DeliveryLog(path, entries, write);
    log.dropUnfinished("the plugin ended before Slack had taken the message");
    return log;
  }

  /**
   * Adds an entry; false when the event has one already, because a host that lost its channel may
   * deliver an event twice.
   */
  add(notice: Notice): boolean {
    if (this.#find(notice.eventId) !== undefined) {
      return false;
    }
    const now = new Date().toISOString();
    this.entries.unshift({
      event_id: notice.eventId,
      event_type: notice.eventType,
      project: notice.projectFallback(),
      environment: notice.environment,
      status: "queued",
      attempts: 0,
      last_error: null,
      received_at: now,
      updated_at: now,
    });
    if (this.entries.length > KEPT) {
      // The oldest, but none that is still to be delivered.
      const oldest = this.entries.findLastIndex((entry) => isFinal(entry.status));
      this.entries.splice(oldest < 0 ? KEPT : oldest, 1);
    }
    return true;
  }

  /** Records the project's name. */
  nameProject(eventId: string, project: string): void {
    this.#update(eventId, () => ({ project }));
  }

  /** Records that a message is about to be posted. */
  countAttempt(eventId: string): void {
    this.#update(eventId, ({ attempts }) => ({ attempts: attempts + 1 }));
  }

  /** Records how far a message is, and why; without an error the last one stays. */
  settle(eventId: string, status: Status, error?: string): void {
    this.#update(eventId, ({ last_error }) => ({ status, last_error: error ?? last_error }));
  }

  /** Drops all that is not settled. */
  dropUnfinished(reason: string): void {
    for (const entry of this.entries.filter((entry) => !isFinal(entry.status))) {
      this.settle(entry.event_id, "dropped", reason);
    }
  }

  /** Writes the log to its file. Rejects with a `FileError`. */
  save(): Promise<void> {
    // One after the other, so that no older state overwrites a newer one.
    const saved = this.#saving.then(() => this.write(this.path, this.entries));
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  #update(eventId: string, change: (entry: Delivery) => Partial<Delivery>): void {
    const entry = this.#find(eventId);
    if (entry !== undefined) {
      Object.assign(entry, change(entry), { updated_at: new Date().toISOString() });
    }
  }

  #find(eventId: string): Delivery | undefined {
    return this.entries.find((entry) => entry.event_id === eventId);
  }
}

function isFinal(status: Status): boolean {
  return status !== "queued" && status !== "retrying";
}
