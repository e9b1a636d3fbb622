/** The same answer from a route of Fastify, with its defaults. */

import fastify from "fastify";
import { ITEM } from "./item.mjs";

const instance = fastify();

instance.get("/json", async () => ITEM);
await instance.ready();

/** The server that Fastify made; whoever imports it says where it listens. */
export const app = instance.server;
