/** The parts by themselves: webhooks, notices, the log, and which errors are worth another try. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { DeliveryLog, KEPT } from "../src/deliveries.js";
import { save } from "../src/file.js";
import { Notice } from "../src/notice.js";
import { reason, refusal, retryAfter } from "../src/slack.js";
import { Webhook } from "../src/webhook.js";
import { deployment, Scene } from "./support.js";

test("a webhook is a plain web address", () => {
  for (const text of ["https://hooks.slack.com/services/T0/B0/x", "http://127.0.0.1:9/hook"]) {
    assert.equal(new Webhook(` ${text}\n`).expose(), text);
  }
});

test("what is no webhook is refused without quoting it", () => {
  for (const [text, error] of [
    ["", "must be a URL"],
    ["hooks.slack.com", "must begin with"],
    ["/services/T0", "must begin with"],
    ["https://", "must be a URL"],
    ["https:///example.org/x", "must be a URL"],
    ["https://:80/x", "must be a URL"],
    ["https://[::1/x", "must be a URL"],
    ["https://a:99999/x", "must be a URL"],
    ["https://hooks.slack.com/…", "must be a URL"],
    ["https://hooks.slack.com/a b", "must be a URL"],
    ["https://a\\example.org/x", "must be a URL"],
    ["ftp://example.org/x", "must begin with"],
    ["https://ada:pw@example.org/x", "must not hold a user name"],
  ] as const) {
    assert.throws(
      () => new Webhook(text),
      (caught: Error) => caught.message.startsWith(error) && !caught.message.includes("example"),
      text,
    );
  }
});

test("no form for people shows more than the host", () => {
  const webhook = new Webhook("https://hooks.slack.com:444/services/T0?token=x");
  assert.equal(webhook.masked(), "https://hooks.slack.com:444/…");
  for (const shown of [`${webhook}`, inspect(webhook), JSON.stringify({ webhook })]) {
    assert.doesNotMatch(shown, /T0|token/);
  }
});

function text(event_type: string, more: Record<string, unknown>): string | undefined {
  return Notice.of(deployment(event_type, "e1", more))?.text("shop");
}

test("a message says what went where", () => {
  const fine = ":white_check_mark: *shop* was deployed to *production*";
  const wrong = ":x: deploying *shop* to *production* failed";
  assert.equal(
    text("deployment.succeeded", { url: "https://a/?a=1&b=2", commit_sha: null }),
    `${fine}\nhttps://a/?a=1&amp;b=2`,
  );
  assert.equal(text("deployment.succeeded", { url: null }), `${fine} at \`a1b2c3d\``);
  assert.equal(
    text("deployment.failed", { error_message: "no <!channel>\ntwo" }),
    `${wrong}\n> no &lt;!channel&gt;\n> two`,
  );
  assert.equal(text("deployment.failed", { error_message: undefined }), wrong);
  const long = text("deployment.failed", { error_message: "😀".repeat(1000) });
  assert.equal(long, `${wrong}\n> ${"😀".repeat(500)}`);
});

test("other events are nothing and half a deployment is an error", () => {
  assert.equal(Notice.of(deployment("deployment.paused")), undefined);
  const half = deployment("deployment.succeeded", "e1", { project_id: "7" });
  assert.throws(() => Notice.of(half), /project_id: /);
});

function notice(id: number): Notice {
  return new Notice(String(id), "deployment.failed", 7, "production", { kind: "failed" });
}

test("the oldest settled entry makes room", async (t) => {
  const { dataDir } = await Scene.of(t);
  const log = await DeliveryLog.open(join(dataDir, "deliveries.json"));
  for (let id = 0; id < KEPT; id++) {
    assert.ok(log.add(notice(id)));
  }
  log.settle("1", "delivered");
  log.settle("3", "failed", "no");
  assert.ok(log.add(notice(KEPT)));
  const ids = log.entries.map((entry) => entry.event_id);
  assert.deepEqual([ids.length, ids[0]], [KEPT, "50"]);
  assert.ok(ids.includes("0") && ids.includes("3") && !ids.includes("1"));
});

test("what a former process left unfinished is dropped", async (t) => {
  const { dataDir } = await Scene.of(t);
  const path = join(dataDir, "deliveries.json");
  const log = await DeliveryLog.open(path);
  log.add(notice(1));
  log.settle("1", "delivered");
  log.add(notice(2));
  await log.save();
  const left = (await DeliveryLog.open(path)).entries;
  assert.deepEqual(
    left.map((entry) => entry.status),
    ["dropped", "delivered"],
  );
});

test("a slow write never overwrites a later one", async (t) => {
  const { dataDir } = await Scene.of(t);
  const path = join(dataDir, "deliveries.json");
  const begun: (() => void)[] = [];
  const log = await DeliveryLog.open(path, async (where, value) => {
    // What a write is given must not change under its hands.
    const text = JSON.stringify(value);
    await new Promise<void>((goOn) => begun.push(goOn));
    await save(where, JSON.parse(text));
  });
  log.add(notice(1));
  const first = log.save();
  log.settle("1", "delivered");
  const second = log.save();
  // Those that would overtake the first have begun by then.
  for (const saved of [first, second]) {
    await new Promise(setImmediate);
    begun.pop()?.();
    await saved;
  }
  const [left] = JSON.parse(await readFile(path, "utf8"));
  assert.equal(left.status, "delivered");
});

test("a write that fails holds up no later one", async (t) => {
  const { dataDir } = await Scene.of(t);
  const path = join(dataDir, "deliveries.json");
  let failures = 1;
  const log = await DeliveryLog.open(path, async (where, value) => {
    if (failures-- > 0) {
      throw new Error("the disk is full");
    }
    await save(where, value);
  });
  log.add(notice(1));
  await assert.rejects(log.save(), /full/);
  await log.save();
  assert.equal(JSON.parse(await readFile(path, "utf8")).length, 1);
});

test("only what may pass is tried again", () => {
  for (const status of [408, 429, 500, 502, 503, 599]) {
    assert.ok(refusal(status, "", "").isTemporary, String(status));
  }
  for (const status of [301, 400, 403, 404, 410]) {
    assert.ok(!refusal(status, "", "").isTemporary, String(status));
    assert.equal(refusal(status, "", "").pause(1), undefined);
  }
});

test("the pause is never shorter than Slack asks for", () => {
  assert.equal(refusal(500, "", "").pause(5_000), 5_000);
  assert.equal(refusal(429, "3", "").pause(5_000), 5_000);
  assert.equal(refusal(429, "30", "").pause(5_000), 30_000);
  assert.equal(refusal(429, "3600", "").pause(5_000), undefined);
  assert.equal(refusal(429, "1", "").pause(undefined), undefined);
});

test("Retry-After is seconds or a date", () => {
  const now = Date.UTC(1994, 10, 6, 8, 49);
  assert.equal(retryAfter("30", now), 30_000);
  assert.equal(retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now), 37_000);
  assert.equal(retryAfter("Sun, 06 Nov 1994 08:40:00 GMT", now), 0);
  assert.equal(retryAfter("soon", now), 0);
  assert.equal(retryAfter("2099", now), 2_099_000);
  assert.equal(retryAfter("2099-01-01", now), 0);
  assert.equal(retryAfter("", now), 0);
});

test("a reason is one word of Slack's own", () => {
  assert.equal(reason("no_service\n"), "no_service");
  for (const other of ["", "Not Found: /services/T0/B0/x", "<html>", "\ufffd", "a".repeat(65)]) {
    assert.equal(reason(other), undefined);
  }
});
