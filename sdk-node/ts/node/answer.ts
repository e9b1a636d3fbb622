// The answer of one request, between Node's response and the exchange.
import { getDefaultHighWaterMark } from "node:stream";
import type { Exchange } from "../exchange.js";
import { callAll } from "./faults.js";
import { type Head, trailersOf } from "./head.js";
import { type Chunk, type Done, NEED_DRAIN, type Response } from "./internals.js";

/** Bytes held for a request's reader, or an answer's, before its writer is to wait. */
export const HIGH_WATER_MARK = getDefaultHighWaterMark(false);

/** Pieces that are together at most this long (in bytes, or characters) go out as one. */
const TOGETHER = 64 * 1024;

const NOTHING_TO_CALL: readonly Done[] = [];

function bytes(chunk: Chunk): Uint8Array {
  return typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

/** Pieces as one: text as long as all of it is. */
function joined(pieces: readonly Chunk[]): Chunk | null {
  if (pieces.length < 2) return pieces[0] ?? null;
  if (pieces.every((piece) => typeof piece === "string")) return pieces.join("");
  return Buffer.concat(pieces.map(bytes));
}

function isUtf8(encoding: string): boolean {
  return encoding === "utf8" || encoding === "utf-8" || /^utf-?8$/i.test(encoding);
}

/** Tells a response that nothing more happens to it. */
export function closeResponse(res: Response): void {
  if (res._closed) return;
  res.destroyed = true;
  res._closed = true;
  res.emit("close");
}

/** Who an answer belongs to. */
export interface Answering {
  /** All of the answer is with the exchange; `finish` is emitted next. */
  answerLeft(): void;
  /** The exchange has refused a part of the answer. */
  answerRefused(error: Error): void;
}

function onTick(answer: Answer): void {
  answer.tick();
}

/** What was written of an answer, on its way to the exchange. */
export class Answer {
  /** Its head, once it is settled. */
  head: Head | null = null;
  /** How often `cork()` was called. */
  corked = 0;
  /** Bytes, or characters, that were written and not handed on. */
  held = 0;
  /** All that was written. */
  written = 0;
  /** Author code has ended it. */
  ended = false;
  /** All of it is with the exchange. */
  isComplete = false;

  private readonly exchange: Exchange;
  private readonly owner: Answering;
  private res: Response | null;
  private pieces: Chunk[] = [];
  private callbacks: Done[] | null = null;
  private trailers = "";
  /** A tick is on its way. */
  private isScheduled = false;
  /** The head is with the exchange. */
  private isStarted = false;
  /** The exchange has asked to hold back. */
  private isBlocked = false;
  /** Nothing more of it reaches anybody. */
  private isLost = false;

  constructor(exchange: Exchange, owner: Answering, res: Response) {
    this.exchange = exchange;
    this.owner = owner;
    this.res = res;
  }

  /** A piece of the body; false: wait for `drain`. */
  take(data: Chunk, encoding?: BufferEncoding | null, callback?: Done | null): boolean {
    if (callback) {
      this.callbacks ??= [];
      this.callbacks.push(callback);
    }
    if (data.length > 0) {
      const isText = typeof data !== "string" || !encoding || isUtf8(encoding);
      this.pieces.push(isText ? data : Buffer.from(data, encoding));
      this.held += data.length;
      this.written += data.length;
    }
    this.schedule();
    return !this.isBlocked && this.held < HIGH_WATER_MARK;
  }

  /** Author code has ended the answer. One that was not begun goes out whole. */
  finish(res: Response): void {
    this.ended = true;
    const { head } = this;
    if (this.isLost || head === null) return;
    if (head.chunked) this.trailers = trailersOf(res);
    const isWhole = this.pieces.length < 2 || this.held <= TOGETHER;
    if (this.isStarted || !isWhole || this.trailers !== "") this.handOn(head);
    else this.respond(head);
    this.schedule();
  }

  private respond(head: Head): void {
    this.isStarted = true;
    this.isComplete = true;
    try {
      this.exchange.respond(head.status, head.headers, this.takePieces());
    } catch (error) {
      this.isComplete = false;
      this.owner.answerRefused(error as Error);
    }
  }

  private takePieces(): Chunk | null {
    const body = joined(this.pieces);
    if (this.pieces.length > 0) this.pieces = [];
    this.held = 0;
    return body;
  }

  /** Hands on what is held, as far as the exchange takes it. */
  private handOn(head: Head): void {
    if (this.isBlocked) return;
    try {
      if (!this.isStarted) this.exchange.start(head.status, head.headers);
      this.isStarted = true;
      this.writePieces();
      if (this.isBlocked || !this.ended || this.isComplete) return;
      this.exchange.end(this.trailers);
      this.isComplete = true;
    } catch (error) {
      this.owner.answerRefused(error as Error);
    }
  }

  private writePieces(): void {
    if (this.held <= TOGETHER) {
      const together = this.takePieces();
      if (together !== null) this.isBlocked = !this.exchange.write(together);
      return;
    }
    const { pieces } = this;
    for (const [at, piece] of pieces.entries()) {
      this.held -= piece.length;
      if (this.exchange.write(piece)) continue;
      this.isBlocked = true;
      this.pieces = pieces.slice(at + 1);
      return;
    }
    this.pieces = [];
    this.held = 0;
  }

  /** There is room again. */
  drain(): void {
    this.isBlocked = false;
    if (this.isLost) return;
    if (this.head !== null) this.handOn(this.head);
    if (!this.isBlocked) this.settle();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    process.nextTick(onTick, this);
  }

  /** Everything written since the turn began is here. */
  tick(): void {
    this.isScheduled = false;
    if (this.isLost) return;
    if (!this.isComplete) {
      if (this.corked > 0) return;
      if (this.head !== null) this.handOn(this.head);
    }
    if (!this.isBlocked && !this.isLost) this.settle();
  }

  /** What was held is handed on: tells author code. */
  private settle(): void {
    const { res } = this;
    const callbacks = this.callbacks ?? NOTHING_TO_CALL;
    this.callbacks = null;
    if (res === null) return;
    if (this.isComplete) {
      this.leave(res, callbacks);
      return;
    }
    callAll(callbacks);
    if (res[NEED_DRAIN] && !res.finished) {
      res[NEED_DRAIN] = false;
      res.emit("drain");
    }
  }

  /** `finish`, which is one of the callbacks, then `close`. */
  private leave(res: Response, callbacks: readonly Done[]): void {
    this.res = null;
    this.owner.answerLeft();
    process.nextTick(closeResponse, res);
    callAll(callbacks);
  }

  /** Nothing more of it reaches anybody. */
  lose(error: Error): void {
    if (this.isComplete) this.settle();
    this.isLost = true;
    this.pieces = [];
    this.held = 0;
    const { callbacks, res } = this;
    this.callbacks = null;
    this.res = null;
    if (callbacks !== null) callAll(callbacks, error);
    if (res !== null) closeResponse(res);
  }

  /** Undoes one `cork()`. */
  uncork(): void {
    if (this.corked === 0) return;
    this.corked--;
    const isWaiting = this.held > 0 || (this.head !== null && !this.isStarted);
    if (this.corked === 0 && isWaiting) this.schedule();
  }
}
