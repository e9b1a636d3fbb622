/** What is told to people about an event. */

import type { PluginEvent } from "temps-plugin";
import { z } from "zod";
import { explain } from "./explain.js";

/** Most characters of a text from outside that go into a message. */
const LONGEST_REASON = 500;
const SHORT_COMMIT = 7;

/** Why an event is half an event. */
export class BadEvent extends Error {
  override readonly name = "BadEvent";
}

const Deployment = z.object({ project_id: z.int(), environment_name: z.string() });
const DeploymentSucceeded = Deployment.extend({
  url: z.string().nullish(),
  commit_sha: z.string().nullish(),
});
const DeploymentFailed = Deployment.extend({ error_message: z.string().nullish() });

export type Outcome =
  | { kind: "succeeded"; url?: string | null | undefined; commit?: string | null | undefined }
  | { kind: "failed"; reason?: string | null | undefined };

/** Something worth a message. */
export class Notice {
  constructor(
    readonly eventId: string,
    readonly eventType: string,
    readonly projectId: number,
    readonly environment: string,
    readonly outcome: Outcome,
  ) {}

  /**
   * The notice of an event; undefined for one that nobody needs to hear about. Throws a `BadEvent`
   * for one that lacks what a message needs.
   */
  static of(event: PluginEvent): Notice | undefined {
    switch (event.event_type) {
      case "deployment.succeeded": {
        const { url, commit_sha: commit, ...data } = read(DeploymentSucceeded, event.data);
        return Notice.about(event, data, { kind: "succeeded", url, commit });
      }
      case "deployment.failed": {
        const { error_message: reason, ...data } = read(DeploymentFailed, event.data);
        return Notice.about(event, data, { kind: "failed", reason });
      }
      default:
        return undefined;
    }
  }

  private static about(
    event: PluginEvent,
    data: z.infer<typeof Deployment>,
    outcome: Outcome,
  ): Notice {
    const { project_id, environment_name } = data;
    return new Notice(event.id, event.event_type, project_id, environment_name, outcome);
  }

  /** The project's name as long as the platform has not told it. */
  projectFallback(): string {
    return `project ${this.projectId}`;
  }

  /** The message, in Slack's markup. */
  text(project: string): string {
    const [what, where] = [escaped(project), escaped(this.environment)];
    if (this.outcome.kind === "succeeded") {
      const { url, commit } = this.outcome;
      const at = commit ? ` at \`${escaped(beginning(commit, SHORT_COMMIT))}\`` : "";
      const link = url ? `\n${escaped(url)}` : "";
      return `:white_check_mark: *${what}* was deployed to *${where}*${at}${link}`;
    }
    const { reason } = this.outcome;
    const why = escaped(beginning(reason ?? "", LONGEST_REASON)).replaceAll("\n", "\n> ");
    return `:x: deploying *${what}* to *${where}* failed${why && `\n> ${why}`}`;
  }
}

function read<T>(schema: z.ZodType<T>, data: unknown): T {
  const found = schema.safeParse(data);
  if (!found.success) {
    throw new BadEvent(explain(found.error, "data"));
  }
  return found.data;
}

/** The first characters of a text, none of them cut in half. */
function beginning(text: string, most: number): string {
  return Array.from(text.slice(0, 2 * most))
    .slice(0, most)
    .join("");
}

/** Slack's own three characters; with them a project's name could mention a channel. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
