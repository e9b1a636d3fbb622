/** The least a program for node:http does: one answer, its length declared. */

import { ITEM } from "./item.mjs";

/** @type {import("node:http").RequestListener} */
export function app(_req, res) {
  const body = JSON.stringify(ITEM);
  res.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  res.end(body);
}
