/** The application that `--bench-app=<module>` names on node:http, on the socket after `--uds`. */

import { createServer, Server } from "node:http";
import { flag } from "./flags.mjs";

const { app } = await import(`./${flag("bench-app")}.mjs`);
const server = app instanceof Server ? app : createServer(app);
server.listen(process.argv[process.argv.indexOf("--uds") + 1]);
