/** The whole plugin, with a platform in memory. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PermissionDenied } from "temps-plugin";
import {
  sampleEvent,
  sampleProject,
  TestPlatform,
  TestPlugin,
  testUser,
} from "temps-plugin/testing";
import { plugin } from "../src/plugin.js";

async function started(t: TestContext, platform = new TestPlatform()): Promise<TestPlugin> {
  const running = await TestPlugin.start(plugin, { platform });
  t.after(() => running.stop());
  return running;
}

test("whoever is signed in is greeted, and nobody else", async (t) => {
  const running = await started(t);
  const user = testUser({ email: "ada@example.org", role: "reader" });
  const greeted = await running.fetch("/hello", { user });
  assert.deepEqual(await greeted.json(), { hello: "ada@example.org", role: "reader" });

  const headers = { "x-temps-user-email": "eve@example.org" };
  const stranger = await running.fetch("/hello", { headers });
  assert.equal(stranger.status, 401);
  assert.deepEqual(await stranger.json(), { error: "sign in to Temps first" });
});

test("the page lists projects, whatever they are called", async (t) => {
  const projects = [
    sampleProject({ id: 2, name: "shop", main_branch: "main" }),
    sampleProject({ id: 1, name: "<b>&", main_branch: "trunk" }),
  ];
  const running = await started(t, new TestPlatform({ projects }));
  const answer = await running.fetch("/");
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
  const page = await answer.text();
  assert.ok(page.includes("<li>shop (main)</li><li>&#60;b&#62;&#38; (trunk)</li>"), page);
});

test("the page says so when there are no projects, or none that it may see", async (t) => {
  const platform = new TestPlatform();
  const running = await started(t, platform);
  assert.match(await (await running.fetch("/")).text(), /None yet/);

  platform.on("list_projects", () => {
    throw new PermissionDenied("not for you");
  });
  const answer = await running.fetch("/");
  assert.equal(answer.status, 502);
  assert.match(await answer.text(), /^Temps does not tell its projects: .*not for you/);
});

test("what happens to projects is logged", async (t) => {
  const running = await started(t);
  const info = t.mock.method(console, "info", () => undefined);
  await running.deliver(sampleEvent("project.created", { project_id: 7 }));
  const lines = info.mock.calls.map((call) => call.arguments[0]);
  assert.deepEqual(lines, ["project.created: project 7"]);
});
