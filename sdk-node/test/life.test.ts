/** A plugin's life as a process: its start, what it prints, and how it stops. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { Hosted } from "./helpers/host.js";
import { test } from "./helpers/plugin.js";

// --- starting

for (const dialect of [1, 2]) {
  test(`the handshake of dialect ${dialect}, and nothing else, is on stdout`, async (t) => {
    const plugin = new Hosted(t, "prints", { dialect });
    await plugin.handshake();
    for (let count = 0; count < 3; count++) assert.equal((await plugin.get("/")).text, "ok");
    assert.equal(await plugin.stop("SIGTERM"), 0);
    assert.deepEqual(await plugin.rest(), []);
    for (const when of [
      "at the top",
      "in the manifest",
      "at the start",
      "while serving",
      "at the end",
    ]) {
      for (const how of [
        "console.log",
        "console.info",
        "stdout.write",
        "by descriptor",
        "by a child",
      ]) {
        assert.ok(plugin.lines.includes(`${when}: ${how}`), `${when}: ${how}`);
      }
    }
  });
}

test("a host that closes both streams breaks nothing", async (t) => {
  const plugin = new Hosted(t, "prints", { args: ["--only-by-console"] });
  await plugin.handshake();
  plugin.process.stdout?.destroy();
  plugin.process.stderr?.destroy();
  for (let count = 0; count < 20; count++) assert.equal((await plugin.get("/")).text, "ok");
  assert.equal(await plugin.stop("SIGTERM"), 0);
});

test("a missing argument is named and ends the process", async (t) => {
  const plugin = new Hosted(t, "hello", { args: ["--data-dir"] });
  assert.equal(await plugin.end(), 1);
  assert.match(plugin.lines.join("\n"), /--data-dir/);
  assert.deepEqual(await plugin.rest(), []);
});

test("an unknown argument is ignored with a warning", async (t) => {
  const plugin = new Hosted(t, "hello", { args: ["--newer", "thing"] });
  await plugin.handshake();
  assert.match((await plugin.line(/.*--newer.*/))[0] ?? "", /WARN/);
  assert.equal(await plugin.stop("SIGTERM"), 0);
});

test("a bad manifest ends the process and names the field", async (t) => {
  const plugin = new Hosted(t, "hello", { args: ["--bad-name"] });
  assert.equal(await plugin.end(), 1);
  assert.match(plugin.lines.join("\n"), /name.*Bad Name/);
  assert.deepEqual(await plugin.rest(), []);
});

test("a start hook that fails ends the process with its words", async (t) => {
  const plugin = new Hosted(t, "hello", { args: ["--fail"] });
  await assert.rejects(plugin.handshake(), /no line on stdout/);
  assert.equal(await plugin.end(), 1);
  assert.match(plugin.lines.join("\n"), /RangeError: no database today/);
  assert.ok(!existsSync(plugin.socketPath));
});

test("a host that never opens the channel is given up", async (t) => {
  const plugin = new Hosted(t, "hello", { args: ["--lonely"] });
  await plugin.handshake();
  assert.equal(await plugin.end(), 1);
  assert.match(plugin.lines.join("\n"), /no host opened the channel/);
});

// --- stopping

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} lets what is in flight finish, and tells WebSockets`, async (t) => {
    const plugin = new Hosted(t, "busy");
    await plugin.handshake();
    const request = plugin.get("/slow");
    await plugin.line(/request: begun/);
    assert.equal(await plugin.event("a.b"), 200);
    await plugin.line(/event: begun/);
    const headers = { "x-temps-auth-signature": plugin.secret };
    const socket = new WebSocket(`ws+unix:${plugin.socketPath}:/ws`, { headers });
    await new Promise((resolve) => socket.once("message", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    plugin.process.kill(signal);
    assert.equal(await closed, 1001);
    assert.equal((await request).text, "finished");
    assert.equal(await plugin.end(), 0);
    assert.ok(!existsSync(plugin.socketPath));
    const at = (line: string): number => plugin.lines.indexOf(line);
    assert.ok(at("event: ended") >= 0 && at("event: ended") < at("hook: shutdown"));
    assert.ok(at("websocket: closed 1001") >= 0, plugin.lines.join("\n"));
  });
}

for (const args of [[], ["--block"]]) {
  test(`SIGTERM before the start is finished ends the process ${args.join()}`, async (t) => {
    const plugin = new Hosted(t, "slow_start", { args });
    assert.equal((await plugin.announced())["type"], "hello");
    const config = { protocol_version: 2, auth_secret: plugin.secret };
    plugin.process.stdin?.end(`${JSON.stringify(config)}\n`);
    await plugin.line(/starting/);
    assert.equal(await plugin.stop("SIGTERM"), 0);
    assert.deepEqual(await plugin.rest(), []);
    assert.ok(!existsSync(plugin.socketPath));
  });
}

test("SIGTERM while the handshake is under way ends the process", async (t) => {
  const plugin = new Hosted(t, "hello");
  await plugin.announced();
  assert.equal(await plugin.stop("SIGTERM"), 0);
  assert.deepEqual(await plugin.rest(), []);
});

test("a handler that holds the event loop for ever does not hold the end", async (t) => {
  const plugin = new Hosted(t, "faulty");
  await plugin.handshake();
  const held = plugin.get("/hold?until=/nowhere").catch(() => undefined);
  await plugin.line(/held/);
  assert.equal(await plugin.stop("SIGTERM"), 0);
  await held;
  assert.match(plugin.lines.join("\n"), /broke off what was still in flight/);
});

test("a second signal waits for nothing", async (t) => {
  const plugin = new Hosted(t, "faulty");
  await plugin.handshake();
  const held = plugin.get("/hold?until=/nowhere").catch(() => undefined);
  await plugin.line(/held/);
  plugin.process.kill("SIGTERM");
  // Only once the first is known to have arrived: signals that wait are merged.
  await plugin.line(/broke off what was still in flight/);
  assert.equal(await plugin.stop("SIGTERM"), 143);
  await held;
});

// --- author code that goes wrong

test("what nobody catches is logged, and the plugin goes on", async (t) => {
  const plugin = new Hosted(t, "faulty");
  await plugin.handshake();
  for (const [path, message] of [
    ["/unhandled", "nobody catches this rejection"],
    ["/uncaught", "nobody catches this error"],
  ] as const) {
    assert.equal((await plugin.get(path)).status, 200);
    const [line = ""] = await plugin.line(new RegExp(`.*${message}.*`));
    const { level, fields } = JSON.parse(line);
    assert.equal(level, "ERROR");
    assert.match(fields.message, /^faulty: un.*; the plugin goes on$/);
    assert.match(fields.exception, new RegExp(`Error: ${message}\\n +at `));
  }
  assert.equal(await plugin.event("a.bad"), 200);
  assert.equal(await plugin.event("a.good"), 200);
  await plugin.line(/event: a.good/);
  assert.match((await plugin.line(/.*the event handler fails.*/))[0] ?? "", /"level":"ERROR"/);
  assert.equal(await plugin.stop("SIGTERM"), 0);
});

for (const [path, code] of [
  ["/exit", 7],
  ["/exitLater", 8],
] as const) {
  test(`process.exit in a handler ends the process with that code: ${path}`, async (t) => {
    const plugin = new Hosted(t, "faulty");
    await plugin.handshake();
    const asked = plugin.get(path).catch(() => undefined);
    assert.equal(await plugin.end(), code);
    await asked;
    await plugin.line(new RegExp(`author code ends the process, with exit code ${code}`));
  });
}

test("worker threads run inside a plugin, and are no plugins themselves", async (t) => {
  const plugin = new Hosted(t, "faulty");
  await plugin.handshake();
  const { text: said } = await plugin.get("/worker");
  assert.match(said, /^runPlugin was called in a worker thread/);
  await plugin.line(/from the worker/);
  assert.equal((await plugin.get("/health")).status, 200);
  assert.equal(await plugin.stop("SIGTERM"), 0);
  assert.deepEqual(await plugin.rest(), []);
});

test("an answer under way is finished by the stop, one that never ends is cut off", async (t) => {
  const plugin = new Hosted(t, "streams");
  await plugin.handshake();
  const finishing = await plugin.ask("/until-stop");
  const endless = await plugin.ask("/endless");
  await new Promise((resolve) => endless.once("data", resolve));
  plugin.process.kill("SIGTERM");
  assert.equal(await text(finishing), "begun, ended");
  await assert.rejects(text(endless), /aborted/);
  assert.equal(await plugin.end(), 0);
});
