/** The OpenAPI document of the routes a person may want to try. */

const ROUTES = [
  ["/whoami", "get", "Who the host says you are"],
  ["/private", "get", "The same, for signed-in callers only"],
  ["/public/hello", "get", "Within reach without signing in"],
  ["/context", "get", "How this plugin was started"],
  ["/events", "get", "The events received so far"],
  ["/call", "post", "Makes a call over the channel"],
  ["/api", "post", "Makes a call to the platform's API in your name"],
  ["/print", "post", "Prints to standard output"],
] as const;

/** More than a `ready` line can hold. */
const TOO_MUCH = 2 * 1024 * 1024;

/** The document; with `large`, one that does not fit its line. */
export function document(version: string, large: boolean): object {
  const paths = ROUTES.map(([path, method, summary]) => {
    return [path, { [method]: { summary, responses: responses(path) } }];
  });
  return {
    openapi: "3.1.0",
    info: {
      title: "everything-node",
      version,
      ...(large && { description: "x".repeat(TOO_MUCH) }),
    },
    paths: Object.fromEntries(paths),
  };
}

const GREETING = {
  type: "object",
  properties: { hello: { type: "string" } },
  required: ["hello"],
};

function responses(path: (typeof ROUTES)[number][0]): object {
  const done = { description: "Done" };
  switch (path) {
    case "/public/hello":
      return { "200": { ...done, content: { "application/json": { schema: GREETING } } } };
    case "/private":
      return { "200": done, "401": { description: "Nobody is signed in" } };
    default:
      return { "200": done };
  }
}
