/** The platform's data. */

import { type CallOptions, type Calls, decode, encode, timeoutOf } from "./calls.js";
import type {
  Deployment,
  Environment,
  GenerateAi,
  GeneratedText,
  HostCapabilities,
  ListDeployments,
  ListProjects,
  Project,
  WireCalls,
} from "./wire.js";

/** Which deployments, and how many of them. */
export type DeploymentFilter = Omit<ListDeployments, "project_id">;

/**
 * The platform's data, over the channel: `ctx.temps`.
 *
 * A call waits at most 10 s for its answer, `generateAi` 65 s, the wait for a channel that is down
 * included; {@link withTimeout} changes that. Any number of calls may be under way at once. Each takes
 * `{ signal }` last. What goes in and comes out has the shape, and the names, of the wire.
 *
 * A call that fails rejects with a `TempsError`: `RemoteError`, `CallTimeout`, `Disconnected`,
 * `ProtocolError` or `InvalidRequest`; one that was given up by its signal, with the signal's reason.
 */
export class TempsClient {
  readonly #calls: Calls;
  readonly #timeoutMs: number | null;

  /** @internal */
  constructor(calls: Calls, timeoutMs: number | null = null) {
    this.#calls = calls;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The same client with another limit for each call, in milliseconds; null brings the defaults back.
   *
   * Throws `RangeError` for anything that is no positive number.
   */
  withTimeout(ms: number | null): TempsClient {
    return new TempsClient(this.#calls, timeoutOf(ms));
  }

  /** One project. */
  getProject(projectId: number, options?: CallOptions): Promise<Project> {
    return this.call("get_project", { project_id: projectId }, options);
  }

  /** All projects, or the first `limit`. Hosts may ignore it and stop at 100. */
  listProjects(options: ListProjects & CallOptions = {}): Promise<Project[]> {
    const { signal, ...params } = options;
    return this.call("list_projects", params, { signal });
  }

  /** One environment. */
  getEnvironment(environmentId: number, options?: CallOptions): Promise<Environment> {
    return this.call("get_environment", { environment_id: environmentId }, options);
  }

  /** A project's environments. */
  listEnvironments(projectId: number, options?: CallOptions): Promise<Environment[]> {
    return this.call("list_environments", { project_id: projectId }, options);
  }

  /** One deployment. */
  getDeployment(deploymentId: number, options?: CallOptions): Promise<Deployment> {
    return this.call("get_deployment", { deployment_id: deploymentId }, options);
  }

  /** The newest deployment of a project, or of one environment of it. */
  getLastDeployment(
    projectId: number,
    options: Pick<DeploymentFilter, "environment_id"> & CallOptions = {},
  ): Promise<Deployment> {
    const { signal, ...params } = options;
    return this.call("get_last_deployment", { ...params, project_id: projectId }, { signal });
  }

  /** The deployments of a project, or of one environment of it, at most `limit`. */
  listDeployments(
    projectId: number,
    options: DeploymentFilter & CallOptions = {},
  ): Promise<Deployment[]> {
    const { signal, ...params } = options;
    return this.call("list_deployments", { ...params, project_id: projectId }, { signal });
  }

  /** What this plugin may do on this host at this moment (dialect 2). */
  getHostCapabilities(options?: CallOptions): Promise<HostCapabilities> {
    return this.call("get_host_capabilities", {}, options);
  }

  /**
   * Text from the platform's model (dialect 2). Asks for the permission `ai_generate`.
   *
   * `purpose` says what the text is for and is shown to administrators; `system` holds instructions
   * that stand above the prompt.
   */
  generateAi(params: GenerateAi, options?: CallOptions): Promise<GeneratedText> {
    return this.call("generate_ai", params, options);
  }

  /** Any call by its name on the wire. */
  call<M extends Exclude<keyof WireCalls, "api_call">>(
    method: M,
    params: WireCalls[M]["params"],
    options?: CallOptions,
  ): Promise<WireCalls[M]["result"]>;
  call(method: string, params?: object, options?: CallOptions): Promise<unknown>;
  async call(method: string, params: object = {}, options: CallOptions = {}): Promise<unknown> {
    const text = encode(method, params);
    return decode(method, await this.#calls.call(method, text, this.#timeoutMs, options.signal));
  }
}
