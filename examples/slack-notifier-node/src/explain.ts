/** Why a value is refused, for people. The value is never quoted: it may be a secret. */

import { parse } from "@humanwhocodes/momoa";
import type { z } from "zod";

/** The first thing wrong with a value, after the field's name; `whole` names the value itself. */
export function explain(error: z.ZodError, whole: string): string {
  const { field, reason } = first(error);
  return `${field || whole}: ${reason}`;
}

/** The first field that is wrong, "" for the value itself, and why. */
export function first(error: z.ZodError): { field: string; reason: string } {
  const issue = error.issues[0];
  const path = issue?.path.map(String) ?? [];
  if (issue?.code === "unrecognized_keys") {
    return { field: [...path, issue.keys[0]].join("."), reason: "there is no such field" };
  }
  return { field: path.join("."), reason: issue?.message ?? "is wrong" };
}

/**
 * Where a text stops being JSON, such as `line 1, column 3`; `JSON.parse` would quote the text, and
 * does not always know.
 */
export function damage(text: string): string {
  try {
    parse(text, { mode: "json" });
  } catch (error) {
    if (error instanceof Error && "line" in error && "column" in error) {
      return `line ${error.line}, column ${error.column}`;
    }
  }
  return "a place that cannot be told";
}
