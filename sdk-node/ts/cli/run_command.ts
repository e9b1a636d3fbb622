/** The command line of `temps-plugin run`. */

import { oneFile, oneOf, parseCommand } from "./arguments.js";
import { develop } from "./develop.js";
import { UsageError } from "./errors.js";

const ROLES = [
  "admin",
  "platform_admin",
  "user",
  "reader",
  "api_reader",
  "custom",
  "metrics_ingest",
] as const;

export const RUN_HELP = `usage: temps-plugin run FILE [OPTION…]

Runs a plugin for development: starts FILE (TypeScript or JavaScript), shows its routes at
http://127.0.0.1:PORT/api/x/<name>/ to a signed-in user, and starts it anew when a file of its
project changes. Its data directory is .temps/<file name> in the project. Ctrl-C stops it.

There is no platform behind it: the channel is open, but every call of ctx.temps fails with the code
"internal". For one that answers, use temps-plugin/testing.

  --port PORT          0 takes a free one (default: 8000)
  --dialect 1|2        of the protocol (default: 2)
  --user EMAIL         of the signed-in user (default: developer@localhost)
  --role ROLE          of that user (default: admin); one of
                       ${ROLES.join(", ")}
  --permissions LIST   of that user, with commas between
  --database-url URL   for a plugin whose manifest has requires_db
  --no-watch           do not start it anew when a file changes, and end when it ends
  --watch              do so, which is the default
  -h, --help           this text

An event is delivered when you POST it to /events ("id" and "timestamp" are made up if missing):
  curl http://127.0.0.1:8000/events \\
    -d '{"event_type": "deployment.succeeded", "project_id": 7, "data": {}}'

TypeScript needs esbuild: npm install --save-dev esbuild postject

examples:
  npx temps-plugin run src/index.ts
  npx temps-plugin run src/index.ts --port 9000 --dialect 1
  npx temps-plugin run src/index.ts --user ann@example.org --role user --permissions projects:read

exit status: 0 stopped, 1 cannot run, 2 wrong arguments
`;

/** Runs the command until it is stopped; returns the exit status. */
export async function runCommand(given: string[]): Promise<number> {
  const { values, positionals } = parseCommand(given, {
    port: { type: "string", default: "8000" },
    dialect: { type: "string", default: "2" },
    user: { type: "string", default: "developer@localhost" },
    role: { type: "string", default: "admin" },
    permissions: { type: "string", default: "" },
    "database-url": { type: "string" },
    watch: { type: "boolean" },
    "no-watch": { type: "boolean" },
  });
  if (values.watch && values["no-watch"])
    throw new UsageError("--watch and --no-watch exclude each other");
  return develop(oneFile(positionals), {
    port: portOf(values.port),
    dialect: oneOf("--dialect", values.dialect, ["1", "2"]) === "1" ? 1 : 2,
    user: headerValue("--user", values.user),
    role: oneOf("--role", values.role, ROLES),
    permissions: headerValue("--permissions", values.permissions),
    databaseUrl: values["database-url"],
    watch: !values["no-watch"],
  });
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new UsageError(`--port ${text}: a number from 0 to 65535 is allowed`);
  }
  return port;
}

function headerValue(option: string, text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) {
    throw new UsageError(`${option} ${JSON.stringify(text)}: printable ASCII is allowed`);
  }
  return text;
}
