// Reads a request head: request line and field lines (RFC 9112 sections 2 to 5), every byte against its class, strictly: CRLF and
// nothing else ends a line, one SP separates, no obs-fold. It makes no strings and no objects, and
// decides nothing about bodies or targets (framing.ts does).
//
// Invariants: all offsets are relative to the head's first byte. A call goes on at the byte where the last one stopped, so each byte is
// looked at once and the outcome does not depend on how the bytes were cut. What the fields say, and looking
// them up, is in head.ts.

import { assert } from "../../core/assert.ts";
import { type FieldSection, OFFSETS_PER_FIELD } from "./field-section.ts";
import type { FieldSections, KeptSection } from "./field-sections.ts";
import { RequestHead } from "./head.ts";
import { endOfValueBytes, targetBytes, tokenBytes } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import { METHOD_BYTES_MAX, methodCodeOf } from "./methods.ts";
import { COMPLETE, NEED_MORE } from "./outcome.ts";
import { Rejection } from "./rejection.ts";
import { isUsualVersion, MAJOR_AT, MINOR_AT, versionLine } from "./version-line.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;

// The element that the next byte belongs to. The order matters: up to VERSION it is the request line.
const START = 0;
const START_LF = 1;
const METHOD = 2;
const TARGET = 3;
const VERSION = 4;
const FIELD_START = 5;
const NAME = 6;
const SPACE_BEFORE_VALUE = 7;
const VALUE = 8;
const VALUE_LF = 9;
const HEAD_LF = 10;
const DONE = 11;

/** Empty lines that are passed over before a request line: RFC 9112 section 2.2 asks for at least one. */
const EMPTY_LINES_MAX = 4;

/** Fields with room from the start; most requests have fewer, and the room doubles up to `fieldsMax`. */
const FIELDS_INITIAL = 16;

/**
 * A resumable reader of request heads: one per connection, `reset()` between requests. The public fields hold after `parse` answered
 * COMPLETE and until `reset()`; callers only read them.
 */
export class HeadParser extends RequestHead {
  readonly #headBytesMax: number;
  readonly #targetBytesMax: number;
  readonly #fieldsMax: number;
  readonly #sections: FieldSections | null;
  /** Where field lines are read into. `fields` is this one, or a section that was read before. */
  readonly #own: FieldSection;
  /** What the last head had as its fields, if that is kept: most often the next one has the same. */
  #last: KeptSection | null = null;
  #state = START;
  /** How far the head was read, in bytes. */
  #position = 0;
  #emptyLines = 0;

  /** `sections` are those of heads that were read before, under the same limits; without them every line is read. */
  constructor(limits: HttpLimits, sections: FieldSections | null = null) {
    super(Math.min(FIELDS_INITIAL, limits.fieldsMax));
    this.#headBytesMax = limits.headBytesMax;
    this.#targetBytesMax = limits.targetBytesMax;
    this.#fieldsMax = limits.fieldsMax;
    this.#sections = sections;
    this.#own = this.fields;
  }

  /** Whether a byte of a request line was seen. While it is false the peer may close without having left a request unfinished. */
  get begun(): boolean {
    return this.#state > START_LF;
  }

  /** Forgets the head; the next `parse` starts a new one. The room for fields stays. */
  reset(): void {
    if (this.fields === this.#own) this.#own.reset();
    this.fields = this.#own;
    this.#state = START;
    this.#position = 0;
    this.#emptyLines = 0;
  }

  /**
   * Reads on. `start` is the head's first byte and `end` the end of what has come; on a later call for the same head the bytes may lie
   * in another array at another start, with more behind them. Answers COMPLETE (bytes behind `length` were not looked at) or
   * NEED_MORE. Throws {@link Rejection} at the first byte that breaks a rule; the only way on from there is `reset()`.
   */
  parse(bytes: Uint8Array, start: number, end: number): number {
    const headEnd = start + this.#headBytesMax;
    const limit = end < headEnd ? end : headEnd;
    let i = start + this.#position;
    assert(i <= limit && this.#state !== DONE, "a head goes on where it stopped, until it is complete");
    if (this.#state <= VERSION) {
      i = this.#readRequestLine(bytes, start, i, limit);
      if (this.#state === FIELD_START) i = this.#beginFields(bytes, start, i, limit);
    }
    if (this.#state >= FIELD_START && this.#state !== DONE) i = this.#readFields(bytes, start, i, limit);
    if (this.#state === DONE) {
      if (this.#sections !== null && this.fields === this.#own)
        this.#last = this.#sections.keep(this.#own, bytes, start + this.fieldsStart, i);
      this.length = i - start;
      return COMPLETE;
    }
    if (i === headEnd) throw new Rejection(431, "ERR_HTTP_HEAD_TOO_LARGE", "the head is larger than the limit");
    this.#position = i - start;
    return NEED_MORE;
  }

  /** Empty lines, method, target and version. Returns where it stopped: behind the line, or at `limit`. */
  #readRequestLine(bytes: Uint8Array, start: number, from: number, limit: number): number {
    let i = from;
    if (this.#state <= START_LF) {
      i = this.#skipEmptyLines(bytes, i, limit);
      if (i === limit) return i;
      if (tokenBytes[bytes[i]!] === 0) throw badRequestLine("it does not start with a method");
      this.methodStart = i - start;
      this.#state = METHOD;
    }
    if (this.#state === METHOD) {
      const methodStart = start + this.methodStart;
      while (i < limit && tokenBytes[bytes[i]!] === 1) i++;
      if (i - methodStart > METHOD_BYTES_MAX) throw new Rejection(501, "ERR_HTTP_METHOD", "the method is too long");
      if (i === limit) return i;
      if (bytes[i] !== SPACE) throw badRequestLine("the method does not end with a space");
      this.methodCode = methodCodeOf(bytes, methodStart, i);
      i++;
      this.targetStart = i - start;
      this.#state = TARGET;
    }
    if (this.#state === TARGET) {
      const targetStart = start + this.targetStart;
      while (i < limit && targetBytes[bytes[i]!] === 1) i++;
      if (i - targetStart > this.#targetBytesMax) {
        throw new Rejection(414, "ERR_HTTP_TARGET_TOO_LONG", "the request target is longer than the limit");
      }
      if (i === limit) return i;
      if (bytes[i] !== SPACE || i === targetStart)
        throw badRequestLine("the target is empty or has a byte that none has");
      this.targetEnd = i - start;
      i++;
      this.#state = VERSION;
    }
    return this.#readVersion(bytes, start, i, limit);
  }

  /** Passes over a bounded number of empty lines. Returns the offset of the first other byte, or `limit`. */
  #skipEmptyLines(bytes: Uint8Array, from: number, limit: number): number {
    let i = from;
    while (i < limit) {
      const byte = bytes[i]!;
      if (this.#state === START_LF) {
        if (byte !== LF) throw badRequestLine("a CR stands without its LF");
        this.#state = START;
      } else if (byte === CR) {
        if (++this.#emptyLines > EMPTY_LINES_MAX) throw badRequestLine("too many empty lines stand before it");
        this.#state = START_LF;
      } else {
        return i;
      }
      i++;
    }
    return limit;
  }

  /** The version and the CRLF behind it, byte by byte against `versionLine`. */
  #readVersion(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const versionStart = start + this.targetEnd + 1;
    if (from === versionStart && limit - from >= versionLine.length && isUsualVersion(bytes, from)) {
      this.minor = 1;
      this.#state = FIELD_START;
      return from + versionLine.length;
    }
    for (let i = from; i < limit; i++) {
      const at = i - versionStart;
      const byte = bytes[i]!;
      if (byte !== versionLine[at] || at === MINOR_AT) {
        const digit = byte >= 0x30 && byte <= 0x39;
        if (at === MAJOR_AT && digit) throw new Rejection(505, "ERR_HTTP_VERSION", "only HTTP/1 is spoken here");
        if (at !== MINOR_AT || !digit)
          throw badRequestLine("the version is not HTTP/1 and a digit, or its line ends wrongly");
        this.minor = byte - 0x30;
      }
      if (byte === LF) {
        this.#state = FIELD_START;
        return i + 1;
      }
    }
    return limit;
  }

  /** The request line has ended: passes over the whole section where it is one that was read before. Returns where it stopped. */
  #beginFields(bytes: Uint8Array, start: number, from: number, limit: number): number {
    this.fieldsStart = from - start;
    if (this.#sections === null) return from;
    let kept = this.#last;
    if (kept === null || !kept.standsAt(bytes, from, limit)) {
      // All that is there is one section, unless the client has pipelined, or sends a body.
      kept = this.#sections.find(bytes, from, limit);
      if (kept === null) return from;
      this.#last = kept;
    }
    this.fields = kept.fields;
    this.#state = DONE;
    return from + kept.length;
  }

  /**
   * The field lines and the empty line. Longer than other functions on purpose: as one loop over local variables it costs about 0.7 ns a
   * byte, and every state must be able to stop at `limit` and be entered again.
   */
  #readFields(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const fields = this.#own;
    const base = start + this.fieldsStart;
    let { offsets } = fields;
    let state = this.#state;
    let at = fields.count * OFFSETS_PER_FIELD;
    let i = from;
    for (;;) {
      if (state === FIELD_START) {
        if (i === limit) break;
        const byte = bytes[i]!;
        if (tokenBytes[byte] === 1) {
          if (at >= offsets.length || fields.count === this.#fieldsMax) offsets = this.#makeRoom();
          offsets[at] = i - base;
          state = NAME;
        } else if (byte === CR) {
          state = HEAD_LF;
        } else {
          throw badField("a line starts with a byte that no name has");
        }
        i++;
      }
      if (state === NAME) {
        while (i < limit && tokenBytes[bytes[i]!] === 1) i++;
        if (i === limit) break;
        if (bytes[i] !== COLON) throw badField("a name has a wrong byte or no colon behind it");
        offsets[at + 1] = i - base;
        i++;
        state = SPACE_BEFORE_VALUE;
      }
      if (state === SPACE_BEFORE_VALUE) {
        while (i < limit && (bytes[i] === SPACE || bytes[i] === TAB)) i++;
        if (i === limit) break;
        offsets[at + 2] = i - base;
        state = VALUE;
      }
      if (state === VALUE) {
        i = endOfValueBytes(bytes, i, limit);
        if (i === limit) break;
        if (bytes[i] !== CR) throw badField("a value has a control character");
        const valueStart = base + offsets[at + 2]!;
        let valueEnd = i;
        while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--;
        offsets[at + 3] = valueEnd - base;
        i++;
        state = VALUE_LF;
      }
      if (i === limit) break;
      if (bytes[i] !== LF) throw badField("a CR stands without its LF");
      i++;
      if (state === HEAD_LF) {
        state = DONE;
        break;
      }
      fields.add(bytes, base, at);
      at += OFFSETS_PER_FIELD;
      state = FIELD_START;
    }
    this.#state = state;
    return i;
  }

  /** Doubles the room for fields, up to the limit. */
  #makeRoom(): Int32Array {
    const fields = this.#own;
    if (fields.count === this.#fieldsMax) {
      throw new Rejection(431, "ERR_HTTP_FIELDS_TOO_MANY", "there are more fields than the limit");
    }
    const grown = new Int32Array(Math.min(fields.count * 2, this.#fieldsMax) * OFFSETS_PER_FIELD);
    grown.set(fields.offsets);
    fields.offsets = grown;
    return grown;
  }
}

function badRequestLine(reason: string): Rejection {
  return new Rejection(400, "ERR_HTTP_REQUEST_LINE", `the request line is faulty: ${reason}`);
}

function badField(reason: string): Rejection {
  return new Rejection(400, "ERR_HTTP_FIELD", `a field line is faulty: ${reason}`);
}
