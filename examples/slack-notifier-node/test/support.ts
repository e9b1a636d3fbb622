/** The whole plugin inside a test, with a platform in memory and a Slack that does as it is told. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { DeploymentFailed, DeploymentSucceeded, PluginEvent } from "temps-plugin";
import {
  sampleEvent,
  sampleProject,
  TestPlatform,
  TestPlugin,
  type TestRequestInit,
  testUser,
} from "temps-plugin/testing";
import { PACING, type Pacing } from "../src/courier.js";
import type { Delivery } from "../src/deliveries.js";
import { plugin } from "../src/plugin.js";
import { type Behaviour, DEADLINE, FakeSlack } from "./fake_slack.js";

/** Pauses that cost a test nothing. */
export const BRISK: Pacing = { ...PACING, pauses: [1, 2], stop: 50 };

export const JSON_BODY = { "content-type": "application/json" };

type Sending = Omit<TestRequestInit, "method" | "user"> & {
  /** The caller's role; null: nobody is signed in. An administrator unless given. */
  role?: string | null;
};

/** The plugin, and a client for its routes. */
export class Running {
  constructor(private readonly plugin: TestPlugin) {}

  async send(method: string, path: string, sending: Sending = {}): Promise<Response> {
    const { role = "admin", ...rest } = sending;
    const user = role === null ? {} : { user: testUser({ id: "7", role }) };
    return this.plugin.fetch(path, { ...rest, ...user, method });
  }

  /** Changes settings that must be fine, and answers with what they are then. */
  async configure(change: object): Promise<unknown> {
    const answer = await this.send("PATCH", "/settings", { json: change });
    const body = await answer.text();
    assert.equal(answer.status, 200, body);
    return JSON.parse(body);
  }

  /** Lets something happen on the platform. */
  async emit(event: PluginEvent): Promise<void> {
    await this.plugin.deliver(event);
  }

  async deliveries(): Promise<Delivery[]> {
    const answer = await this.send("GET", "/deliveries", { role: "reader" });
    const body = (await answer.json()) as { deliveries: Delivery[] };
    return body.deliveries;
  }

  /** The newest delivery, once it has this status. */
  async newest(status: string): Promise<Delivery> {
    const limit = AbortSignal.timeout(DEADLINE);
    for (;;) {
      const [newest] = await this.deliveries();
      if (newest?.status === status) {
        return newest;
      }
      limit.throwIfAborted();
    }
  }

  async stop(): Promise<void> {
    await this.plugin.stop();
  }
}

/** What one test starts; all of it ends with the test. */
export class Scene {
  readonly #endings: (() => unknown)[] = [];

  private constructor(
    readonly dataDir: string,
    /** The lines that are logged. */
    readonly log: string[],
  ) {}

  static async of(t: TestContext): Promise<Scene> {
    const dataDir = await mkdtemp(join(tmpdir(), "slack-notifier-"));
    const scene = new Scene(dataDir, logged(t));
    scene.#endings.push(() => rm(dataDir, { recursive: true }));
    t.after(() => scene.#end());
    return scene;
  }

  /** What came last ends first. */
  async #end(): Promise<void> {
    for (const end of this.#endings.reverse()) {
      await end();
    }
  }

  /** The plugin, on a platform that has project 7, "shop", unless told of others. */
  async plugin(
    pacing: Pacing = BRISK,
    projects = [sampleProject({ id: 7, name: "shop" })],
  ): Promise<Running> {
    const platform = new TestPlatform({ projects });
    const { dataDir } = this;
    const running = new Running(await TestPlugin.start(plugin(pacing), { platform, dataDir }));
    this.#endings.push(() => running.stop());
    return running;
  }

  async slack(...answers: Behaviour[]): Promise<FakeSlack> {
    const fake = await FakeSlack.start(...answers);
    this.#endings.push(() => fake.stop());
    return fake;
  }

  /** The plugin, told to post to a Slack with these answers. */
  async posting(
    answers: Behaviour[] = [],
    pacing: Pacing = BRISK,
  ): Promise<{ plugin: Running; slack: FakeSlack }> {
    const slack = await this.slack(...answers);
    const plugin = await this.plugin(pacing);
    await plugin.configure({ webhook_url: slack.webhook });
    return { plugin, slack };
  }
}

/** What the plugin logs; it is not printed. */
function logged(t: TestContext): string[] {
  const lines: string[] = [];
  for (const level of ["debug", "info", "warn", "error"] as const) {
    t.mock.method(console, level, (...words: unknown[]) => {
      lines.push(words.map(String).join(" "));
    });
  }
  return lines;
}

/** A deployment's event, with members of its data changed. */
export function deployment(eventType: string, id = "e1", more: object = {}): PluginEvent {
  const data: DeploymentSucceeded & DeploymentFailed = {
    deployment_id: 100,
    project_id: 7,
    environment_id: 3,
    environment_name: "production",
    commit_sha: "a1b2c3d4e5f6",
    url: "https://shop.example.org",
    error_message: "out of memory",
  };
  return { ...sampleEvent(eventType, { ...data, ...more }), id };
}
