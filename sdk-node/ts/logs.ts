/** Logs as JSON lines on stderr, in the form of the SDK's own lines. */

import { writeSync } from "node:fs";
import { inspect } from "node:util";

/** Writes a line; `error`, if given, with its stack. A stderr that is gone or full loses it. */
export function log(level: "ERROR" | "WARN" | "INFO", message: string, error?: unknown): void {
  const fields: Record<string, string> = { message };
  if (error !== undefined) fields["exception"] = describe(error);
  const timestamp = new Date().toISOString();
  const line = `${JSON.stringify({ timestamp, level, fields, target: "temps_plugin" })}\n`;
  try {
    writeSync(2, line);
  } catch {
    // Nobody reads, and there is nowhere else to say it.
  }
}

/** An error in one line; its message only. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${inspect(error)}`;
}

function describe(error: unknown): string {
  // What inspect shows besides the stack: causes, and the errors of an AggregateError.
  return inspect(error, { depth: 4 });
}
