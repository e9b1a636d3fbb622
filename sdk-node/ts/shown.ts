/** How messages show values, and which names are meant by ones that are nearly right. */

/** Whether `value` is text. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** What `value` is, short enough for a message. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isText(value)) return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return nameOf(value);
  if (typeof value === "function") return "a function";
  return `${String(value)} (a ${typeof value})`;
}

function nameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return isText(name) && name !== "" && name !== "Object"
    ? `an object of class ${name}`
    : "an object";
}

/** The one of `names` that is most like `name`, when it is so like it that it may be meant. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of names) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

/** How many characters must be put in, taken out or changed to make `a` of `b`. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (above[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    above = row;
  }
  return above[b.length] as number;
}
