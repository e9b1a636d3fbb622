/** The errors: which there are, and what they say. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import * as errors from "../ts/errors.js";

const { errorOf, PluginError, RemoteError, TempsError } = errors;

test("each kind has its class", () => {
  const kinds = {
    timeout: errors.CallTimeout,
    disconnected: errors.Disconnected,
    protocol: errors.ProtocolError,
    invalid_request: errors.InvalidRequest,
    no_actor: errors.NoActor,
    other: errors.PluginError,
  };
  for (const [kind, expected] of Object.entries(kinds)) {
    const error = errorOf(kind, "it went wrong", null);
    assert.equal(error.constructor, expected);
    assert.deepEqual([error.kind, error.code, error.message], [kind, kind, "it went wrong"]);
    assert.ok(error instanceof TempsError && error instanceof Error);
  }
});

test("each code of the host has its class", () => {
  const codes = {
    not_found: errors.NotFound,
    permission_denied: errors.PermissionDenied,
    invalid_params: errors.InvalidParams,
    method_not_found: errors.MethodNotFound,
    internal: errors.InternalError,
    unauthenticated: errors.Unauthenticated,
    teapot: errors.RemoteError,
    constructor: errors.RemoteError,
  };
  for (const [code, expected] of Object.entries(codes)) {
    const error = errorOf("remote", "no project 42", code);
    assert.equal(error.constructor, expected);
    assert.deepEqual([error.kind, error.code, error.message], ["remote", code, "no project 42"]);
    assert.ok(error instanceof RemoteError);
  }
});

test("a kind of the core that has no class keeps its name", () => {
  for (const kind of ["socket", "toString"]) {
    const error = errorOf(kind, "the path is too long");
    assert.equal(error.constructor, PluginError);
    assert.deepEqual([error.kind, error.code], [kind, kind]);
  }
});

test("an author can make them with a message alone", () => {
  assert.equal(new errors.NotFound("no shop").code, "not_found");
  assert.equal(new errors.CallTimeout("too late").code, "timeout");
  assert.equal(new RemoteError("no", "teapot").code, "teapot");
  assert.equal(new PluginError("no").code, "other");
  const cause = new Error("why");
  assert.equal(new errors.Disconnected("gone", { cause }).cause, cause);
});

test("each is shown by its own name", () => {
  for (const [name, value] of Object.entries(errors)) {
    if (typeof value !== "function" || name === "errorOf" || name === "TempsError") continue;
    const error = new (value as new (message: string) => errors.TempsError)("it went wrong");
    assert.equal(error.name, name);
    assert.equal(String(error), `${name}: it went wrong`);
    assert.match(inspect(error), new RegExp(`^${name}: it went wrong\n`));
    assert.ok(!Object.keys(error).includes("name"));
  }
});
