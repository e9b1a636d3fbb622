/** WebSocket frames, as a client writes and reads them (RFC 6455, section 5). */

/** The kinds of frames. */
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** An `api_call` carries up to 32 MiB, a third more in base64. */
const MESSAGE_LIMIT = 64 * 1024 * 1024;

/** A message, its fragments joined, or a control frame. */
export interface Message {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** One whole frame, masked as a client has to. */
export function frame(opcode: number, payload: Buffer): Buffer {
  const size = payload.length < 126 ? 0 : payload.length < 65536 ? 2 : 8;
  const head = Buffer.alloc(2 + size + 4);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (size === 0 ? payload.length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(payload.length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(payload.length), 2);
  // The mask is there against caches between browser and server; on this socket zeros will do.
  return Buffer.concat([head, payload]);
}

/** Messages out of bytes that come in pieces of any size. */
export class Frames {
  /** Whether something came that is no frame of a server, or too long. Nothing is read after it. */
  broken = false;
  #pieces: Buffer[] = [];
  #waiting = 0;
  #wanted = 2;
  #kind = 0;
  #parts: Buffer[] = [];
  #length = 0;

  /** Takes the next bytes and returns the messages that are complete with them. */
  take(piece: Buffer): Message[] {
    const found: Message[] = [];
    if (piece.length === 0 || this.broken) return found;
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    // Joined only when there is enough: a long frame comes in many pieces.
    while (!this.broken && this.#waiting >= this.#wanted) {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
      const used = this.#read(bytes as Buffer, found);
      const rest = (bytes as Buffer).subarray(used);
      this.#pieces = [rest];
      this.#waiting = rest.length;
      if (used > 0) this.#wanted = 2;
    }
    return found;
  }

  /** Reads one frame; returns how many bytes it had, or 0 and sets what it wants. */
  #read(bytes: Buffer, found: Message[]): number {
    const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
    const short = second & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return this.#want(head);
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(2)
          : Number(bytes.readBigUInt64BE(2));
    if (second & 0x80 || length > MESSAGE_LIMIT - this.#length) {
      this.broken = true;
      return 0;
    }
    if (bytes.length < head + length) return this.#want(head + length);
    this.#put(first, bytes.subarray(head, head + length), found);
    return head + length;
  }

  #want(bytes: number): 0 {
    this.#wanted = bytes;
    return 0;
  }

  #put(first: number, payload: Buffer, found: Message[]): void {
    const opcode = first & 0x0f;
    if (opcode >= Opcode.close) {
      found.push({ opcode, payload });
      return;
    }
    if (opcode !== 0) this.#kind = opcode;
    this.#parts.push(payload);
    this.#length += payload.length;
    if (!(first & 0x80)) return;
    found.push({ opcode: this.#kind, payload: Buffer.concat(this.#parts) });
    this.#parts = [];
    this.#length = 0;
  }
}
