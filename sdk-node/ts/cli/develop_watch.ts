/** Noticing that a file of a project has changed. */

import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 400;
/** What a plugin is made of. Not every file: a plugin may keep data beside itself. */
const WATCHED = /\.([cm]?[jt]sx?|json|html|css|svg|vue|svelte)$/;
const SKIPPED = ["node_modules", "target"];

type Seen = Map<string, string>;

/**
 * Watches the files below a directory by looking at them: it works on every file system, and tells
 * when a change is over.
 */
export class Watch {
  readonly #directory: string;
  #known: Promise<Seen>;

  constructor(directory: string) {
    this.#directory = directory;
    this.#known = look(directory);
  }

  /**
   * Waits for changes, and until they are over; resolves to the paths of changed files, sorted, and
   * to none when `signal` ends the waiting.
   */
  async changed(signal: AbortSignal): Promise<string[]> {
    const changes = new Set<string>();
    let known = await this.#known;
    for (;;) {
      await pause(POLL_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return [];
      const now = await look(this.#directory);
      const fresh = [...new Set([...known.keys(), ...now.keys()])].filter(
        (name) => known.get(name) !== now.get(name),
      );
      known = now;
      this.#known = Promise.resolve(now);
      for (const name of fresh) changes.add(relative(this.#directory, name));
      if (changes.size > 0 && fresh.length === 0) return [...changes].sort();
    }
  }
}

async function look(directory: string, seen: Seen = new Map()): Promise<Seen> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.name.startsWith(".") || SKIPPED.includes(entry.name)) continue;
    if (entry.isDirectory()) await look(path, seen);
    if (entry.isDirectory() || !WATCHED.test(entry.name)) continue;
    // A file that is gone by now is seen as gone the next time.
    const status = await stat(path, { bigint: true }).catch(() => undefined);
    if (status) seen.set(path, `${status.mtimeNs} ${status.size}`);
  }
  return seen;
}
