// What an author writes. It passes or fails with PLUGIN.

import { test } from "node:test";
import { assertConformant } from "temps-plugin-conformance";

test("the plugin keeps the protocol", () =>
  assertConformant(["python3", process.env.PLUGIN], { run: ["MF-12"] }));
