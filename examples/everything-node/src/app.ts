/** All routes, as one request listener of `node:http`. */

import type { RequestListener } from "node:http";
import type { PluginContext } from "temps-plugin";
import * as echo from "./echo.js";
import * as faults from "./faults.js";
import { find, isGone, problem, type Routes, type Visit } from "./http.js";
import * as platform from "./platform.js";
import * as produce from "./produce.js";
import { type Recorded, routes as recordedRoutes } from "./recorded.js";
import { routes as webSocketRoutes } from "./websocket.js";

const routes: Routes = {
  ...echo.routes,
  ...produce.routes,
  ...platform.routes,
  ...recordedRoutes,
  ...faults.routes,
  ...webSocketRoutes,
};

/** The listener. One that rejects is logged by the SDK, and answered with 500. */
export function listener(ctx: PluginContext, recorded: Recorded): RequestListener {
  return (req, res) => {
    const target = req.url ?? "/";
    const mark = target.indexOf("?");
    const path = mark < 0 ? target : target.slice(0, mark);
    const query = mark < 0 ? null : target.slice(mark + 1);
    return serve({ req, res, path, query, parameter: "", ctx, recorded });
  };
}

async function serve(visit: Visit): Promise<void> {
  try {
    await dispatch(visit);
  } catch (error) {
    // Nobody waits for this answer any more.
    if (!isGone(error)) {
      throw error;
    }
  }
}

function dispatch(visit: Visit): void | Promise<void> {
  // Any method and every path below it.
  if (visit.path === "/echo" || visit.path.startsWith("/echo/")) {
    return echo.echo(visit);
  }
  const found = find(routes, visit.path);
  if (found === undefined) {
    return problem(visit.res, 404, `there is nothing at ${visit.path}`);
  }
  const { methods, parameter } = found;
  const method = visit.req.method ?? "GET";
  const handler = methods[method === "HEAD" ? "GET" : method];
  if (handler === undefined) {
    visit.res.setHeader("allow", Object.keys(methods).join(", "));
    return problem(visit.res, 405, `${visit.path} takes ${Object.keys(methods).join(" and ")}`);
  }
  return handler({ ...visit, parameter });
}
