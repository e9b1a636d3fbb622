/**
 * Running a plugin inside a test: the real thing on a temporary socket, with a platform in memory. For
 * `node:test`, vitest and any other runner; nothing is spawned but threads.
 *
 * ```ts
 * import { test } from "node:test";
 * import assert from "node:assert/strict";
 * import { sampleEvent, sampleProject, TestPlatform, TestPlugin, testUser } from "temps-plugin/testing";
 * import { plugin as definition } from "./plugin.js";
 *
 * test("it lists projects", async (t) => {
 *   const platform = new TestPlatform({ projects: [sampleProject({ id: 7, name: "shop" })] });
 *   const plugin = await TestPlugin.start(definition, { platform });
 *   t.after(() => plugin.stop());
 *
 *   const response = await plugin.fetch("/projects", { user: testUser({ role: "admin" }) });
 *   assert.equal(response.status, 200);
 *   assert.deepEqual(await response.json(), ["shop"]);
 *
 *   await plugin.deliver(sampleEvent("deployment.succeeded", { project_id: 7 }));
 *   assert.deepEqual(platform.calls.map((call) => call.method), ["list_projects"]);
 * });
 * ```
 *
 * With `await using plugin = await TestPlugin.start(…)` it is stopped at the end of the block.
 *
 * The plugin shares the event loop with the test: a test that blocks it blocks the plugin as well.
 * Several may run at once, also in worker threads.
 *
 * @module
 */

export type { TestRequestInit } from "./client.js";
export { type Answer, type RecordedCall, TestPlatform } from "./platform.js";
export { TestPlugin, type TestPluginOptions } from "./plugin.js";
export {
  sampleDeployment,
  sampleEnvironment,
  sampleEvent,
  sampleProject,
  type TestUser,
  testUser,
} from "./samples.js";
