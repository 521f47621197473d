// Finds commands in what a client sends. Bytes in, commands out, no I/O: `push` a chunk, then call `next` while it gives true. A command is an array
// of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\na\r\n`), or a line of words. Its arguments are not cut out: they are places in `source`, good until the next
// `next`, and whoever wants one takes it as text, as a number, or as a copy.
//
// Invariants. A chunk is read where it lies; only a command that is cut by the end of a chunk is copied, into room that doubles. No argument is looked
// through twice, however small the chunks are. After a ProtocolFault the reader is not to be used any more. What a client can make it hold is
// bounded: a line, an argument, their number, and a command as a whole.

import { type Integer, copyOf, integerOf, textOf } from "./bytes.ts";
import { splitInPlace, splitQuoted, type Words } from "./inline.ts";
import { ProtocolFault } from "./protocol-fault.ts";

/** Bounds of a {@link RespReader}. */
export interface RespLimits {
  /** Arguments of a command, its name included. */
  readonly argumentsMax: number;
  /** Bytes of one argument. */
  readonly bulkBytesMax: number;
  /** Bytes of a command as a whole, as it is sent. */
  readonly commandBytesMax: number;
  /** Bytes of a command that is a line of words. */
  readonly inlineBytesMax: number;
}

/** Redis's own, but for the sizes of an argument and of a command: it takes half a gigabyte. */
export const RESP_LIMITS: RespLimits = {
  argumentsMax: 1024 * 1024,
  bulkBytesMax: 16 * 1024 * 1024,
  commandBytesMax: 64 * 1024 * 1024,
  inlineBytesMax: 64 * 1024,
};

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;
const LOWER = 0x20;
/** No bulk string is under way. */
const NONE = -1;
/** What a line with a length can be beside a length: not there yet, or no length. */
const MORE = -2;
const BAD = -3;
const LENGTH_DIGITS_MAX = 10;
/** Places that are kept for the next command; a larger command's are let go. */
const PLACES_KEPT_MAX = 1024;
const NOTHING = new Uint8Array(0);

/** Reads the commands of one connection. */
export class RespReader implements Words {
  /** What holds the arguments of the command that `next` has found. */
  source: Uint8Array = NOTHING;
  /** Its arguments, the name included. */
  count = 0;
  starts: number[] = [];
  ends: number[] = [];

  readonly #limits: RespLimits;
  #bytes: Uint8Array = NOTHING;
  /** The command under way begins at `begin`; the next byte to look at is at `at`. */
  #begin = 0;
  #at = 0;
  #end = 0;
  /** `bytes` is our own, with room behind `end`. */
  #isRoomy = false;
  /** Arguments of the array under way; 0 between commands. */
  #announced = 0;
  /** Bytes of the bulk string under way. */
  #bulk = NONE;
  /** Bytes of the line under way that hold no end of it. */
  #searched = 0;

  constructor(limits: RespLimits = RESP_LIMITS) {
    this.#limits = limits;
  }

  // --- bytes in --------------------------------------------------------------------------------------------------------------

  /** Takes what has come. The chunk belongs to the reader from now on. */
  push(chunk: Uint8Array): void {
    const size = this.#end - this.#begin;
    if (size === 0) {
      this.#bytes = chunk;
      this.#begin = this.#at = 0;
      this.#end = chunk.length;
      this.#isRoomy = false;
      return;
    }
    if (!this.#isRoomy || this.#end + chunk.length > this.#bytes.length) this.#grow(size, chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  #grow(size: number, more: number): void {
    const begin = this.#begin;
    const room = new Uint8Array(Math.max(256, (size + more) * 2));
    room.set(this.#bytes.subarray(begin, this.#end));
    this.#bytes = room;
    this.#isRoomy = true;
    this.#begin = 0;
    this.#at -= begin;
    this.#end = size;
    for (let i = 0; i < this.count; i++) {
      this.starts[i] = (this.starts[i] as number) - begin;
      this.ends[i] = (this.ends[i] as number) - begin;
    }
  }

  // --- commands out ----------------------------------------------------------------------------------------------------------

  /** Goes on to the next command. False when its end has not come yet. @throws ProtocolFault */
  next(): boolean {
    while (this.#announced !== 0 || this.#at < this.#end) {
      if (this.#announced !== 0) return this.#readArguments();
      this.count = 0;
      this.#begin = this.#at;
      if (this.#bytes[this.#at] === STAR) {
        if (!this.#readHead()) return false;
      } else {
        if (!this.#readLine()) return false;
        if (this.count > 0) return true;
      }
    }
    // Between commands nothing is held.
    this.source = this.#bytes = NOTHING;
    this.#begin = this.#at = this.#end = 0;
    if (this.starts.length > PLACES_KEPT_MAX) [this.starts, this.ends] = [[], []];
    return false;
  }

  /** `*3`: an array begins. An empty one is no command. False when the line has not come yet. */
  #readHead(): boolean {
    const length = this.#readLength();
    if (length === MORE) return false;
    if (length === BAD || length > this.#limits.argumentsMax) throw new ProtocolFault("invalid multibulk length");
    if (length > 0) this.#announced = length;
    else this.#begin = this.#at;
    return true;
  }

  #readArguments(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    while (this.count < this.#announced) {
      if (this.#bulk === NONE && !this.#readBulkHead()) return false;
      const start = this.#at;
      const stop = start + this.#bulk;
      if (stop + 2 > end) return false;
      if (bytes[stop] !== CR || bytes[stop + 1] !== LF) throw new ProtocolFault("expected CRLF behind a bulk string");
      this.starts[this.count] = start;
      this.ends[this.count++] = stop;
      this.#bulk = NONE;
      this.#at = stop + 2;
    }
    this.#announced = 0;
    this.#begin = this.#at;
    this.source = bytes;
    return true;
  }

  /** `$3`: a bulk string begins. False when the line has not come yet. */
  #readBulkHead(): boolean {
    if (this.#at === this.#end) return false;
    const byte = this.#bytes[this.#at] as number;
    if (byte !== DOLLAR) throw new ProtocolFault(`expected '$', got '${String.fromCharCode(byte)}'`);
    const length = this.#readLength();
    if (length === MORE) return false;
    if (length < 0 || length > this.#limits.bulkBytesMax) throw new ProtocolFault("invalid bulk length");
    if (this.#at - this.#begin + length > this.#limits.commandBytesMax) throw new ProtocolFault("too big request");
    this.#bulk = length;
    return true;
  }

  /** The number in the line at `at`, behind its first byte; -1 for what is below zero. Goes on behind the line unless it gives MORE. */
  #readLength(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let i = this.#at + 1;
    const isNegative = i < end && bytes[i] === MINUS;
    if (isNegative) i++;
    const first = i;
    let value = 0;
    for (; i < end; i++) {
      const digit = (bytes[i] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = i - first;
    if (digits > LENGTH_DIGITS_MAX || (digits > 1 && bytes[first] === ZERO)) return BAD;
    if (i === end) return MORE;
    if (digits === 0 || bytes[i] !== CR) return BAD;
    if (i + 1 === end) return MORE;
    if (bytes[i + 1] !== LF) return BAD;
    this.#at = i + 2;
    return isNegative ? -1 : value;
  }

  /** A line of words. False when its end has not come yet. */
  #readLine(): boolean {
    const bytes = this.#bytes;
    const begin = this.#begin;
    const { inlineBytesMax } = this.#limits;
    const found = bytes.indexOf(LF, begin + this.#searched);
    const isWhole = found !== -1 && found < this.#end;
    const stop = isWhole ? found : this.#end;
    if (stop - begin > inlineBytesMax) throw new ProtocolFault("too big inline request");
    this.#searched = isWhole ? 0 : stop - begin;
    if (!isWhole) return false;
    const end = stop > begin && bytes[stop - 1] === CR ? stop - 1 : stop;
    this.source = splitInPlace(bytes, begin, end, this) ? bytes : splitQuoted(bytes, begin, end, this);
    this.#at = this.#begin = stop + 1;
    return true;
  }

  // --- arguments -------------------------------------------------------------------------------------------------------------

  /** Argument `index` as text, a character a byte. */
  text(index: number): string {
    return textOf(this.source, this.starts[index] as number, this.ends[index] as number);
  }

  /** A copy of argument `index`, to be kept. */
  copy(index: number): Uint8Array {
    return copyOf(this.source, this.starts[index] as number, this.ends[index] as number);
  }

  /** Argument `index` as a whole number of 64 bits; `null` when it is none. */
  integer(index: number): Integer | null {
    return integerOf(this.source, this.starts[index] as number, this.ends[index] as number);
  }

  /** Whether argument `index` is `word`, which is in lower case, in any case. */
  is(index: number, word: string): boolean {
    const start = this.starts[index] as number;
    if ((this.ends[index] as number) - start !== word.length) return false;
    for (let i = 0; i < word.length; i++)
      if (lowered(this.source[start + i] as number) !== word.charCodeAt(i)) return false;
    return true;
  }

  /** A number for argument `index` that is the same in any case: for tables of words. See {@link hashOf}. */
  hash(index: number): number {
    const end = this.ends[index] as number;
    let hash = 0;
    for (let i = this.starts[index] as number; i < end; i++)
      hash = (Math.imul(hash, 31) + lowered(this.source[i] as number)) | 0;
    return hash;
  }
}

/** What `hash` gives for an argument that is `word`, which is in lower case. */
export function hashOf(word: string): number {
  let hash = 0;
  for (let i = 0; i < word.length; i++) hash = (Math.imul(hash, 31) + word.charCodeAt(i)) | 0;
  return hash;
}

function lowered(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte | LOWER : byte;
}
