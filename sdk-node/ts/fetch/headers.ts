/** Headers between the text they cross in and the web's `Headers`. */

/** What may stand for headers in a `ResponseInit`. */
type HeadersLike =
  | Headers
  | Iterable<readonly [string, string]>
  | Record<string, string | readonly string[]>;

/** `Headers` of a header text. */
export function parseHeaders(text: string): Headers {
  const headers = new Headers();
  if (text === "") return headers;
  const parts = text.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) {
    headers.append(parts[at] as string, parts[at + 1] as string);
  }
  return headers;
}

/** One header of a header text; `undefined` when it is not there. The name is in lower case. */
export function findHeader(text: string, name: string): string | undefined {
  const parts = text.split("\n");
  for (let at = 0; at < parts.length; at += 2) {
    if (parts[at] === name) return parts[at + 1];
  }
  return undefined;
}

/** The header text of what a `ResponseInit` has. Throws a `TypeError` where `new Headers` does. */
export function headerText(headers: HeadersLike): string {
  let text = "";
  const add = (name: string, value: unknown): void => {
    if (text !== "") text += "\n";
    text += `${checkedName(name)}\n${checkedValue(name, String(value))}`;
  };
  if (Symbol.iterator in headers) {
    for (const pair of headers as Iterable<readonly [string, string]>) {
      if (Array.isArray(pair) && pair.length !== 2) {
        throw new TypeError(`a header is a list of ${pair.length}; allowed: a name and a value`);
      }
      const [name, value] = pair;
      add(name, value);
    }
    return text;
  }
  for (const name of Object.keys(headers)) {
    add(name, (headers as Record<string, string>)[name]);
  }
  return text;
}

/** Whether a header text has a header of this name, which is in lower case. */
export function hasHeader(text: string, name: string): boolean {
  return text.startsWith(`${name}\n`) || findHeader(text, name) !== undefined;
}

const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/;
const NO_VALUE = /[\r\n\0\u0100-\uffff]/;
const EDGES = /^[ \t\r\n]+|[ \t\r\n]+$/g;

function checkedName(name: string): string {
  if (!NAME.test(name)) {
    throw new TypeError(`header name ${JSON.stringify(name)} is not allowed in HTTP`);
  }
  return name.toLowerCase();
}

function checkedValue(name: string, value: string): string {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  const trimmed = first <= 32 || last <= 32 ? value.replace(EDGES, "") : value;
  if (NO_VALUE.test(trimmed)) {
    throw new TypeError(
      `header ${name} has the value ${JSON.stringify(value)}, not allowed in HTTP: it has a line ` +
        "break, a zero or a character that is no byte",
    );
  }
  return trimmed;
}
