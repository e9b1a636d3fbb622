// Apart from the rest of ts/node, which loads node:http: whoever asks for a request's caller may be a
// plugin that has only `fetch`.
import type { IncomingMessage } from "node:http";
import type { Exchange } from "../exchange.js";

/** Where the sockets of this folder keep their exchange. Known by name: this folder is a file of its own. */
export const EXCHANGE = Symbol.for("temps-plugin.exchange");

/** The exchange a request of the SDK belongs to; undefined for one that came any other way. */
export function exchangeOf(req: IncomingMessage): Exchange | undefined {
  const socket = req.socket as unknown as { readonly [EXCHANGE]?: Exchange } | null | undefined;
  return socket?.[EXCHANGE];
}
