// Never run: that it compiles is the test.

import {
  assertConformant,
  NotConformantError,
  type Options,
  type Report,
} from "temps-plugin-conformance";

const options: Options = { dialect: 2, run: ["channel/*"], signal: AbortSignal.timeout(60_000) };
const report: Report = await assertConformant(["node", "plugin.js"], options);
const passed: number = report.counts.passed;
const first: string | undefined = report.results[0]?.expected;
// @ts-expect-error there is no third dialect
await assertConformant("./plugin", { dialect: 3 });
// @ts-expect-error a list is needed
await assertConformant("./plugin", { run: "channel/*" });
try {
  await assertConformant("./plugin");
} catch (error) {
  if (error instanceof NotConformantError) console.error(error.report.verdict, passed, first);
}
