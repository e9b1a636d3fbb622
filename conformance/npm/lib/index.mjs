import conformance from "./index.cjs";

export const { assertConformant, NotConformantError, program, RunnerError } = conformance;
