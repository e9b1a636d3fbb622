/** Posting one message to an incoming webhook, once. */

import { STATUS_CODES } from "node:http";
import type { Webhook } from "./webhook.js";

/** Longest wait that Slack may ask for, in milliseconds; a message that has to wait longer has failed. */
const LONGEST_RETRY_AFTER = 120_000;
/** Most bytes of an answer that are read. */
const ANSWER_BYTES = 1024;

/** Why a message was not taken. Its text never holds the webhook's URL. */
export class SlackError extends Error {
  override readonly name = "SlackError";

  /**
   * `isTemporary`: whether the same message may be taken later.
   * `retryAfter`: the milliseconds that Slack asks to wait; 0 when it asks for none.
   */
  constructor(
    reason: string,
    readonly isTemporary: boolean,
    readonly retryAfter = 0,
  ) {
    super(reason);
  }

  /**
   * How long to wait before the next attempt when the plan is `planned`: never less than Slack asks
   * for. Undefined ends the attempts.
   */
  pause(planned: number | undefined): number | undefined {
    if (planned === undefined || !this.isTemporary || this.retryAfter > LONGEST_RETRY_AFTER) {
      return undefined;
    }
    return Math.max(planned, this.retryAfter);
  }
}

/** A client that waits at most `timeout` milliseconds for an answer. */
export class Slack {
  constructor(private readonly timeout: number) {}

  /** Posts `text`. Rejects with a `SlackError`, or with the reason of `signal` once that aborts. */
  async post(webhook: Webhook, text: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const limit = new AbortController();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      limit.abort();
    }, this.timeout);
    const breakOff = () => limit.abort();
    signal.addEventListener("abort", breakOff);
    try {
      await attempt(webhook, text, limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isLate) {
        throw new SlackError(`no answer within ${this.timeout / 1000} s`, true);
      }
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", breakOff);
    }
  }
}

async function attempt(webhook: Webhook, text: string, signal: AbortSignal): Promise<void> {
  const answer = await sent(webhook, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "user-agent": "temps-slack-notifier/0.1.0",
      // Messages are rare: a connection kept for the next one would be dead by then.
      connection: "close",
    },
    body: JSON.stringify({ text }),
    // Whoever sends a webhook elsewhere is not Slack.
    redirect: "manual",
    signal,
  });
  if (answer.ok) {
    // It is taken, whatever else the answer says.
    await answer.body?.cancel().catch(() => undefined);
    return;
  }
  throw refusal(answer.status, answer.headers.get("retry-after") ?? "", await beginning(answer));
}

async function sent(webhook: Webhook, request: RequestInit): Promise<Response> {
  try {
    return await fetch(webhook.expose(), request);
  } catch (error) {
    throw new SlackError(`cannot reach the webhook's host: ${rootCause(error)}`, true);
  }
}

/** The error for an answer that is no success. */
export function refusal(status: number, wait: string, body: string): SlackError {
  const word = reason(body);
  const named = `${status} ${STATUS_CODES[status] ?? ""}`.trim();
  const explained = word === undefined ? "" : ` (${word})`;
  const isTemporary = status >= 500 || status === 408 || status === 429;
  const asked = retryAfter(wait, Date.now());
  return new SlackError(`the webhook answered ${named}${explained}`, isTemporary, asked);
}

/** The body, unless it is too long to be a word of Slack's. */
async function beginning(answer: Response): Promise<string> {
  let body = "";
  try {
    const decoder = new TextDecoder();
    for await (const piece of answer.body ?? []) {
      body += decoder.decode(piece, { stream: true });
      if (body.length > ANSWER_BYTES) {
        return "";
      }
    }
  } catch {
    // What was refused is known; only why is not.
    return "";
  }
  return body;
}

/**
 * The one word Slack answers with, such as `channel_is_archived`. Anything else is some other
 * server's, which may well quote the URL that was called.
 */
export function reason(body: string): string | undefined {
  const word = body.trim();
  return /^[a-z_]{1,64}$/.test(word) ? word : undefined;
}

/** `Retry-After`, in milliseconds: seconds, or a date; one that has passed asks for no wait. */
export function retryAfter(value: string, now: number): number {
  const text = value.trim();
  if (/^\d+$/.test(text)) {
    return Number(text) * 1000;
  }
  // `Date.parse` would take much else for a date.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) {
    return 0;
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/** The innermost of nested errors: the outer ones say no more than `fetch failed`. */
function rootCause(error: unknown): string {
  let cause = error;
  while (cause instanceof Error) {
    const inner = cause instanceof AggregateError ? cause.errors[0] : cause.cause;
    if (inner === undefined) {
      return cause.message || cause.name;
    }
    cause = inner;
  }
  return String(cause);
}
