// Writes answers as RESP2 or RESP3, whichever the client asked for: what RESP2 has no type for (maps, pushes, verbatim text) it gets as an array or a
// bulk string. Answers are gathered: `take` gives all that was written since the last one, in as few pieces as there are, so that the answers to a
// pipeline of commands are one write.
//
// The buffer that is filled comes from a pool and goes back with `take`, which copies out what it holds: an idle connection has none. A large value
// is not copied at all: it becomes a piece of its own.

import type { Integer } from "./bytes.ts";

const BUFFER_BYTES = 64 * 1024;
/** Buffers kept for reuse: clients are answered one after the other. */
const BUFFERS_KEPT_MAX = 4;
/** A value from this size on is a piece of its own. */
const OWN_PIECE_BYTES = 8 * 1024;
const CR = 13;
const LF = 10;
const ZERO = 48;
const NULL = { 2: "$-1\r\n", 3: "_\r\n" };

const NOTHING = Buffer.allocUnsafe(0);
const pool: Buffer[] = [];

/** Writes the answers of one connection. */
export class RespWriter {
  protocol: 2 | 3 = 2;
  #buffer: Buffer = NOTHING;
  #end = 0;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;

  /** Bytes written since the last `take`. */
  get size(): number {
    return this.#pieceBytes + this.#end;
  }

  /** All that was written since the last `take`. */
  take(): Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    return pieces;
  }

  // --- answers ---------------------------------------------------------------------------------------------------------------

  /** Bytes, or text of a character a byte, that are RESP already. */
  raw(encoded: Uint8Array | string): void {
    const { length } = encoded;
    if (typeof encoded !== "string") this.#put(encoded);
    else {
      this.#room(length);
      this.#buffer.latin1Write(encoded, this.#end, length);
      this.#end += length;
    }
  }

  ok(): void {
    this.raw("+OK\r\n");
  }

  /** A short text without a line's end. */
  simple(text: string): void {
    this.raw(`+${text}\r\n`);
  }

  /** An error; `text` begins with its code. Ends of lines would end the answer: they become spaces. */
  error(text: string): void {
    this.raw(`-${text.replaceAll(/[\r\n]/g, " ")}\r\n`);
  }

  integer(value: Integer): void {
    if (typeof value === "number" && value >= 0 && value < 1e9) this.#head(":", value);
    else this.raw(`:${value}\r\n`);
  }

  /** A string of any bytes; `null` is that there is none. */
  bulk(value: Uint8Array | null): void {
    if (value === null) {
      this.null();
      return;
    }
    this.#head("$", value.length);
    this.#put(value);
    this.#room(2);
    this.#buffer[this.#end++] = CR;
    this.#buffer[this.#end++] = LF;
  }

  /** As {@link bulk}, of text of a character a byte. */
  bulkText(text: string): void {
    this.#head("$", text.length);
    this.raw(text);
    this.raw("\r\n");
  }

  null(): void {
    this.raw(NULL[this.protocol]);
  }

  /** Text for people. */
  verbatim(text: string): void {
    if (this.protocol === 2) this.bulkText(text);
    else this.raw(`=${text.length + 4}\r\ntxt:${text}\r\n`);
  }

  /** The head of an array: `count` answers follow. */
  array(count: number): void {
    this.#head("*", count);
  }

  /** The head of a map: `count` pairs of answers follow. */
  map(count: number): void {
    if (this.protocol === 2) this.#head("*", count * 2);
    else this.#head("%", count);
  }

  /** The head of what was not asked for: `count` answers follow. */
  push(count: number): void {
    this.#head(this.protocol === 2 ? "*" : ">", count);
  }

  // --- bytes -----------------------------------------------------------------------------------------------------------------

  #head(type: string, count: number): void {
    this.#room(24);
    const buffer = this.#buffer;
    buffer[this.#end++] = type.charCodeAt(0);
    if (count < 10) buffer[this.#end++] = ZERO + count;
    else {
      const digits = String(count);
      for (let i = 0; i < digits.length; i++) buffer[this.#end++] = digits.charCodeAt(i);
    }
    buffer[this.#end++] = CR;
    buffer[this.#end++] = LF;
  }

  #put(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length >= OWN_PIECE_BYTES) {
      this.#cut();
      this.#pieces.push(bytes);
      this.#pieceBytes += length;
      return;
    }
    this.#room(length);
    if (length > 32) this.#buffer.set(bytes, this.#end);
    else for (let i = 0; i < length; i++) this.#buffer[this.#end + i] = bytes[i] as number;
    this.#end += length;
  }

  #room(count: number): void {
    if (this.#end + count <= this.#buffer.length) return;
    if (this.#end === 0 && count <= BUFFER_BYTES) {
      this.#buffer = pool.pop() ?? Buffer.allocUnsafe(BUFFER_BYTES);
      return;
    }
    const room = Buffer.allocUnsafe(Math.max(this.#buffer.length, count) * 2);
    this.#buffer.copy(room, 0, 0, this.#end);
    this.#buffer = room;
  }

  /** What is gathered becomes a piece. */
  #cut(): void {
    if (this.#end === 0) return;
    this.#pieces.push(Uint8Array.prototype.slice.call(this.#buffer, 0, this.#end));
    this.#pieceBytes += this.#end;
    if (this.#buffer.length === BUFFER_BYTES && pool.length < BUFFERS_KEPT_MAX) pool.push(this.#buffer);
    this.#buffer = NOTHING;
    this.#end = 0;
  }
}

/** `encode` makes an answer of its own, in either protocol. */
export function encoded(protocol: 2 | 3, encode: (writer: RespWriter) => void): Uint8Array {
  const writer = new RespWriter();
  writer.protocol = protocol;
  encode(writer);
  const pieces = writer.take();
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}
