// The head of an answer: what Node's `_storeHeader` decides, without the text it would make for a
// socket. Framing and `date` are the native server's business.
import { validateHeaderName, validateHeaderValue } from "node:http";
import { type HeaderArgument, OUT_HEADERS, type Response } from "./internals.js";

/** What is known of an answer once its head is. */
export interface Head {
  readonly status: number;
  /** `name\nvalue\nname\nvalue`, names in lower case. */
  readonly headers: string;
  /** Whether it would go out in chunks, which is what allows trailers. */
  readonly chunked: boolean;
}

interface Reading {
  text: string;
  connection: boolean;
  length: boolean;
  transferEncoding: boolean;
  trailer: boolean;
  chunked: boolean;
}

const CLOSE = /(?:^|\W)close(?:$|\W)/i;
const CHUNKED = /(?:^|\W)chunked(?:$|\W)/i;

function fields(headers: HeaderArgument): Iterable<readonly [string, unknown]> {
  if (!Array.isArray(headers)) return Object.entries(headers ?? {});
  if (Array.isArray(headers[0])) return headers as (readonly [string, unknown])[];
  if (headers.length % 2 !== 0) {
    throw Object.assign(
      new TypeError(
        "writeHead() takes its headers as name, value, name, value, … or as [name, value] pairs; " +
          `these are ${headers.length}: ${headers.join(", ")}`,
      ),
      { code: "ERR_INVALID_ARG_VALUE" },
    );
  }
  const pairs: [string, unknown][] = [];
  for (let at = 0; at < headers.length; at += 2) {
    pairs.push([headers[at] as string, headers[at + 1]]);
  }
  return pairs;
}

/** Adds one header. `name` is in lower case; a list is checked, since it may have grown since it was set. */
function add(res: Response, reading: Reading, name: string, value: unknown): void {
  if (typeof value === "string") {
    addOne(res, reading, name, value);
  } else if (!Array.isArray(value)) {
    addOne(res, reading, name, String(value));
  } else {
    for (const one of value) validateHeaderValue(name, one as string);
    if (name === "cookie" && value.length > 1) addOne(res, reading, name, value.join("; "));
    else for (const one of value) addOne(res, reading, name, String(one));
  }
}

function addOne(res: Response, reading: Reading, name: string, value: string): void {
  const { length } = name;
  // Most names are none of those that mean something here, as their length says.
  if (length > 6 && length < 18 && meansSomething(res, reading, name, value)) return;
  reading.text += reading.text === "" ? `${name}\n${value}` : `\n${name}\n${value}`;
}

/** Notes what a header says about the message; true if it is not sent. */
function meansSomething(res: Response, reading: Reading, name: string, value: string): boolean {
  switch (name) {
    case "connection":
      reading.connection = true;
      res._removedConnection = false;
      if (CLOSE.test(value)) res._last = true;
      else res.shouldKeepAlive = true;
      return false;
    case "content-length":
      reading.length = true;
      res._contentLength = Number(value);
      res._removedContLen = false;
      return false;
    case "transfer-encoding":
      reading.transferEncoding = true;
      res._removedTE = false;
      if (CHUNKED.test(value)) reading.chunked = true;
      return true;
    case "keep-alive":
      return true;
    case "trailer":
      reading.trailer = true;
      return false;
    default:
      return false;
  }
}

function closing(res: Response, reading: Reading): void {
  if (res._removedConnection) {
    res._last = !res.shouldKeepAlive;
  } else if (!reading.connection) {
    const kept = res.shouldKeepAlive && (reading.length || res.useChunkedEncodingByDefault);
    if (kept && !res.maxRequestsOnConnectionReached) return;
    res._last = true;
    addOne(res, reading, "connection", "close");
  }
}

function framing(res: Response, reading: Reading): void {
  if (reading.length || reading.transferEncoding) return;
  if (!res._hasBody) {
    reading.chunked = false;
    return;
  }
  const known = typeof res._contentLength === "number" && !res._removedContLen;
  if (known && !reading.trailer) return;
  if (res._removedTE) res._last = true;
  else reading.chunked = true;
}

/**
 * Reads the headers of an answer.
 *
 * @param headers - what `_storeHeader` gets: the headers set one by one, or what `writeHead` was given
 * @throws Node's own errors for a name or a value that HTTP does not allow, and
 * `ERR_HTTP_TRAILER_INVALID` for a `trailer` header on an answer of known length
 */
export function readHead(res: Response, headers: HeaderArgument): Head {
  const reading: Reading = {
    text: "",
    connection: false,
    length: false,
    transferEncoding: false,
    trailer: false,
    chunked: false,
  };
  if (headers && headers === res[OUT_HEADERS]) {
    const set = headers as unknown as Record<string, readonly [string, unknown]>;
    // Checked when they were set.
    for (const name in set) add(res, reading, name, (set[name] as readonly [string, unknown])[1]);
  } else if (headers) {
    for (const [name, value] of fields(headers)) {
      validateHeaderName(name);
      validateHeaderValue(name, value as string);
      add(res, reading, name.toLowerCase(), value);
    }
  }
  if (reading.chunked && (res.statusCode === 204 || res.statusCode === 304)) {
    reading.chunked = false;
    res.shouldKeepAlive = false;
  }
  closing(res, reading);
  framing(res, reading);
  if (reading.trailer && !reading.chunked) {
    throw Object.assign(new Error("Trailers are invalid with this transfer encoding"), {
      code: "ERR_HTTP_TRAILER_INVALID",
    });
  }
  return { status: res.statusCode, headers: reading.text, chunked: reading.chunked };
}

/** Trailers as Node keeps them, `name: value\r\n` each, as the native server takes them. */
export function trailersOf(res: Response): string {
  if (res._trailer === "") return "";
  return res._trailer
    .split("\r\n")
    .slice(0, -1)
    .map((line) => {
      const colon = line.indexOf(": ");
      return `${line.slice(0, colon).toLowerCase()}\n${line.slice(colon + 2)}`;
    })
    .join("\n");
}
