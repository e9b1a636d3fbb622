/** Sample values, complete and valid, to be changed where a test cares. */

import type { KnownEvent, KnownEventType, PluginEvent } from "../events.js";
import { __shared } from "../index.js";
import type { Deployment, Environment, EventPayloads, Project } from "../wire.js";

const { native } = __shared;

/** A project. Its `id` is 1 and its `name` "sample" unless said otherwise; any member may be given. */
export function sampleProject(members: Partial<Project> = {}): Project {
  const { id = 1, name = "sample" } = members;
  return { ...JSON.parse(native.sampleProject(id, name)), ...members };
}

/** An environment of a project. Without other `members`: number 1, "production", of project 1. */
export function sampleEnvironment(members: Partial<Environment> = {}): Environment {
  const { id = 1, project_id = 1, name = "production" } = members;
  return { ...JSON.parse(native.sampleEnvironment(id, project_id, name)), ...members };
}

/** A finished deployment. Without other `members`: number 1, of project 1 and environment 1. */
export function sampleDeployment(members: Partial<Deployment> = {}): Deployment {
  const { id = 1, project_id = 1, environment_id = 1 } = members;
  return { ...JSON.parse(native.sampleDeployment(id, project_id, environment_id)), ...members };
}

/** An event with an id of its own; its project is that of `data.project_id`, if there is one. */
export function sampleEvent<T extends KnownEventType>(
  eventType: T,
  data?: Partial<EventPayloads[T]>,
): KnownEvent<T>;
export function sampleEvent(eventType: string, data?: object): PluginEvent;
export function sampleEvent(eventType: string, data: object = {}): PluginEvent {
  return JSON.parse(native.sampleEvent(eventType, JSON.stringify(data)));
}

/** Someone signed in to the platform. */
export interface TestUser {
  id: string;
  email: string;
  /** `admin`, `platform_admin`, `user`, `reader`, … */
  role: string;
  /** Such as `projects:read`. */
  permissions: string[];
  /** Lets the plugin call the platform's API as this user: `ctx.apiAsCaller(caller)`. */
  actorToken?: string;
}

/** A user: number 1, ada@example.org, role `user`, no permissions, unless said otherwise. */
export function testUser(members: Partial<TestUser> = {}): TestUser {
  return { id: "1", email: "ada@example.org", role: "user", permissions: [], ...members };
}
