/** The manifest's builder: what it makes, and what it refuses. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createManifest, PluginError, type PluginManifest } from "temps-plugin";
import { checkManifest } from "../ts/manifest.js";

test("a manifest of a name and a version has the defaults of the protocol", () => {
  assert.deepEqual(createManifest("hello", "1.0.0").build(), {
    name: "hello",
    version: "1.0.0",
    nav: [],
    requires_db: false,
    health_path: "/health",
    events: [],
  });
});

test("each method sets its field", () => {
  const built = createManifest("hello", "1.0.0")
    .displayName("Hello")
    .description("Says hello.")
    .nav({ label: "A", icon: "hand", section: "project", path: "/a", order: 1 })
    .addNav("B", "puzzle", "/b", { section: "settings", order: 60 })
    .addNav("C", "puzzle", "/c")
    .ui({ entry_js: "main.js", css: ["a.css"], routes: [{ path: "/r", title: "R" }] })
    .requiresDb()
    .requiresHostDataAccess()
    .healthPath("/healthz")
    .hideHeader()
    .publicPath("/public")
    .publicPath("/hooks")
    .capability("api_read")
    .requestPermissions("ai_generate", "projects_read")
    .requestPermissions(["events_read"])
    .event("deployment.*")
    .events("project.created", "deployment.*", "*")
    .build();
  const expected: PluginManifest = {
    name: "hello",
    version: "1.0.0",
    display_name: "Hello",
    description: "Says hello.",
    nav: [
      { label: "A", icon: "hand", section: "project", path: "/a", order: 1 },
      { label: "B", icon: "puzzle", section: "settings", path: "/b", order: 60 },
      { label: "C", icon: "puzzle", section: "platform", path: "/c", order: 100 },
    ],
    ui: { entry_js: "main.js", css: ["a.css"], routes: [{ path: "/r", title: "R" }] },
    requires_db: true,
    requires_host_data_access: true,
    health_path: "/healthz",
    hide_header: true,
    public_paths: ["/public", "/hooks"],
    capabilities: ["api_read"],
    host_permissions: ["ai_generate", "projects_read", "events_read"],
    events: ["deployment.*", "project.created", "*"],
  };
  assert.deepEqual(built, expected);
});

test("what was asked for can be taken back, and a builder can go on", () => {
  const builder = createManifest("hello", "1.0.0").requiresDb().hideHeader();
  const first = builder.build();
  const second = builder.requiresDb(false).hideHeader(false).event("*").build();
  assert.equal(first.requires_db, true);
  assert.deepEqual(first.events, []);
  assert.equal(second.requires_db, false);
  assert.equal(second.hide_header, undefined);
  assert.deepEqual(second.events, ["*"]);
});

test("a manifest that breaks rules names each bad field, what was found and what is allowed", () => {
  const bad = createManifest("Hello World", "one")
    .healthPath("health")
    .publicPath("/_temps/x")
    .addNav("", "hand", "//evil")
    .requestPermissions("everything" as never)
    .event("deploy*");
  assert.throws(
    () => bad.build(),
    (error: unknown) => {
      assert.ok(error instanceof PluginError);
      assert.deepEqual([error.kind, error.code], ["manifest", "manifest"]);
      for (const field of [
        '`name` is "Hello World"',
        '`version` is "one"',
        '`health_path` is "health"',
        "`public_paths[0]`",
        "`nav[0].label`",
        "`nav[0].path`",
        "`host_permissions[0]`",
        "`events[0]`",
        "allowed: ",
      ]) {
        assert.ok(error.message.includes(field), `${field} is not in: ${error.message}`);
      }
      return true;
    },
  );
});

test("a value of another type is refused where it is given", () => {
  const builder = createManifest("hello", "1.0.0");
  const cases: [() => unknown, RegExp][] = [
    [() => createManifest(7 as never, "1.0.0"), /createManifest takes a name as text, not 7/],
    [() => createManifest("a", undefined as never), /takes a version as text, not undefined/],
    [() => builder.displayName(null as never), /displayName takes a name as text, not null/],
    [() => builder.requiresDb("yes" as never), /requiresDb takes true or false, not "yes"/],
    [() => builder.nav([] as never), /nav takes an entry as an object, not an array/],
    [() => builder.event(Symbol.iterator as never), /patterns as text, not Symbol/],
    [
      () => builder.addNav("A", "hand", "/a", { place: "settings" } as never),
      /addNav was given the option "place"; allowed: section, order/,
    ],
  ];
  for (const [attempt, message] of cases) {
    assert.throws(attempt, { name: "TypeError", message });
  }
});

test("members of another form are named, each with what is allowed", () => {
  const manifest = {
    name: "hello",
    version: 1,
    requires_db: "no",
    description: null,
    nav: [{ label: "A", icon: undefined, section: "sidebar", path: "/a", order: -1 }, "B"],
    ui: { entry_js: "main.js", css: "a.css" },
    capabilities: ["api_all"],
    unknown: true,
  };
  assert.throws(() => checkManifest(manifest as never), {
    name: "PluginError",
    code: "manifest",
    message: `the manifest cannot be used: ${[
      "`version` is 1 (a number); allowed: text",
      '`capabilities[0]` is "api_all"; allowed: api_read, api_write',
      "`nav[0].icon` is missing; allowed: text",
      '`nav[0].section` is "sidebar"; allowed: platform, settings, project',
      "`nav[0].order` is -1 (a number); allowed: a whole number from 0 to 4294967295",
      '`nav[1]` is "B"; allowed: an object',
      '`requires_db` is "no"; allowed: true or false',
      '`ui.css` is "a.css"; allowed: a list',
    ].join("; ")}`,
  });
});

test("an order that is no whole number is refused", () => {
  for (const order of [1.5, Number.NaN, 2 ** 32, "1"]) {
    const builder = createManifest("hello", "1.0.0").addNav("A", "hand", "/a", { order } as never);
    assert.throws(() => builder.build(), /`nav\[0\]\.order` is .*; allowed: a whole number from 0/);
  }
});
