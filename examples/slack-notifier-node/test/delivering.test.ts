/** From an event to Slack, and what the log says of it. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TempsClient } from "temps-plugin";
import type { Delivery } from "../src/deliveries.js";
import { Notifier } from "../src/notifier.js";
import { Slack } from "../src/slack.js";
import { BRISK, deployment, Scene } from "./support.js";

async function written(scene: Scene): Promise<Delivery[]> {
  return JSON.parse(await readFile(join(scene.dataDir, "deliveries.json"), "utf8"));
}

test("a deployment is told with its project's name", async (t) => {
  const scene = await Scene.of(t);
  const { plugin, slack } = await scene.posting();
  await plugin.emit(deployment("deployment.succeeded"));
  const text =
    ":white_check_mark: *shop* was deployed to *production* at `a1b2c3d`\n" +
    "https://shop.example.org";
  assert.deepEqual(await slack.received(1), [{ text }]);
  const delivery = await plugin.newest("delivered");
  assert.deepEqual(
    [delivery.project, delivery.environment, delivery.attempts, delivery.last_error],
    ["shop", "production", 1, null],
  );
  assert.match(delivery.received_at, /Z$/);
});

test("a name the platform keeps to itself holds nothing up", async (t) => {
  const scene = await Scene.of(t);
  const slack = await scene.slack();
  const plugin = await scene.plugin(BRISK, []);
  await plugin.configure({ webhook_url: slack.webhook });
  await plugin.emit(deployment("deployment.failed"));
  const text = ":x: deploying *project 7* to *production* failed\n> out of memory";
  assert.deepEqual(await slack.received(1), [{ text }]);
});

test("a server error is tried again", async (t) => {
  const scene = await Scene.of(t);
  const answers = [{ status: 500 }, { status: 429, headers: { "retry-after": "0" } }];
  const { plugin } = await scene.posting(answers);
  await plugin.emit(deployment("deployment.succeeded"));
  const delivery = await plugin.newest("delivered");
  assert.equal(delivery.attempts, 3);
  assert.equal(delivery.last_error, "the webhook answered 429 Too Many Requests");
});

test("a refusal is final and its reason is kept", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting([{ status: 404, reason: "no_service" }]);
  await plugin.emit(deployment("deployment.succeeded"));
  const delivery = await plugin.newest("failed");
  assert.equal(delivery.attempts, 1);
  assert.equal(delivery.last_error, "the webhook answered 404 Not Found (no_service)");
});

test("a redirect is a refusal: the message goes nowhere else", async (t) => {
  const scene = await Scene.of(t);
  const elsewhere = { status: 307, headers: { location: "/services/SECRET" } };
  const { plugin, slack } = await scene.posting([elsewhere]);
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.newest("failed");
  assert.equal((await slack.received(1)).length, 1);
});

test("a wait longer than anyone would have is a failure", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting([{ status: 429, headers: { "retry-after": "3600" } }]);
  await plugin.emit(deployment("deployment.succeeded"));
  assert.equal((await plugin.newest("failed")).attempts, 1);
});

test("an answer that does not come is given up", async (t) => {
  const scene = await Scene.of(t);
  const pacing = { ...BRISK, requestTimeout: 50 };
  const { plugin } = await scene.posting(["never", "never", "never"], pacing);
  await plugin.emit(deployment("deployment.succeeded"));
  const delivery = await plugin.newest("failed");
  assert.equal(delivery.attempts, 3);
  assert.equal(delivery.last_error, "no answer within 0.05 s");
});

test("a host that cannot be reached is given up in the end", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting(["hang up", "hang up", "hang up"]);
  await plugin.emit(deployment("deployment.succeeded"));
  const delivery = await plugin.newest("failed");
  assert.equal(delivery.attempts, 3);
  assert.match(delivery.last_error ?? "", /^cannot reach the webhook's host: ./);
  assert.doesNotMatch(delivery.last_error ?? "", /SECRET|fetch failed/);
});

test("a full queue drops, and a stop records what was left", async (t) => {
  const scene = await Scene.of(t);
  const { plugin, slack } = await scene.posting(["never"], { ...BRISK, queue: 1 });
  await plugin.emit(deployment("deployment.succeeded", "1"));
  await slack.received(1);
  await plugin.emit(deployment("deployment.succeeded", "2"));
  await plugin.emit(deployment("deployment.succeeded", "3"));
  const newest = await plugin.newest("dropped");
  assert.equal(newest.last_error, "too many messages wait already");
  assert.equal((await plugin.deliveries())[1]?.status, "queued");
  await plugin.stop();

  const left = await (await scene.plugin()).deliveries();
  const ids = left.map((entry) => entry.event_id);
  assert.deepEqual(ids, ["3", "2", "1"]);
  assert.deepEqual(new Set(left.map((entry) => entry.status)), new Set(["dropped"]));
  assert.deepEqual(left[0], newest);
  assert.equal(left[2]?.last_error, "the plugin stopped before Slack had taken the message");
});

test("a stop breaks off a pause between two attempts", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting([{ status: 500 }], { ...BRISK, pauses: [3_600_000] });
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.newest("retrying");
  await plugin.stop();
  assert.equal((await written(scene))[0]?.status, "dropped");
});

test("a stop gives what is queued a last chance", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting([], { ...BRISK, stop: 20_000 });
  await plugin.emit(deployment("deployment.succeeded", "1"));
  await plugin.emit(deployment("deployment.succeeded", "2"));
  await plugin.stop();
  const statuses = (await written(scene)).map((entry) => entry.status);
  assert.deepEqual(statuses, ["delivered", "delivered"]);
});

test("what comes after the stop is dropped", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting();
  await plugin.stop();
  const temps = { withTimeout: () => temps } as unknown as TempsClient;
  const notifier = await Notifier.open(scene.dataDir, temps, BRISK);
  await notifier.stop();
  notifier.take(deployment("deployment.succeeded"));
  assert.equal(notifier.deliveries.entries[0]?.last_error, "deliveries have ended");
});

test("an event that the host delivers twice is told once", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting();
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.newest("delivered");
  assert.equal((await plugin.deliveries()).length, 1);
});

test("nothing is told without being asked to", async (t) => {
  const scene = await Scene.of(t);
  const slack = await scene.slack();
  const plugin = await scene.plugin();
  await plugin.emit(deployment("deployment.succeeded", "1"));
  await plugin.configure({ webhook_url: slack.webhook, notify_failures: false });
  await plugin.emit(deployment("deployment.failed", "2"));
  await plugin.configure({ enabled: false });
  await plugin.emit(deployment("deployment.succeeded", "3"));
  assert.deepEqual(await plugin.deliveries(), []);
});

test("half an event is skipped with a warning", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting();
  await plugin.emit(deployment("deployment.succeeded", "e1", { environment_name: 7 }));
  assert.deepEqual(await plugin.deliveries(), []);
  assert.ok(scene.log.some((line) => /skipped event e1 .*: environment_name: /.test(line)));
});

test("no log line shows the webhook", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting([{ status: 500 }]);
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.newest("delivered");
  assert.ok(scene.log.includes("notified Slack of event e1"));
  assert.ok(!scene.log.some((line) => line.includes("SECRET")));
});

test("a log that cannot be written stops no delivery", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting();
  // A directory stands where the file would go.
  await mkdir(join(scene.dataDir, "deliveries.json"));
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.newest("delivered");
  // Until then one more attempt to write may be under way.
  await plugin.stop();
  assert.ok(scene.log.some((line) => line.includes("could not write down the deliveries")));
  const left = (await readdir(scene.dataDir)).filter((name) => name.startsWith("."));
  assert.deepEqual(left, []);
});

test("a mistake of the plugin's own ends one delivery only", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting();
  const broken = t.mock.method(Slack.prototype, "post", () => {
    throw new TypeError("a mistake");
  });
  await plugin.emit(deployment("deployment.succeeded", "1"));
  const failed = await plugin.newest("failed");
  assert.equal(failed.last_error, "the plugin failed; its log says why");
  broken.mock.restore();
  await plugin.emit(deployment("deployment.succeeded", "2"));
  await plugin.newest("delivered");
});

test("the file has what the routes show", async (t) => {
  const scene = await Scene.of(t);
  const { plugin } = await scene.posting();
  await plugin.emit(deployment("deployment.succeeded"));
  await plugin.newest("delivered");
  const shown = await plugin.deliveries();
  await plugin.stop();
  assert.deepEqual(await written(scene), shown);
});
