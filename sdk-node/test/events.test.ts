/** Events: their types, and who is told of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { PluginContext } from "../ts/context.js";
import { dispatch, type EventHandlers, type PluginEvent, patternsOf } from "../ts/events.js";

const ctx = {} as PluginContext;

function event(event_type: string, data: unknown = {}): PluginEvent {
  const envelope = {
    id: "0f0c",
    event_type,
    timestamp: "2026-06-06T12:00:00Z",
    project_id: 7,
    data,
  };
  return envelope as PluginEvent;
}

test("a function is told of every event", async () => {
  const told: [PluginContext, PluginEvent][] = [];
  const one = event("project.created");
  await dispatch((...got) => void told.push(got), ctx, one);
  assert.deepEqual(told, [[ctx, one]]);
});

test("each handler whose pattern matches is told, in the order they are written", async () => {
  const told: string[] = [];
  const tell = (name: string) => () => void told.push(name);
  const handlers: EventHandlers = {
    "deployment.*": [tell("first"), tell("second")],
    "deployment.failed": tell("exact"),
    "project.*": tell("project"),
    "*": tell("all"),
  };
  await dispatch(handlers, ctx, event("deployment.failed"));
  assert.deepEqual(told, ["first", "second", "exact", "all"]);
  told.length = 0;
  await dispatch(handlers, ctx, event("backup.done"));
  assert.deepEqual(told, ["all"]);
  assert.deepEqual(patternsOf(handlers), ["deployment.*", "deployment.failed", "project.*", "*"]);
});

test("handlers run one after the other", async () => {
  const told: string[] = [];
  const slow = async (): Promise<void> => {
    told.push("begins");
    await new Promise((resolve) => setImmediate(resolve));
    told.push("ends");
  };
  await dispatch({ "*": [slow, slow] }, ctx, event("a"));
  assert.deepEqual(told, ["begins", "ends", "begins", "ends"]);
});

test("a handler that fails stops no other, and each failure is told", async () => {
  const told: string[] = [];
  const thrown = new Error("no shop");
  const handlers: EventHandlers = {
    "deployment.*": () => {
      throw thrown;
    },
    "deployment.failed": () => void told.push("second"),
    "*": async () => {
      throw "a text";
    },
  };
  await assert.rejects(dispatch(handlers, ctx, event("deployment.failed")), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors, [thrown, "a text"]);
    assert.equal(
      error.message,
      "the handler for deployment.* and the handler for * failed on deployment.failed 0f0c",
    );
    return true;
  });
  assert.deepEqual(told, ["second"]);
});

test("a function that fails rejects in the same way", async () => {
  const failing = async (): Promise<void> => Promise.reject(new Error("no"));
  await assert.rejects(dispatch(failing, ctx, event("a.b")), AggregateError);
});

// Checked by the compiler: none of these bodies has to run.
export const typed: EventHandlers = {
  "deployment.succeeded": (_ctx, { data }) => void data.url?.length,
  "deployment.*": (_ctx, event) => {
    if (event.event_type === "deployment.failed") void event.data.error_message?.length;
    // @ts-expect-error a newer platform may have others, whose data is not known
    void event.data.deployment_id;
  },
  "backup.done": async (_ctx, event) => {
    const type: string = event.event_type;
    if (type === "backup.done") void event.id.length;
  },
  "*": [
    (_ctx, event) => {
      switch (event.event_type) {
        case "domain.created":
          void event.data.domain_name.length;
          break;
        // @ts-expect-error no event is called so: a slip of the pen
        case "deployment.suceeded":
          break;
      }
      // @ts-expect-error not narrowed
      void event.data.url;
    },
  ],
};
