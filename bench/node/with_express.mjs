/** The same answer from a route of Express, with its defaults. */

import express from "express";
import { ITEM } from "./item.mjs";

export const app = express();

app.get("/json", (_req, res) => {
  res.json(ITEM);
});
