import type { AssertionError } from "node:assert";

/** What became of one check in one dialect. */
export interface Result {
  /** Area and name, such as `handshake/completes`. */
  readonly check: string;
  /** What holds when it passes. */
  readonly title: string;
  /** Ids of the rules of PROTOCOL.md that it proves. */
  readonly rules: readonly string[];
  readonly severity: "MUST" | "SHOULD" | "MAY";
  readonly dialect: 1 | 2;
  /** `fault` is the runner's own failure. */
  readonly status: "passed" | "failed" | "skipped" | "fault";
  /** Of a failed check: what was due, and what happened instead. */
  readonly expected?: string;
  readonly seen?: string;
  /** Of a skipped check. */
  readonly reason?: string;
}

/** What a run found out: the runner's JSON report. It has more members than these. */
export interface Report {
  /** What was started. */
  readonly command: readonly string[];
  readonly verdict:
    | "conformant"
    | "not_conformant"
    | "nothing_run"
    | "never_started"
    | "runner_fault";
  /** How many checks ended how. */
  readonly counts: Readonly<
    Record<"passed" | "failed" | "warnings" | "skipped" | "faults", number>
  >;
  readonly results: readonly Result[];
}

export interface Options {
  /** The dialect to check. Default: `"both"`. */
  readonly dialect?: 1 | 2 | "both";
  /** Only checks whose id, or one of whose rules, matches one of these globs. */
  readonly run?: readonly string[];
  /** No checks that match one of these. */
  readonly skip?: readonly string[];
  /** A file of failures that are known. */
  readonly knownFailing?: string;
  /** A `conformance.toml` with sample requests. */
  readonly config?: string;
  /** Other flags of `temps-plugin-conformance run`, as they are. */
  readonly arguments?: readonly string[];
  /** Where the runner is started. Default: the working directory. */
  readonly cwd?: string;
  /** Ends the run, and what it has started. */
  readonly signal?: AbortSignal;
}

/** A plugin broke rules of the protocol. The message names each of them. */
export class NotConformantError extends AssertionError {
  readonly code: "ERR_NOT_CONFORMANT";
  readonly report: Report;
}

/** The run itself went wrong, so that nothing is known of the plugin. */
export class RunnerError extends Error {
  readonly code: "ERR_CONFORMANCE_RUNNER";
}

/**
 * Holds a plugin to the protocol.
 *
 * `command` is the plugin's program, or a list of the program and its own arguments.
 *
 * Rejects with {@link NotConformantError} when the plugin breaks a rule or does not start, and with
 * {@link RunnerError} when the run itself goes wrong, such as by a glob that matches nothing.
 */
export function assertConformant(
  command: string | readonly string[],
  options?: Options,
): Promise<Report>;

/** The path of the runner. Throws when the package for this system is not installed. */
export function program(): string;
