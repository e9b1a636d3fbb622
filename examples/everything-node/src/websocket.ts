/** The WebSocket at `/ws`, which gives every message back. */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { PluginContext } from "temps-plugin";
import { type WebSocket, WebSocketServer } from "ws";
import { problem, type Routes } from "./http.js";

/** How many bytes may wait for a peer that does not read: 1 MiB. */
const WAITING_BYTES = 1024 * 1024;

/** What takes connections over that ask for another protocol. */
export function webSockets(ctx: PluginContext) {
  const server = new WebSocketServer({ noServer: true });
  ctx.stopping.addEventListener("abort", () => {
    for (const socket of server.clients) {
      socket.close(1001, "the plugin stops");
    }
  });
  return (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (req.url?.split("?")[0] === "/ws") {
      server.handleUpgrade(req, socket, head, echo);
    } else {
      socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
  };
}

function echo(socket: WebSocket): void {
  socket.on("message", (data, isBinary) => {
    socket.send(data, { binary: isBinary }, () => socket.resume());
    if (socket.bufferedAmount > WAITING_BYTES) {
      socket.pause();
    }
  });
  // ws has closed the connection of a peer that breaks the protocol; unheard, the event would throw.
  socket.on("error", (error) => console.warn(`a WebSocket broke off: ${error.message}`));
}

export const routes: Routes = {
  "/ws": {
    GET({ res }) {
      res.setHeader("upgrade", "websocket");
      problem(res, 426, "this is a WebSocket; ask for an upgrade");
    },
  },
};
