// Lines in received bytes, as text: UTF-8, ended by LF or CRLF. Whoever sends many lines at once has them turned into text at once: one call for some
// kilobytes costs little more than one for a line, and lines are then cut out of that text. 128 lines a chunk cost a third of what they do
// one by one: bench, job line128.
//
// Invariants: text that was made ahead is only used while nobody else has taken anything out of the receive buffer, and only where a byte of it
// is a UTF-16 unit of the text, so that lengths in one are lengths in the other. A line keeps at most the text alive that it was cut from:
// AHEAD_BYTES_MAX. It takes nothing before it is asked to: a cancelled read loses nothing.

import type { ReceiveBuffer } from "./receive-buffer.ts";

const LF = 10;
const CR = 13;

/** Bytes made into text ahead at most. */
const AHEAD_BYTES_MAX = 4 * 1024;
/** A loop finds an LF within so many bytes sooner than a native call does: 8 against 27 ns for ten bytes. */
const LOOP_BYTES_MAX = 32;

// Faster than a TextDecoder for lines: 60 ns against 90 to 230.
const { utf8Slice } = Buffer.allocUnsafe(0);

/** Reads the lines of one receive buffer. */
export class LineReader {
  readonly #received: ReceiveBuffer;
  /** Lines made into text, of which those from `#at` on are unread; good while the buffer's `takes` are these. */
  #text = "";
  #at = 0;
  #takes = -1;
  /** Bytes of coming lines that are read one by one: among them is what is no ASCII, and to try again for each would cost 30 times as much. */
  #oneByOne = 0;

  constructor(received: ReceiveBuffer) {
    this.#received = received;
  }

  /** Bytes of the next line without its LF; -1 while that has not come. The first `searched` bytes have none. */
  find(searched: number): number {
    const { bytes, start, end } = this.#received;
    if (this.#takes === this.#received.takes) return this.#text.indexOf("\n", this.#at) - this.#at;
    // Somebody else has read since: who waits for a line keeps nothing alive that is of no use.
    this.#text = "";
    const from = start + searched;
    const loopEnd = Math.min(from + LOOP_BYTES_MAX, end);
    for (let i = from; i < loopEnd; i++) if (bytes[i] === LF) return i - start;
    if (loopEnd === end) return -1;
    const at = bytes.indexOf(LF, loopEnd);
    // Behind `end` a buffer with room holds anything.
    return at === -1 || at >= end ? -1 : at - start;
  }

  /** Takes the next line, which `find` has found to have `length` bytes. */
  take(length: number): string {
    const received = this.#received;
    const { bytes, start } = received;
    if (this.#takes !== received.takes && !this.#readAhead(length)) {
      const last = start + length;
      const text = utf8Slice.call(bytes, start, length > 0 && bytes[last - 1] === CR ? last - 1 : last);
      received.skip(length + 1);
      return text;
    }
    const text = this.#text;
    const at = this.#at;
    const last = at + length;
    const line = text.slice(at, length > 0 && text.charCodeAt(last - 1) === CR ? last - 1 : last);
    received.skip(length + 1);
    this.#at = last + 1;
    this.#takes = received.takes;
    if (this.#at === text.length) {
      this.#text = "";
      this.#takes = -1;
    }
    return line;
  }

  /** Makes text of all whole lines that are there, if there are more than the next one, of `length` bytes. */
  #readAhead(length: number): boolean {
    const { bytes, start, end } = this.#received;
    if (this.#oneByOne > 0) {
      this.#oneByOne -= length + 1;
      return false;
    }
    if (end - start <= length + 1) return false;
    const to = Math.min(start + AHEAD_BYTES_MAX, end);
    const last = bytes.lastIndexOf(LF, to - 1);
    if (last <= start + length) return false;
    const text = utf8Slice.call(bytes, start, last + 1);
    if (text.length !== last + 1 - start) {
      this.#oneByOne = last - start - length;
      return false;
    }
    this.#text = text;
    this.#at = 0;
    return true;
  }
}
