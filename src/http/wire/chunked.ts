// Takes chunked coding off a body (RFC 9112 section 7.1): pull style, one event a call, no copies and no objects. The content stays where
// it lies in the caller's array; the decoder only says from where to where. Extensions are checked and
// dropped, trailers are checked and kept (trailers.ts).
//
// Invariants: bytes that a call consumed need not be there for the next one. Each byte is looked at once, and the outcome does not depend
// on how the bytes were cut. A size is compared with what the limit leaves after each digit, so no number grows past it.

import { assert } from "../../core/assert.ts";
import { type HeaderField, hexDigits, tokenBytes, valueBytes } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import { DATA, END, NEED_MORE } from "./outcome.ts";
import { Rejection } from "./rejection.ts";
import { TrailerReader } from "./trailers.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

// The element that the next byte belongs to: the size line ...
const SIZE = 0;
const EXTENSION_NAME_START = 1;
const EXTENSION_NAME = 2;
const EXTENSION_EQUALS_OR_NEXT = 3;
const EXTENSION_VALUE_START = 4;
const EXTENSION_VALUE = 5;
const EXTENSION_QUOTED = 6;
const EXTENSION_ESCAPED = 7;
const EXTENSION_NEXT = 8;
const EXTENSION_END = 9;
const SIZE_LF = 10;
// ... the content ...
const CONTENT = 11;
const CONTENT_CR = 12;
const CONTENT_LF = 13;
// ... and what follows the last chunk.
const TRAILERS = 14;

/** Digits of a chunk size, leading zeros included: as many as 64 bits need. */
const SIZE_DIGITS_MAX = 16;

/** A resumable decoder of one chunked body at a time; `reset()` before each. */
export class ChunkedDecoder {
  /** After DATA: where the content lies, as offsets into the array that `next` was given. */
  dataStart = 0;
  dataEnd = 0;
  /** Bytes that the last call to `next` used up, counted from its `start`; content that it found is among them. */
  consumed = 0;
  /** Bytes of content found so far. */
  bodyBytes = 0;

  readonly #chunkExtensionBytesMax: number;
  readonly #trailers: TrailerReader;
  #bodyBytesMax: number;
  #state = SIZE;
  /** The size read so far, then the content bytes of this chunk that have not come yet. */
  #remaining = 0;
  #sizeDigits = 0;
  #extensionBytes = 0;

  constructor(limits: HttpLimits) {
    this.#chunkExtensionBytesMax = limits.chunkExtensionBytesMax;
    this.#trailers = new TrailerReader(limits);
    this.#bodyBytesMax = limits.bodyBytesMax;
  }

  /** Lifts the limit of the present body: what is left of it is thrown away. */
  liftLimit(): void {
    this.#bodyBytesMax = Number.MAX_SAFE_INTEGER;
  }

  /** The trailer fields, names in lower case, once the body has ended. */
  get trailers(): readonly HeaderField[] {
    return this.#trailers.fields;
  }

  /** Starts a new body of at most `bodyBytesMax` content bytes. */
  reset(bodyBytesMax: number): void {
    assert(bodyBytesMax <= Number.MAX_SAFE_INTEGER, "a body limit is a number that counts exactly");
    this.#bodyBytesMax = bodyBytesMax;
    this.#state = SIZE;
    this.#remaining = 0;
    this.#sizeDigits = 0;
    this.#extensionBytes = 0;
    this.#trailers.reset();
    this.bodyBytes = 0;
    this.consumed = 0;
  }

  /**
   * Reads on from `start`. Answers DATA when content was found (`dataStart` to `dataEnd`, never empty), END when the body is over,
   * or NEED_MORE when all bytes up to `end` were used up. Go on at `start + consumed`. Throws {@link Rejection} at the first byte
   * that breaks a rule (400), at the digit with which a chunk passes the body limit (413), and when extensions (413) or
   * trailers (431) pass theirs; the only way on from there is `reset()`.
   */
  next(bytes: Uint8Array, start: number, end: number): number {
    assert(!this.#trailers.ended, "a chunked body that has ended has no next part");
    let i = start;
    while (i < end) {
      const state = this.#state;
      if (state === CONTENT) return this.#takeContent(start, i, end);
      if (state === SIZE) i = this.#readSize(bytes, i, end);
      else if (state < SIZE_LF) i = this.#readExtensions(bytes, i, end);
      else if (state <= CONTENT_LF) this.#readLineEnd(bytes[i++]!);
      else i = this.#trailers.read(bytes, i, end);
      if (state === TRAILERS && this.#trailers.ended) {
        this.consumed = i - start;
        return END;
      }
    }
    this.consumed = end - start;
    return NEED_MORE;
  }

  #takeContent(start: number, from: number, end: number): number {
    const available = end - from;
    const size = available < this.#remaining ? available : this.#remaining;
    this.dataStart = from;
    this.dataEnd = from + size;
    this.consumed = this.dataEnd - start;
    this.bodyBytes += size;
    this.#remaining -= size;
    if (this.#remaining === 0) this.#state = CONTENT_CR;
    return DATA;
  }

  #readSize(bytes: Uint8Array, from: number, end: number): number {
    const room = this.#bodyBytesMax - this.bodyBytes;
    for (let i = from; i < end; i++) {
      const byte = bytes[i]!;
      const digit = hexDigits[byte]!;
      if (digit > 15) {
        if (this.#sizeDigits === 0) throw faultyChunk("a chunk size does not start with a digit");
        if (byte === CR) this.#state = SIZE_LF;
        else if (byte === SEMICOLON || byte === SPACE || byte === TAB) return this.#startExtensions(byte, i);
        else throw faultyChunk("a chunk size has a byte that is no hexadecimal digit");
        return i + 1;
      }
      if (++this.#sizeDigits > SIZE_DIGITS_MAX) throw faultyChunk("a chunk size has too many digits");
      this.#remaining = this.#remaining * 16 + digit;
      if (this.#remaining > room) {
        throw new Rejection(413, "ERR_HTTP_BODY_TOO_LARGE", "the chunked body is larger than the limit");
      }
    }
    return end;
  }

  #startExtensions(byte: number, at: number): number {
    this.#countExtension();
    this.#state = byte === SEMICOLON ? EXTENSION_NAME_START : EXTENSION_NEXT;
    return at + 1;
  }

  #readExtensions(bytes: Uint8Array, from: number, end: number): number {
    for (let i = from; i < end; i++) {
      const byte = bytes[i]!;
      const next = extensionState(this.#state, byte);
      this.#state = next;
      if (next === SIZE_LF) return i + 1;
      this.#countExtension();
    }
    return end;
  }

  #countExtension(): void {
    if (++this.#extensionBytes > this.#chunkExtensionBytesMax) {
      const reason = "the chunk extensions are larger than the limit";
      throw new Rejection(413, "ERR_HTTP_CHUNK_EXTENSIONS_TOO_LARGE", reason);
    }
  }

  /** The LF behind a size, and the CRLF behind content. */
  #readLineEnd(byte: number): void {
    if (this.#state === SIZE_LF) {
      if (byte !== LF) throw faultyChunk("a CR stands without its LF behind a chunk size");
      this.#sizeDigits = 0;
      this.#state = this.#remaining === 0 ? TRAILERS : CONTENT;
    } else if (this.#state === CONTENT_CR) {
      if (byte !== CR) throw faultyChunk("a chunk does not end where its size says");
      this.#state = CONTENT_LF;
    } else {
      if (byte !== LF) throw faultyChunk("a chunk does not end where its size says");
      this.#state = SIZE;
    }
  }
}

/**
 * The state behind one byte of chunk extensions: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). White space
 * is legal only in front of something, so it never stands before the CR.
 */
function extensionState(state: number, byte: number): number {
  const space = byte === SPACE || byte === TAB;
  switch (state) {
    case EXTENSION_NEXT:
      if (space) return EXTENSION_NEXT;
      if (byte === SEMICOLON) return EXTENSION_NAME_START;
      break;
    case EXTENSION_NAME_START:
      if (space) return EXTENSION_NAME_START;
      if (tokenBytes[byte] === 1) return EXTENSION_NAME;
      break;
    case EXTENSION_NAME:
      if (tokenBytes[byte] === 1) return EXTENSION_NAME;
      if (space) return EXTENSION_EQUALS_OR_NEXT;
      if (byte === EQUALS) return EXTENSION_VALUE_START;
      return behindExtension(byte);
    case EXTENSION_EQUALS_OR_NEXT:
      if (space) return EXTENSION_EQUALS_OR_NEXT;
      if (byte === EQUALS) return EXTENSION_VALUE_START;
      if (byte === SEMICOLON) return EXTENSION_NAME_START;
      break;
    case EXTENSION_VALUE_START:
      if (space) return EXTENSION_VALUE_START;
      if (byte === QUOTE) return EXTENSION_QUOTED;
      if (tokenBytes[byte] === 1) return EXTENSION_VALUE;
      break;
    case EXTENSION_VALUE:
      if (tokenBytes[byte] === 1) return EXTENSION_VALUE;
      return behindExtension(byte);
    case EXTENSION_QUOTED:
      if (byte === QUOTE) return EXTENSION_END;
      if (byte === BACKSLASH) return EXTENSION_ESCAPED;
      if (valueBytes[byte] === 1) return EXTENSION_QUOTED;
      break;
    case EXTENSION_ESCAPED:
      if (valueBytes[byte] === 1) return EXTENSION_QUOTED;
      break;
    case EXTENSION_END:
      return behindExtension(byte);
  }
  throw new Rejection(400, "ERR_HTTP_CHUNK_EXTENSION", "a chunk extension has a byte that does not belong there");
}

function behindExtension(byte: number): number {
  if (byte === CR) return SIZE_LF;
  if (byte === SEMICOLON) return EXTENSION_NAME_START;
  if (byte === SPACE || byte === TAB) return EXTENSION_NEXT;
  throw new Rejection(400, "ERR_HTTP_CHUNK_EXTENSION", "a chunk extension has a byte that does not belong there");
}

function faultyChunk(reason: string): Rejection {
  return new Rejection(400, "ERR_HTTP_CHUNK", reason);
}
