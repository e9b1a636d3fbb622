/** The platform's own API in the name of whoever sent the request being served (dialect 2). */

import { type CallOptions, type Calls, decode, encode, reason, timeoutOf } from "./calls.js";
import { InvalidRequest, ProtocolError } from "./errors.js";
import type { NativeCaller } from "./native.js";
import type { ApiBody, ApiMethod, ApiPart, ApiReply } from "./wire.js";

/** A value of a query; lists give a name several times. */
export type QueryValue = string | number | boolean;

/** What a request has besides its method and path. */
export interface ApiRequestOptions extends CallOptions {
  /** As it stands in a URL, without `?`, or names and values. Members that are undefined are left out. */
  query?:
    | string
    | URLSearchParams
    | Record<string, QueryValue | readonly QueryValue[] | undefined>
    | undefined;
}

/** What a request with a body has. At most one of `json`, `multipart` and `body`. */
export interface ApiSendOptions extends ApiRequestOptions {
  /** Any value that JSON has; undefined is no body. */
  json?: unknown;
  /** A form: of the web's kind, or a list of what {@link part} and {@link file} make. */
  multipart?: FormData | Iterable<ApiPart> | undefined;
  /** The protocol's own form. */
  body?: ApiBody | null | undefined;
}

/**
 * The platform's API in a caller's name; made by `ctx.apiAsCaller(caller)`.
 *
 * A status of 400 and above is an answer like any other. A request rejects with `NoActor` when the
 * caller's own request came without a token, with `InvalidRequest` for what cannot be sent, with a
 * `TypeError` for more than one body, else with what every call rejects with.
 */
export class CallerApi {
  readonly #calls: Calls;
  readonly #caller: NativeCaller;
  readonly #timeoutMs: number | null;

  /** @internal */
  constructor(calls: Calls, caller: NativeCaller, timeoutMs: number | null = null) {
    this.#calls = calls;
    this.#caller = caller;
    this.#timeoutMs = timeoutMs;
  }

  /** The same with another limit for each request, in milliseconds; null brings the default back. */
  withTimeout(ms: number | null): CallerApi {
    return new CallerApi(this.#calls, this.#caller, timeoutOf(ms));
  }

  /**
   * A request to the platform's API.
   *
   * `path` is absolute, below `/api` and without a query, such as `/api/projects`. A body holds at
   * most 32 MiB.
   */
  async request(
    method: ApiMethod,
    path: string,
    options: ApiSendOptions = {},
  ): Promise<ApiResponse> {
    const { query, signal } = options;
    const body = await bodyOf(options);
    const request = encode("api_call", {
      method,
      path,
      query: query === undefined ? undefined : queryText(query),
      body,
    });
    const text = await this.#calls.apiCall(this.#caller, request, this.#timeoutMs, signal);
    const reply = decode("api_call", text) as ApiReply;
    return new ApiResponse(reply.status, reply.body ?? "");
  }

  /** A `GET` request; see {@link request}. */
  get(path: string, options?: ApiRequestOptions): Promise<ApiResponse> {
    return this.request("GET", path, options);
  }

  /** A `POST` request; see {@link request}. */
  post(path: string, options?: ApiSendOptions): Promise<ApiResponse> {
    return this.request("POST", path, options);
  }

  /** A `PUT` request; see {@link request}. */
  put(path: string, options?: ApiSendOptions): Promise<ApiResponse> {
    return this.request("PUT", path, options);
  }

  /** A `PATCH` request; see {@link request}. */
  patch(path: string, options?: ApiSendOptions): Promise<ApiResponse> {
    return this.request("PATCH", path, options);
  }

  /** A `DELETE` request; see {@link request}. */
  delete(path: string, options?: ApiSendOptions): Promise<ApiResponse> {
    return this.request("DELETE", path, options);
  }
}

/** What the platform's API answered. */
export class ApiResponse {
  /** The HTTP status, 100 to 599. */
  readonly status: number;
  /** JSON as text; empty when there was none. */
  readonly body: string;

  /** @internal */
  constructor(status: number, body: string) {
    this.status = status;
    this.body = body;
  }

  /** Whether the status is 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  /** The body, read as JSON. Throws `ProtocolError` when it is none. */
  json(): unknown {
    try {
      return JSON.parse(this.body);
    } catch (error) {
      const message = `the body of the platform's answer cannot be read as JSON: ${reason(error)}`;
      throw new ProtocolError(message, { cause: error });
    }
  }
}

/** A form field with a text, for `multipart: […]`. */
export function part(name: string, value: string): ApiPart {
  return { name, content: { kind: "text", value } };
}

/** A form field with a file, for `multipart: […]`. */
export function file(
  name: string,
  filename: string,
  contentType: string,
  data: Uint8Array,
): ApiPart {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return {
    name,
    filename,
    content_type: contentType,
    content: { kind: "binary", value: bytes.toString("base64") },
  };
}

function queryText(query: NonNullable<ApiRequestOptions["query"]>): string {
  if (typeof query === "string") return query;
  if (query instanceof URLSearchParams) return query.toString();
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) text.append(name, String(one));
  }
  return text.toString();
}

/** The one body among those given, in the protocol's form. */
async function bodyOf({
  json,
  multipart,
  body,
}: ApiSendOptions): Promise<ApiBody | null | undefined> {
  const given = Object.entries({ json, multipart, body: body ?? undefined })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (given.length > 1) {
    throw new TypeError(`a request has one body; given were ${given.join(" and ")}`);
  }
  if (json !== undefined) return { kind: "json", body: jsonText(json) };
  if (multipart !== undefined) return { kind: "multipart", body: await parts(multipart) };
  return body;
}

function jsonText(value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  const why = cause === undefined ? `it is a ${typeof value}` : reason(cause);
  throw new InvalidRequest(`api_call was not sent: json cannot be written: ${why}`, { cause });
}

async function parts(multipart: FormData | Iterable<ApiPart>): Promise<ApiPart[]> {
  if (!(multipart instanceof FormData)) return [...multipart];
  const all: ApiPart[] = [];
  for (const [name, value] of multipart) {
    if (typeof value === "string") {
      all.push(part(name, value));
    } else {
      const type = value.type || "application/octet-stream";
      all.push(file(name, value.name, type, new Uint8Array(await value.arrayBuffer())));
    }
  }
  return all;
}
