/**
 * `temps-plugin run`: a plugin, a small host and a browser.
 *
 * The host's part is small on purpose: it starts the plugin, proxies to it as a signed-in user,
 * opens the channel, passes events on and starts the plugin anew when a file changes. There is no
 * platform behind the channel: calls are answered with an error.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, extname, join, resolve } from "node:path";
import { keepOpen } from "./develop_channel.js";
import { type Home, type RunningPlugin, type Settings, start } from "./develop_plugin.js";
import { programFor } from "./develop_program.js";
import { DevelopProxy } from "./develop_proxy.js";
import { Watch } from "./develop_watch.js";
import { CommandError, messageOf } from "./errors.js";
import { projectOf } from "./project.js";

/**
 * Runs a plugin until SIGINT or SIGTERM; resolves to the exit status. Rejects with a `CommandError`
 * when there is nothing to run or no port to show it at, and, without watching, when it ends.
 */
export async function develop(entry: string, settings: Settings): Promise<number> {
  if (!existsSync(entry) || !statSync(entry).isFile()) {
    throw new CommandError(`there is no file ${entry}`);
  }
  const temporary = mkdtempSync(join(tmpdir(), "temps-"));
  try {
    await new Session(resolve(entry), settings, temporary).run();
    return 0;
  } finally {
    rmSync(temporary, { force: true, recursive: true });
  }
}

function say(line: string): void {
  process.stderr.write(`[temps] ${line}\n`);
}

/** From the command to Ctrl-C; lives of the plugin come and go in it. */
class Session {
  readonly #entry: string;
  readonly #settings: Settings;
  readonly #project: string;
  readonly #keep: string;
  readonly #home: Home;
  readonly #proxy: DevelopProxy;
  readonly #stop = new AbortController();
  #running: RunningPlugin | undefined;

  constructor(entry: string, settings: Settings, temporary: string) {
    this.#entry = entry;
    this.#settings = settings;
    this.#project = projectOf(entry);
    this.#keep = join(this.#project, ".temps");
    const name = basename(entry, extname(entry));
    this.#home = {
      data: join(this.#keep, name),
      hostData: join(this.#keep, "host-data"),
      socket: join(temporary, "plugin.sock"),
    };
    this.#proxy = new DevelopProxy(settings, say);
  }

  async run(): Promise<void> {
    mkdirSync(this.#home.data, { recursive: true });
    writeFileSync(join(this.#keep, ".gitignore"), "*\n");
    const onSignal = () => {
      if (this.#stop.signal.aborted) this.#running?.kill();
      this.#stop.abort();
    };
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, onSignal);
    try {
      await this.#proxy.listen();
      await this.#lives();
    } finally {
      this.#proxy.close();
      for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, onSignal);
    }
  }

  async #lives(): Promise<void> {
    const watch = new Watch(this.#project);
    const stop = this.#stop.signal;
    while (!stop.aborted) {
      const turn = new AbortController();
      const end = () => turn.abort();
      stop.addEventListener("abort", end);
      const life = this.#life(turn.signal);
      try {
        if (this.#settings.watch) await this.#untilChanged(watch, life, turn.signal);
        else await life;
      } finally {
        stop.removeEventListener("abort", end);
        turn.abort();
        // How it ended has been told, or is why this ends.
        await life.catch(() => {});
      }
    }
  }

  async #untilChanged(watch: Watch, life: Promise<void>, signal: AbortSignal): Promise<void> {
    life.catch((error: unknown) => {
      if (!signal.aborted) this.#reportEnd(error);
    });
    const names = await watch.changed(signal);
    if (names.length === 0) return;
    const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
    say(`starting again: ${names.slice(0, 3).join(", ")}${more} changed`);
  }

  #reportEnd(error: unknown): void {
    say(`error: ${messageOf(error)}`);
    say("change a file to start it again");
    this.#proxy.down(messageOf(error));
  }

  /** Starts the plugin and stays with it; rejects when it ends, resolves when `signal` ends it. */
  async #life(signal: AbortSignal): Promise<void> {
    this.#proxy.starting();
    const folder = join(this.#keep, ".program");
    const command = await programFor(this.#entry, this.#project, folder);
    if (signal.aborted) return;
    const running = await start(command, this.#settings, this.#home, say, signal);
    this.#running = running;
    const channel = new AbortController();
    try {
      this.#proxy.up(running);
      this.#announce(running);
      const ended = running.ended.then((how) => {
        throw new CommandError(`it ended with ${how}`);
      });
      const open = this.#keepChannel(running, channel.signal);
      await Promise.race([ended, open, aborted(signal)]);
    } finally {
      this.#proxy.starting();
      await running.stop(say);
      channel.abort();
      this.#running = undefined;
    }
  }

  /** Settles only when it is worth ending the plugin for. */
  async #keepChannel(running: RunningPlugin, signal: AbortSignal): Promise<void> {
    try {
      await keepOpen(running.address, this.#proxy.slot, signal);
    } catch (error) {
      const text = `no channel: ${messageOf(error)}`;
      if (this.#settings.dialect === 2) throw new CommandError(text);
      say(text);
      await aborted(signal);
    }
  }

  #announce(running: RunningPlugin): void {
    const url = `http://127.0.0.1:${this.#proxy.port}/api/x/${running.name}/`;
    const version = String(running.manifest["version"]);
    say(`${running.name} ${version}, dialect ${this.#settings.dialect}: ${url}`);
    if (running.hasUi) say(`its user interface: ${url}ui/`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
