// The socket of one request: what `req.socket` and `res.socket` are. There is no connection behind it;
// it stands between Node's request and response and the exchange. One is made for every request, so it
// is no `stream.Duplex`: it has the parts of one that Node's classes and frameworks use.
import type { AsyncResource } from "node:async_hooks";
import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import type { Exchange, ExchangeSink } from "../exchange.js";
import { log } from "../logs.js";
import { Answer, type Answering, HIGH_WATER_MARK } from "./answer.js";
import { EXCHANGE } from "./exchange_of.js";
import { connectionReset, destroyed } from "./faults.js";
import type { Request, Response } from "./internals.js";
import { addSurface, type Idle, type Surface } from "./surface.js";

function onClosed(socket: RequestSocket, error: Error | undefined): void {
  socket.close(error);
}

// Merged with the class: what `addSurface` gives it.
export interface RequestSocket extends Surface {}

/** Node's request and response on one side, an exchange on the other. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: `addSurface` below is what makes it safe
export class RequestSocket extends EventEmitter implements ExchangeSink, Answering {
  readonly [EXCHANGE]: Exchange;
  /** The server whose listeners answer, as on a socket of Node's. */
  readonly server: Server | undefined;
  /** The response under way; Node's classes look here. */
  _httpMessage: Response | null = null;
  /** Node's response emits no `finish` then. */
  _hadError = false;
  errored: Error | null = null;
  destroyed = false;
  closed = false;
  bytesRead = 0;
  idle: Idle | undefined = undefined;
  timeout = 0;
  /** The answer; null before there is a response. */
  answer: Answer | null = null;

  private readonly scope: AsyncResource;
  private req: Request | null = null;
  private isBodyOver = false;
  private isPulling = false;
  private isDiscarded = false;

  /** @param scope - where what comes in is told of */
  constructor(exchange: Exchange, server: Server | undefined, scope: AsyncResource) {
    super();
    this[EXCHANGE] = exchange;
    this.server = server;
    this.scope = scope;
  }

  /** Ties request and response to this socket. */
  carry(req: Request, res: Response): void {
    const exchange = this[EXCHANGE];
    this.req = req;
    this._httpMessage = res;
    this.answer = new Answer(exchange, this, res);
    exchange.sink = this;
  }

  /** Node's request calls it when it is read: the only place where the body is asked for. */
  resume(): this {
    const { req } = this;
    if (this.isBodyOver || this.isPulling || req === null) return this;
    const exchange = this[EXCHANGE];
    if (!exchange.hasBody || this.isDiscarded) this.endBody(req);
    else if (exchange.inline !== null) {
      this.bytesRead = exchange.inline.length;
      // Before `push`: whoever it wakes may ask for more.
      this.isPulling = true;
      req.push(exchange.inline);
      this.endBody(req);
    } else {
      this.isPulling = true;
      exchange.pull();
    }
    return this;
  }

  pause(): this {
    return this;
  }

  body(chunk: Buffer | null, trailers: string): void {
    this.isPulling = false;
    this.scope.runInAsyncScope(this.bodyCame, this, chunk, trailers);
  }

  private bodyCame(chunk: Buffer | null, trailers: string): void {
    const { req } = this;
    if (this.destroyed || this.isBodyOver || req === null) return;
    this.idle?.touch();
    if (chunk !== null) {
      this.bytesRead += chunk.length;
      req.push(chunk);
      return;
    }
    req.complete = true;
    if (trailers !== "") {
      const lines = trailers.split("\n");
      req._addHeaderLines(lines, lines.length);
    }
    this.endBody(req);
  }

  bodyFailed(message: string): void {
    this.isPulling = false;
    const error = Object.assign(new Error(message), { code: "ECONNRESET" });
    // That the caller has left is no fault of the handler's, to be logged as one.
    this[EXCHANGE].close();
    this.scope.runInAsyncScope(this.destroy, this, error);
  }

  drain(): void {
    this.idle?.touch();
    const { answer } = this;
    if (answer !== null) this.scope.runInAsyncScope(answer.drain, answer);
  }

  gone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this._hadError = this.answer?.isComplete !== true;
    this.scope.runInAsyncScope(this.close, this);
  }

  private endBody(req: Request): void {
    this.isBodyOver = true;
    req.complete = true;
    req.push(null);
  }

  answerLeft(): void {
    const { req, _httpMessage: res } = this;
    this.idle?.set(0);
    this._httpMessage = null;
    if (res !== null) (res as { socket: unknown }).socket = null;
    if (req !== null && !req._consuming && !req.destroyed) this.leaveBody(req);
  }

  /** A body that nobody has begun to read by the end of the answer is thrown away. */
  private leaveBody(req: Request): void {
    const exchange = this[EXCHANGE];
    // Left as it is where nobody would notice: it ends when it is read.
    const isAwaited = req.listenerCount("close") + req.listenerCount("end") > 0;
    if (exchange.hasBody && exchange.inline === null) {
      exchange.discard();
      this.isDiscarded = true;
    } else if (isAwaited) {
      this.endBody(req);
    }
    if (isAwaited) req._dump();
  }

  answerRefused(error: Error): void {
    this[EXCHANGE].abort("the handler's answer is not valid", error);
    this.destroy(error);
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error ?? null;
    const exchange = this[EXCHANGE];
    if (this.answer?.isComplete) {
      if (!this.isBodyOver) exchange.discard();
    } else {
      this._hadError = true;
      exchange.abort("the handler destroyed the connection before it had answered", error);
    }
    process.nextTick(onClosed, this, error);
    return this;
  }

  /** Author code has thrown, or rejected. */
  fail(error: unknown): void {
    const exchange = this[EXCHANGE];
    if (exchange.finished) {
      const { method, target } = exchange;
      log("ERROR", `${method} ${target}: the handler failed after its answer was over`, error);
    } else {
      exchange.abort("the handler failed", error);
      this.destroy();
    }
  }

  /** Tells everyone that the socket is closed. */
  close(error?: Error): void {
    this.closed = true;
    this.idle?.set(0);
    if (error !== undefined && this.listenerCount("error") > 0) this.emit("error", error);
    if (this.req !== null && !this.req.destroyed) this.req.destroy(connectionReset());
    this.answer?.lose(destroyed());
    this.emit("close", this._hadError);
  }

  /** As Node's server: whoever listens decides, otherwise the connection is closed. */
  idled(): void {
    const { req, server } = this;
    this.emit("timeout");
    const told = [
      req !== null && !req.complete && req.emit("timeout", this),
      this._httpMessage?.emit("timeout", this),
      server?.emit("timeout", this),
    ];
    if (!told.includes(true)) this.destroy(new Error(`nothing happened for ${this.timeout} ms`));
  }

  // The rest of what Node's classes and frameworks look for in a stream.

  /** Node's reader looks here before it asks for more. */
  get _paused(): boolean {
    return false;
  }

  /** Node's response sets `corked` on it. */
  get _writableState(): { corked: number } {
    return this.answer ?? { corked: 0 };
  }

  get readable(): boolean {
    return !this.destroyed;
  }

  get writable(): boolean {
    return !this.destroyed;
  }

  get readableHighWaterMark(): number {
    return HIGH_WATER_MARK;
  }

  get writableHighWaterMark(): number {
    return HIGH_WATER_MARK;
  }

  get writableLength(): number {
    return this.answer?.held ?? 0;
  }

  get writableCorked(): number {
    return this.answer?.corked ?? 0;
  }

  get bytesWritten(): number {
    return this.answer?.written ?? 0;
  }

  get readyState(): string {
    return this.destroyed ? "closed" : "open";
  }

  cork(): void {
    if (this.answer !== null) this.answer.corked++;
  }

  uncork(): void {
    this.answer?.uncork();
  }

  write(): never {
    throw new Error(
      "the socket of a request takes no bytes: write to the response, or take the connection over " +
        "with an `upgrade` listener",
    );
  }

  end(): this {
    if (this.answer?.ended !== true) this.destroy();
    return this;
  }

  destroySoon(): void {
    this.end();
  }
}

addSurface(RequestSocket.prototype);
