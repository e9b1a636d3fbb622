/** What arrived so far: events, what came of their handlers' calls, and requests whose caller went away. */

import type { PluginEvent } from "temps-plugin";
import { json, type Routes, type Visit } from "./http.js";

export class Recorded {
  events: object[] = [];
  calls: object[] = [];
  cancelled = 0;

  add({ id, event_type, timestamp, project_id, data }: PluginEvent): void {
    // What is missing is written out.
    this.events.push({
      id,
      event_type,
      timestamp,
      project_id: project_id ?? null,
      data: data ?? {},
    });
  }
}

function forget({ res, recorded }: Visit): void {
  recorded.events = [];
  res.writeHead(204).end();
}

export const routes: Routes = {
  "/events": {
    GET: ({ res, recorded }) => json(res, 200, { events: recorded.events }),
    DELETE: forget,
  },
  "/event-calls": {
    GET: ({ res, recorded }) => json(res, 200, { calls: recorded.calls }),
  },
};
