/** The definition of a plugin: what is taken, and what is refused with which words. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { createManifest, PluginError } from "temps-plugin";
import { createManifest as sourceManifest } from "../ts/manifest.js";
import { checkDefinition, manifestOf, type PluginDefinition } from "../ts/plugin.js";
import { nearest, shown } from "../ts/shown.js";

const manifest = createManifest("hello", "1.0.0").event("project.created").build();
const fetch = (): Response => new Response();

function refused(definition: unknown, ...messages: RegExp[]): void {
  assert.throws(
    () => checkDefinition(definition),
    (error: unknown) => {
      assert.ok(error instanceof TypeError);
      for (const message of messages) assert.match(error.message, message);
      return true;
    },
  );
}

test("every form a plugin may have is taken", () => {
  const definitions: PluginDefinition[] = [
    { manifest },
    { manifest: () => manifest, fetch },
    { manifest, fetch: async () => new Response(), upgrade: () => (_req, socket) => socket.end() },
    { manifest, handler: () => (_req, res) => res.end() },
    { manifest, handler: async () => createServer() },
    { manifest, onEvent: () => undefined, onStart: async () => undefined, onShutdown: () => {} },
    { manifest, onEvent: { "deployment.*": [() => undefined], "*": async () => undefined } },
    { manifest, onEvent: { "deployment.*": undefined, "a.b": () => 7 } },
    { manifest, openapi: { openapi: "3.1.0" }, uiDist: "web/dist" },
    { manifest, openapi: async () => ({}), uiBundle: new Uint8Array() },
    { manifest, channelDeadlineMs: null, requireSignature: true, drainMs: 0 },
    { manifest, channelDeadlineMs: 5000, fetch: undefined, uiDist: undefined },
  ];
  for (const definition of definitions) checkDefinition(definition);
});

test("what is no definition is refused", () => {
  for (const definition of [undefined, null, 7, "x", [], fetch]) {
    refused(definition, /^runPlugin takes a plugin as an object, not /);
  }
});

test("a key that there is not is named, with the one that may be meant", () => {
  refused({ manifest, onevent: fetch }, /it has `onevent`: did you mean `onEvent`\?/);
  refused({ manifest, uidist: "x" }, /it has `uidist`: did you mean `uiDist`\?/);
  refused({ manifest, application: fetch }, /it has `application`; allowed: manifest, fetch, /);
});

test("everything that is wrong is named at once", () => {
  refused(
    { fetch: "no", handler: fetch, drainMs: -1, uiDist: "", onEvent: [], hndler: 1 },
    /^the plugin cannot be run: /,
    /`manifest` is undefined; allowed: an object or a function that gives one/,
    /`fetch` is "no"; allowed: a function/,
    /`drainMs` is -1 \(a number\); allowed: milliseconds, 0 or more/,
    /`uiDist` is ""; allowed: the path of a folder/,
    /`onEvent` is an array; allowed: a function, or an object/,
    /`hndler`: did you mean `handler`/,
    /it has both `fetch` and `handler`; allowed: one of them/,
  );
});

test("values of other types are refused", () => {
  refused({ manifest, channelDeadlineMs: Number.NaN }, /`channelDeadlineMs` is NaN/);
  refused({ manifest, uiBundle: "tar" }, /`uiBundle` is "tar"; allowed: a Uint8Array/);
  refused({ manifest, requireSignature: 1 }, /`requireSignature` is 1 \(a number\)/);
  refused({ manifest, uiDist: "a", uiBundle: new Uint8Array() }, /both `uiDist` and `uiBundle`/);
});

test("event handlers are looked at", () => {
  refused(
    { manifest, onEvent: { "deploy*": fetch, "a.*": "no", b: [fetch, 7], c: [undefined] } },
    /deploy\*/,
    /`onEvent\["a\.\*"\]` is "no"; allowed: a function or a list of functions/,
    /`onEvent\["b"\]` is 7/,
    /`onEvent\["c"\]` is undefined/,
  );
});

test("the manifest gets the patterns of the handlers", () => {
  const onEvent = {
    "deployment.*": fetchNothing,
    "project.created": fetchNothing,
    "domain.*": undefined,
  };
  const made = manifestOf({ manifest: () => manifest, onEvent });
  assert.deepEqual(made.events, ["project.created", "deployment.*"]);
  assert.deepEqual(manifest.events, ["project.created"]);
});

function fetchNothing(): void {}

test("a manifest that is none is refused", () => {
  const none = {
    undefined: () => undefined,
    "an object of class Promise": async () => manifest,
    // Of the same sources as what is tested here.
    "an object of class ManifestBuilder": sourceManifest("hello", "1.0.0"),
  };
  for (const [found, given] of Object.entries(none)) {
    assert.throws(() => manifestOf({ manifest: given as never }), {
      name: "TypeError",
      message: `\`manifest\` gave ${found}; allowed: what createManifest(name, version).build() makes`,
    });
  }
  const events = "deployment.*" as never;
  assert.throws(
    () => manifestOf({ manifest: { name: "hello", version: "1.0.0", events } }),
    /the manifest cannot be used: .*deployment/,
  );
  assert.throws(
    () => manifestOf({ manifest: { name: "Bad Name", version: "1" } }),
    /`name` is "Bad Name".*`version` is "1"/,
  );
  const thrown = new Error("the author's own");
  const failing = (): never => {
    throw thrown;
  };
  assert.throws(() => manifestOf({ manifest: failing }), thrown);
  assert.equal(new PluginError("x", "manifest").code, "manifest");
});

test("values are shown shortly", () => {
  assert.equal(shown("x".repeat(100)), `"${"x".repeat(60)}…"`);
  assert.equal(shown(new Map()), "an object of class Map");
  assert.equal(shown({}), "an object");
  assert.equal(shown(Object.create(null)), "an object");
  assert.equal(shown(7n), "7 (a bigint)");
});

test("a name is meant by another only when they are alike", () => {
  assert.equal(nearest("onStrat", ["onStart", "onEvent"]), "onStart");
  assert.equal(nearest("fetsh", ["fetch", "handler"]), "fetch");
  assert.equal(nearest("z", ["fetch", "handler"]), undefined);
});
