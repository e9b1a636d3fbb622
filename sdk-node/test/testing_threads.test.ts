/** Test plugins in processes and threads of their own, which end in every way there is. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { test } from "./helpers/plugin.js";

const FORGETS = `
  import { createManifest } from "temps-plugin";
  import { TestPlugin } from "temps-plugin/testing";
  const manifest = createManifest("forgotten", "1.0.0").build();
  const plugin = await TestPlugin.start({ manifest, fetch: () => new Response("x".repeat(1000)) });
  console.log((await plugin.fetch("/")).status);
  if (process.argv[1] === "calls") {
    console.log(await plugin.ctx.temps.listProjects());
  }
`;

test("a test that forgets to stop its plugin ends all the same, and waits for what it awaits", () => {
  for (const [argument, printed] of [
    ["nothing", "200\n"],
    ["calls", "200\n[]\n"],
  ] as const) {
    const args = ["--input-type=module", "-e", FORGETS, argument];
    const cwd = process.env["TEMPS_PLUGIN_FOLDER"];
    const ended = spawnSync(process.execPath, args, { cwd, encoding: "utf8", timeout: 20_000 });
    assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, printed, ""]);
  }
});

const IN_WORKER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { createManifest } = require("temps-plugin");
  const { TestPlugin, TestPlatform } = require("temps-plugin/testing");
  const manifest = createManifest("works", "1.0.0").build();
  const platform = new TestPlatform().on("list_projects", () => []);
  const fetch = async (request, ctx) => {
    if (workerData === "leave") {
      parentPort.postMessage("in flight");
      await new Promise(() => {});
    }
    return Response.json(await ctx.temps.listProjects());
  };
  (async () => {
    const plugin = await TestPlugin.start({ manifest, fetch }, { platform });
    const text = await (await plugin.fetch("/", { method: "POST", body: "x".repeat(100000) })).text();
    await plugin.stop();
    parentPort.postMessage(text);
  })();
`;

/** Runs a plugin in a worker thread, which sees the packages that this test sees. */
function inWorker(workerData: string): { worker: Worker; said: Promise<unknown> } {
  const folder = process.env["TEMPS_PLUGIN_FOLDER"] ?? "";
  const source = `module.paths.unshift(${JSON.stringify(join(folder, "node_modules"))});
    require = require("node:module").createRequire(${JSON.stringify(join(folder, "x.cjs"))});
    ${IN_WORKER}`;
  const worker = new Worker(source, { eval: true, workerData });
  const said = new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { worker, said };
}

test("plugins run in worker threads, several at once and one after the other", async () => {
  for (let round = 0; round < 3; round++) {
    const workers = ["a", "b", "c"].map((name) => inWorker(name));
    for (const { worker, said } of workers) {
      assert.equal(await said, "[]");
      await worker.terminate();
    }
  }
});

test("worker threads may be the only ones that load the package", () => {
  const main = `
    const { Worker } = require("node:worker_threads");
    (async () => {
      for (let count = 0; count < 4; count++) {
        const worker = new Worker(${JSON.stringify(IN_WORKER)}, { eval: true });
        worker.once("message", console.log);
        await new Promise((resolve) => worker.once("exit", resolve));
      }
    })();
  `;
  const cwd = process.env["TEMPS_PLUGIN_FOLDER"];
  const options = { cwd, encoding: "utf8", timeout: 20_000 } as const;
  const ended = spawnSync(process.execPath, ["-e", main], options);
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, "[]\n".repeat(4), ""]);
});

test("a worker thread that ends with a request in flight takes its plugin along", async () => {
  const { worker, said } = inWorker("leave");
  assert.equal(await said, "in flight");
  await worker.terminate();
  const again = inWorker("again");
  assert.equal(await again.said, "[]");
  await again.worker.terminate();
});

test("`node:http` is not loaded where it is not needed", () => {
  const code = `
    const { createManifest } = require("temps-plugin");
    const loaded = process.moduleLoadList.filter((name) => / (http|_http_server)$/.test(name));
    if (loaded.length > 0) throw new Error(loaded.join());
  `;
  execFileSync(process.execPath, ["-e", code], { cwd: process.env["TEMPS_PLUGIN_FOLDER"] });
});
