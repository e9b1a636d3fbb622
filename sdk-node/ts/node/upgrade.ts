// A connection that author code has taken over: a real stream, since whoever takes one over (`ws`)
// reads and writes it as such.
import type { AsyncResource } from "node:async_hooks";
import type { Server } from "node:http";
import { Duplex } from "node:stream";
import type { Exchange, ExchangeSink } from "../exchange.js";
import { EXCHANGE } from "./exchange_of.js";
import { connectionReset } from "./faults.js";
import { addSurface, type Idle, type Surface } from "./surface.js";

/** Pieces that are together at most this long, in bytes, go out as one. */
const TOGETHER = 64 * 1024;

type Written = (error?: Error | null) => void;

// Merged with the class: what `addSurface` gives it.
export interface UpgradedSocket extends Surface {}

/** The bytes of a connection that was taken over, both ways. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: `addSurface` below is what makes it safe
export class UpgradedSocket extends Duplex implements ExchangeSink {
  readonly [EXCHANGE]: Exchange;
  readonly server: Server | undefined;
  bytesRead = 0;
  bytesWritten = 0;
  idle: Idle | undefined = undefined;
  timeout = 0;
  readonly #scope: AsyncResource;
  #pulling = false;
  #written: Written | null = null;

  /** @param scope - where what comes in is told of */
  constructor(exchange: Exchange, server: Server | undefined, scope: AsyncResource) {
    // As Node's server opens its connections: each direction ends by itself.
    super({ allowHalfOpen: true });
    this[EXCHANGE] = exchange;
    this.server = server;
    this.#scope = scope;
    exchange.sink = this;
    exchange.upgrade();
  }

  override _read(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    this[EXCHANGE].pull();
  }

  body(chunk: Buffer | null): void {
    this.#pulling = false;
    if (this.destroyed) return;
    this.idle?.touch();
    this.bytesRead += chunk?.length ?? 0;
    this.#scope.runInAsyncScope(this.push, this, chunk);
  }

  bodyFailed(message: string): void {
    this.#pulling = false;
    const error = Object.assign(new Error(message), { code: "ECONNRESET" });
    // One that nobody listens for would end the process, and the caller's going away is no reason to.
    this.destroy(this.listenerCount("error") > 0 ? error : undefined);
  }

  /** The end, be it the caller's doing or that both sides have ended. */
  gone(): void {
    this.#scope.runInAsyncScope(this.destroy, this);
  }

  /** Author code has thrown, or rejected. */
  fail(error: unknown): void {
    this[EXCHANGE].abort("the handler of an upgrade failed", error);
    this.destroy();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: Written): void {
    this.#put([chunk], written);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], written: Written): void {
    const pieces = chunks.map(({ chunk }) => chunk);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#put(length <= TOGETHER ? [Buffer.concat(pieces, length)] : pieces, written);
  }

  /** Writes pieces one after the other, each when there is room for it. */
  #put(pieces: Buffer[], written: Written): void {
    this.idle?.touch();
    for (const [at, piece] of pieces.entries()) {
      this.bytesWritten += piece.length;
      let room: boolean;
      try {
        room = this[EXCHANGE].write(piece);
      } catch (error) {
        written(error as Error);
        return;
      }
      if (!room) {
        const rest = pieces.slice(at + 1);
        this.#written = rest.length > 0 ? () => this.#put(rest, written) : written;
        return;
      }
    }
    written();
  }

  drain(): void {
    const written = this.#written;
    this.#written = null;
    if (written !== null) this.#scope.runInAsyncScope(written);
  }

  override _final(done: Written): void {
    this[EXCHANGE].end();
    done();
  }

  override _destroy(error: Error | null, done: Written): void {
    this.idle?.set(0);
    this[EXCHANGE].close();
    const written = this.#written;
    this.#written = null;
    written?.(error ?? connectionReset());
    done(error);
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** As Node: whoever takes a connection over is told, and decides. */
  idled(): void {
    this.emit("timeout");
  }
}

addSurface(UpgradedSocket.prototype);
