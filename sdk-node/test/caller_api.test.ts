/** Requests to the platform's API in a caller's name, over a fake platform. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { VerifiedCaller } from "../ts/caller.js";
import { type ApiResponse, type CallerApi, file, part } from "../ts/caller_api.js";
import { InvalidRequest, NoActor, ProtocolError } from "../ts/errors.js";
import { contextOver, FakeCalls, nativeCaller, somebody } from "./helpers/fake_calls.js";

type Ask = (api: CallerApi) => Promise<ApiResponse>;

const form = new FormData();
form.append("note", "hello");
form.append("file", new Blob([Uint8Array.of(0, 1, 2)]), "a.bin");

const FILE = {
  name: "file",
  filename: "a.bin",
  content_type: "application/octet-stream",
  content: { kind: "binary", value: "AAEC" },
};
const NOTE = { name: "note", content: { kind: "text", value: "hello" } };

const REQUESTS: [Ask, object][] = [
  [(a) => a.get("/api/p"), { method: "GET", path: "/api/p" }],
  [
    (a) => a.get("/api/p", { query: "page=1&x=%20" }),
    { method: "GET", path: "/api/p", query: "page=1&x=%20" },
  ],
  [
    (a) => a.get("/api/p", { query: { page: 1, tag: ["a b", "c&d"], none: undefined } }),
    { method: "GET", path: "/api/p", query: "page=1&tag=a+b&tag=c%26d" },
  ],
  [
    (a) => a.get("/api/p", { query: new URLSearchParams({ q: "ä" }) }),
    { method: "GET", path: "/api/p", query: "q=%C3%A4" },
  ],
  [
    (a) => a.post("/api/p", { json: { name: "ä", x: [1, null] } }),
    { method: "POST", path: "/api/p", body: { kind: "json", body: '{"name":"ä","x":[1,null]}' } },
  ],
  [
    (a) => a.put("/api/p", { json: null }),
    { method: "PUT", path: "/api/p", body: { kind: "json", body: "null" } },
  ],
  [(a) => a.post("/api/p", { json: undefined }), { method: "POST", path: "/api/p" }],
  [
    (a) => a.patch("/api/p", { body: { kind: "json", body: "{}" } }),
    { method: "PATCH", path: "/api/p", body: { kind: "json", body: "{}" } },
  ],
  [(a) => a.delete("/api/p"), { method: "DELETE", path: "/api/p" }],
  [
    (a) => a.request("TRACE" as never, "/api/p", { query: undefined, body: null }),
    { method: "TRACE", path: "/api/p", body: null },
  ],
  [
    (a) =>
      a.post("/api/f", {
        multipart: [
          part("note", "hello"),
          file("file", "a.bin", "application/octet-stream", Uint8Array.of(9, 0, 1, 2).subarray(1)),
        ],
      }),
    { method: "POST", path: "/api/f", body: { kind: "multipart", body: [NOTE, FILE] } },
  ],
  [
    (a) => a.post("/api/f", { multipart: form }),
    { method: "POST", path: "/api/f", body: { kind: "multipart", body: [NOTE, FILE] } },
  ],
];

test("each request has the form of the protocol and goes out for the caller", async () => {
  for (const [ask, expected] of REQUESTS) {
    const calls = new FakeCalls({ status: 200, body: "[]" });
    const answer = await ask(contextOver(calls).apiAsCaller(somebody));
    assert.deepEqual([answer.status, answer.body, answer.ok], [200, "[]", true]);
    const [asked] = calls.asked;
    assert.deepEqual(asked?.params, expected);
    assert.equal(asked?.caller, nativeCaller);
  }
});

test("a request has one body", async () => {
  const api = contextOver(new FakeCalls()).apiAsCaller(somebody);
  await assert.rejects(api.post("/api/p", { json: {}, multipart: [] }), {
    name: "TypeError",
    message: "a request has one body; given were json and multipart",
  });
});

test("json that is none is refused", async () => {
  const calls = new FakeCalls();
  const api = contextOver(calls).apiAsCaller(somebody);
  for (const json of [() => 1, { id: 7n }]) {
    await assert.rejects(
      api.post("/api/p", { json }),
      (error) => error instanceof InvalidRequest && /json cannot be written: /.test(error.message),
    );
  }
  assert.deepEqual(calls.asked, []);
});

test("nobody is nobody to act for, and only the SDK makes somebody", () => {
  const ctx = contextOver(new FakeCalls());
  assert.throws(() => ctx.apiAsCaller(undefined), NoActor);
  assert.throws(() => ctx.apiAsCaller(null as never), NoActor);
  for (const forged of [{ userId: "1" }, "1", Object.create(VerifiedCaller.prototype)]) {
    assert.throws(() => ctx.apiAsCaller(forged as never), {
      name: "TypeError",
      message: /^apiAsCaller takes what extractAuthContext\(request\) gives/,
    });
  }
});

test("a limit and a signal go with the request", async () => {
  const calls = new FakeCalls({ status: 204 });
  const { signal } = new AbortController();
  const api = contextOver(calls).apiAsCaller(somebody);
  const answer = await api.withTimeout(2500).get("/api/p", { signal });
  assert.deepEqual([answer.status, answer.body], [204, ""]);
  assert.equal(calls.asked[0]?.timeoutMs, 2500);
  assert.equal(calls.asked[0]?.signal, signal);
});

test("the body of an answer is text and may be JSON", async () => {
  const calls = new FakeCalls({ status: 404, body: '{"detail": "no"}' });
  const api = contextOver(calls).apiAsCaller(somebody);
  const answer = await api.get("/api/p");
  assert.equal(answer.ok, false);
  assert.deepEqual(answer.json(), { detail: "no" });
  calls.answer = { status: 204, body: null };
  const empty = await api.get("/api/p");
  assert.throws(() => empty.json(), ProtocolError);
});

test("a caller shows what can be read, and nothing else", () => {
  assert.equal(somebody.hasPermission("projects:read"), true);
  assert.equal(somebody.hasPermission("projects:write"), false);
  const shown = {
    userId: "7",
    email: "ada@example.org",
    role: "user",
    permissions: ["projects:read"],
    isAdmin: false,
  };
  assert.deepEqual(JSON.parse(JSON.stringify(somebody)), shown);
  assert.equal(inspect(somebody), inspect(shown));
});
