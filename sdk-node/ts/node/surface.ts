// What frameworks call on a socket and means nothing here, for both kinds of sockets: the connection
// is a Unix socket that the native server owns.
import type { EventEmitter } from "node:events";

/** A clock that runs down while nothing travels. */
export class Idle {
  #timer: NodeJS.Timeout | undefined;
  readonly #elapsed: () => void;

  constructor(elapsed: () => void) {
    this.#elapsed = elapsed;
  }

  /** Milliseconds until the clock has run down; 0 for never. */
  set(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (milliseconds === 0) return;
    this.#timer = setTimeout(this.#elapsed, milliseconds);
    this.#timer.unref();
  }

  /** Something travelled. */
  touch(): void {
    this.#timer?.refresh();
  }
}

/** The part of `net.Socket` that both sockets share. */
export interface Surface {
  idle: Idle | undefined;
  timeout: number;
  readonly connecting: boolean;
  readonly pending: boolean;
  setTimeout(milliseconds: number, callback?: () => void): this;
  setNoDelay(): this;
  setKeepAlive(): this;
  ref(): this;
  unref(): this;
  address(): object;
  resetAndDestroy(): this;
}

type Socket = Surface &
  EventEmitter & {
    destroy(error?: Error): unknown;
    /** Nothing has travelled for as long as was asked for. */
    idled(): void;
  };

const surface = {
  connecting: false,
  pending: false,
  setTimeout(this: Socket, milliseconds: number, callback?: () => void) {
    const time = Number(milliseconds);
    if (!Number.isFinite(time) || time < 0) {
      throw Object.assign(
        new RangeError(
          `setTimeout() takes milliseconds, 0 or more; this is ${String(milliseconds)}`,
        ),
        { code: "ERR_OUT_OF_RANGE" },
      );
    }
    this.timeout = time;
    this.idle ??= new Idle(() => this.idled());
    this.idle.set(time);
    if (callback !== undefined) {
      if (time === 0) this.removeListener("timeout", callback);
      else this.once("timeout", callback);
    }
    return this;
  },
  setNoDelay(this: Socket) {
    return this;
  },
  setKeepAlive(this: Socket) {
    return this;
  },
  ref(this: Socket) {
    return this;
  },
  unref(this: Socket) {
    return this;
  },
  /** As of a Unix socket: there is no address. */
  address() {
    return {};
  },
  resetAndDestroy(this: Socket) {
    this.destroy();
    return this;
  },
};

/** Adds the shared part to a class of sockets. */
export function addSurface(prototype: object): void {
  Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(surface));
}
