// The trailer section behind a last chunk: *( field-line CRLF ) CRLF (RFC 9112 section 7.1.2). It is held to the rules of header fields
// and kept apart: trailers never join the headers and never change the framing. A field that frames or routes may not be sent in a trailer
// (RFC 9110 section 6.5.1); one that is there anyway smells of a smuggled request, and is refused.
//
// Resumable at every byte; bytes that were consumed need not be there for the next call.

import { type HeaderField, tokenBytes, valueBytes } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import { Rejection } from "./rejection.ts";
import { sliceLatin1 } from "./text.ts";

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;

// The element that the next byte belongs to.
const LINE_START = 0;
const NAME = 1;
const VALUE = 2;
const LINE_LF = 3;
const SECTION_LF = 4;
const ENDED = 5;

const forbiddenNames: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "host"]);
const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly HeaderField[] = [];

/** A reader of one trailer section at a time; `reset()` before each. */
export class TrailerReader {
  readonly #trailerBytesMax: number;
  readonly #fieldsMax: number;
  #state = LINE_START;
  #bytes = 0;
  #fields = 0;
  /** The name being read, in lower case, until its value has come. */
  #name = "";
  /** The bytes of the name, then of the value, that is being read; none while a body has no trailers, as most have none. */
  #kept: Uint8Array = NOTHING;
  #used = 0;
  #read: HeaderField[] = [];

  constructor(limits: HttpLimits) {
    this.#trailerBytesMax = limits.trailerBytesMax;
    this.#fieldsMax = limits.fieldsMax;
  }

  /** Whether the empty line was read that ends the section. */
  get ended(): boolean {
    return this.#state === ENDED;
  }

  /** The fields of the section, names in lower case, once it has ended. */
  get fields(): readonly HeaderField[] {
    return this.ended ? this.#read : NO_FIELDS;
  }

  /** Starts a new section. */
  reset(): void {
    if (this.#fields > 0) {
      this.#kept = NOTHING;
      this.#read = [];
    }
    this.#state = LINE_START;
    this.#bytes = 0;
    this.#fields = 0;
    this.#used = 0;
  }

  /**
   * Reads on and returns the offset behind the section, or `end` when it goes on (see `ended`). Throws {@link Rejection} at the first byte
   * that breaks a rule (400) and when the section passes its limits (431).
   */
  read(bytes: Uint8Array, from: number, end: number): number {
    for (let i = from; i < end; i++) {
      this.#state = this.#take(bytes[i]!);
      if (this.#state === ENDED) {
        // An idle connection holds no room for names and values.
        this.#kept = NOTHING;
        return i + 1;
      }
      if (this.#state !== SECTION_LF && ++this.#bytes > this.#trailerBytesMax) {
        throw tooLarge("the trailer section is larger than the limit");
      }
    }
    return end;
  }

  /** The state behind `byte`. */
  #take(byte: number): number {
    switch (this.#state) {
      case LINE_START:
        if (byte === CR) return SECTION_LF;
        if (tokenBytes[byte] === 1) return this.#startName(byte);
        break;
      case NAME:
        if (tokenBytes[byte] === 1) return this.#keep(byte, NAME);
        if (byte === COLON) return this.#endName();
        break;
      case VALUE:
        if (valueBytes[byte] === 1) return this.#keep(byte, VALUE);
        if (byte === CR) return this.#endValue();
        break;
      case LINE_LF:
        if (byte === LF) return LINE_START;
        break;
      case SECTION_LF:
        if (byte === LF) return ENDED;
        break;
    }
    throw new Rejection(400, "ERR_HTTP_TRAILER", "a trailer line is faulty");
  }

  #startName(byte: number): number {
    if (++this.#fields > this.#fieldsMax) throw tooLarge("there are more trailer fields than the limit");
    return this.#keep(byte, NAME);
  }

  #endName(): number {
    this.#name = this.#takeKept().toLowerCase();
    if (forbiddenNames.has(this.#name)) {
      throw new Rejection(400, "ERR_HTTP_TRAILER", "a field that frames or routes stands in the trailer section");
    }
    return VALUE;
  }

  #endValue(): number {
    this.#read.push([this.#name, withoutSpace(this.#takeKept())]);
    return LINE_LF;
  }

  #keep(byte: number, state: number): number {
    if (this.#used === this.#kept.length) this.#grow();
    this.#kept[this.#used++] = byte;
    return state;
  }

  /** No more than twice what has come, and so than the limit, is ever held. */
  #grow(): void {
    const grown = new Uint8Array(Math.max(64, this.#kept.length * 2));
    grown.set(this.#kept);
    this.#kept = grown;
  }

  #takeKept(): string {
    const text = sliceLatin1(this.#kept, 0, this.#used);
    this.#used = 0;
    return text;
  }
}

/** A value without the white space around it. */
function withoutSpace(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

function tooLarge(reason: string): Rejection {
  return new Rejection(431, "ERR_HTTP_TRAILER_TOO_LARGE", reason);
}
