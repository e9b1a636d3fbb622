/** The form of a value that becomes JSON, and what of a value is not of its form. */

import { shown } from "./shown.js";

/** A form. What texts may say is not part of it: the core knows. */
export interface Shape {
  readonly kind: "text" | "flag" | "integer" | "list" | "object";
  /** Null is as good. */
  readonly nullable?: boolean;
  /** The texts there are. */
  readonly values?: readonly string[];
  /** The smallest and the largest integer. */
  readonly from?: number;
  readonly to?: number;
  /** The form of a list's items. */
  readonly items?: Shape;
  /** The forms of an object's members; others do not matter. */
  readonly members?: Readonly<Record<string, Shape>>;
  /** The members an object must have. */
  readonly required?: readonly string[];
}

/** Everything in `value` that is not of its form: where it is, what was found and what is allowed. */
export function* shapeFaults(value: unknown, shape: Shape, at: string): Generator<string> {
  if (value === null && shape.nullable) return;
  if (!isOf(value, shape)) {
    yield `\`${at}\` is ${value === undefined ? "missing" : shown(value)}; allowed: ${allowed(shape)}`;
    return;
  }
  if (shape.items !== undefined) {
    for (const [i, item] of (value as unknown[]).entries()) {
      yield* shapeFaults(item, shape.items, `${at}[${i}]`);
    }
  }
  for (const [name, member] of Object.entries(shape.members ?? {})) {
    const inner = (value as Record<string, unknown>)[name];
    if (inner === undefined && !shape.required?.includes(name)) continue;
    yield* shapeFaults(inner, member, at === "" ? name : `${at}.${name}`);
  }
}

function isOf(value: unknown, { kind, values, from = 0, to = 0 }: Shape): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string" && (values?.includes(value) ?? true);
    case "flag":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
    case "list":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function allowed({ kind, values, from, to }: Shape): string {
  switch (kind) {
    case "text":
      return values?.join(", ") ?? "text";
    case "flag":
      return "true or false";
    case "integer":
      return `a whole number from ${from} to ${to}`;
    case "list":
      return "a list";
    case "object":
      return "an object";
  }
}
