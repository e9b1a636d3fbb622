/** A platform in memory: what it holds it answers with, and it remembers what it was asked. */

import { __shared, RemoteError } from "../index.js";
import { log, messageOf } from "../logs.js";
import type { NativeTestPlatform } from "../native.js";
import type { Deployment, Environment, Project, WireCalls } from "../wire.js";

/** One call the plugin made. */
export interface RecordedCall {
  /** The method, as it was written. */
  method: string;
  /** Its parameters, as they were written; null when there were none. */
  params: Record<string, unknown> | null;
}

/** Answers a call: gives its result, or refuses by throwing a `RemoteError`. */
export type Answer<M extends keyof WireCalls> = (
  params: WireCalls[M]["params"],
) => WireCalls[M]["result"] | Promise<WireCalls[M]["result"]>;

type AnyAnswer = (params: unknown) => unknown;

/**
 * The platform of a plugin under test.
 *
 * It answers the seven queries from the projects, environments and deployments it was given, newest
 * (highest id) first; `get_host_capabilities` grants everything, `generate_ai` echoes its prompt and
 * `api_call` answers 200 with `{}`. {@link on} replaces any of these.
 */
export class TestPlatform {
  readonly #native: NativeTestPlatform;
  readonly #answers = new Map<string, AnyAnswer>();

  /** Throws for values that the wire does not allow. */
  constructor(
    held: { projects?: Project[]; environments?: Environment[]; deployments?: Deployment[] } = {},
  ) {
    const { projects = [], environments = [], deployments = [] } = held;
    const answers = this.#answers;
    // The native side holds this function for as long as it lives; it must not be held in turn.
    const ask = (question: number, method: string, params: string): void =>
      void answer(answers.get(method), params).then((text) => {
        platform.deref()?.answer(question, text);
      });
    const lists = JSON.stringify([projects, environments, deployments]);
    this.#native = new __shared.native.NativeTestPlatform(lists, ask);
    const platform = new WeakRef(this.#native);
  }

  /**
   * Answers `method` by `answer(params)` from now on. An answer may take its time: it holds up no other.
   *
   * ```ts
   * platform.on("list_projects", () => {
   *   throw new PermissionDenied("not for you");
   * });
   * ```
   *
   * Anything thrown that is no `RemoteError` refuses the call with `internal`, and is logged. Throws for
   * a method that does not exist.
   */
  on<M extends keyof WireCalls>(method: M, answer: Answer<M>): this {
    this.#native.on(method);
    this.#answers.set(method, answer as AnyAnswer);
    return this;
  }

  /** Leaves `method` unanswered from now on, as a host that hangs does. */
  ignore(method: keyof WireCalls): this {
    this.#native.ignore(method);
    return this;
  }

  /** What the plugin has asked so far, in order. */
  get calls(): RecordedCall[] {
    return JSON.parse(this.#native.calls());
  }

  /** @internal */
  static native(platform: TestPlatform): NativeTestPlatform {
    return platform.#native;
  }
}

/** An outcome as JSON text. Never rejects. */
async function answer(answer: AnyAnswer | undefined, params: string): Promise<string> {
  try {
    const result = await answer?.(JSON.parse(params));
    return JSON.stringify({ Ok: result ?? null });
  } catch (error) {
    if (error instanceof RemoteError) {
      return JSON.stringify({ Err: { code: error.code, message: error.message } });
    }
    log("ERROR", "an answer of the test platform failed", error);
    return JSON.stringify({ Err: { code: "internal", message: messageOf(error) } });
  }
}
