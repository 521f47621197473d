// The code under test, driven the way a connection drives it: the real Exchange (head parser, framing, chunked decoder, trailers) on the
// real ReceiveBuffer, with a host that does nothing. One subject reads a million streams with the same objects, so whatever
// one stream left behind shows in the next.
//
// What it saw is a trace: numbers only, every offset and every fact of every message and how the stream ended. Two traces of the same bytes
// are equal exactly when the readings are. Beside reading it holds what must be true at every step, and throws a Broken when
// it is not.

import type { ConnState } from "../../src/net/conn-state.ts";
import { ReceiveBuffer } from "../../src/net/receive-buffer.ts";
import { Exchange, type ExchangeHost } from "../../src/http/exchange.ts";
import { BODY_CHUNKED, BODY_LENGTH } from "../../src/http/wire/framing.ts";
import { FieldSections } from "../../src/http/wire/field-sections.ts";
import { OFFSETS_PER_FIELD } from "../../src/http/wire/field-section.ts";
import type { HttpLimits } from "../../src/http/wire/limits.ts";
import { COMPLETE } from "../../src/http/wire/outcome.ts";
import { Rejection, type RejectionCode, type RejectionStatus } from "../../src/http/wire/rejection.ts";

/** How a stream ended. */
export const CLEAN = 0;
/** In the middle of a head. */
export const CUT_HEAD = 1;
/** In the middle of a body. */
export const CUT_BODY = 2;
/** With a Rejection: nothing behind it was read. */
export const REFUSED = 3;
/** With a message after which the connection closes: nothing behind it was read. */
export const CLOSED = 4;

/** The codes of bad bytes, each with the statuses that go with it. Anything else that is thrown is a fault of ours. */
export const allowedRejections: Readonly<Partial<Record<RejectionCode, readonly RejectionStatus[]>>> = {
  ERR_HTTP_REQUEST_LINE: [400],
  ERR_HTTP_METHOD: [501],
  ERR_HTTP_TARGET: [400],
  ERR_HTTP_TARGET_TOO_LONG: [414],
  ERR_HTTP_VERSION: [505],
  ERR_HTTP_FIELD: [400],
  ERR_HTTP_FIELDS_TOO_MANY: [431],
  ERR_HTTP_HEAD_TOO_LARGE: [431],
  ERR_HTTP_HOST: [400],
  ERR_HTTP_CONTENT_LENGTH: [400],
  ERR_HTTP_TRANSFER_ENCODING: [400, 501],
  ERR_HTTP_FRAMING: [400],
  ERR_HTTP_EXPECTATION: [417],
  ERR_HTTP_BODY_TOO_LARGE: [413],
  ERR_HTTP_CHUNK: [400],
  ERR_HTTP_CHUNK_EXTENSION: [400],
  ERR_HTTP_CHUNK_EXTENSIONS_TOO_LARGE: [413],
  ERR_HTTP_TRAILER: [400],
  ERR_HTTP_TRAILER_TOO_LARGE: [431],
};
const codes = Object.keys(allowedRejections);

/** Room that a reader's own array of offsets has at first, in fields. */
const FIELDS_INITIAL = 16;

/** Messages of one stream that are read. */
const MESSAGES_MAX = 8;

/** Something that must be true of every input was not. */
export class Broken extends Error {
  override name = "Broken";
}

/** Told of what was read, for a caller that wants more than the trace. */
export interface SubjectListener {
  /** A head was accepted; it lies in `exchange.bytes`. */
  headRead(exchange: Exchange): void;
  /** A body, maybe an empty one, was read to its end. */
  bodyRead(content: Uint8Array): void;
}

/** What reading asks of the connection; the rest of its host is for answers and clocks. */
type ReadersHost = Pick<ExchangeHost, "conn" | "limits" | "sections" | "bodyWanted">;

/** A reader of one stream after the other. */
export class Subject {
  readonly limits: HttpLimits;
  /** What was read of the present stream: the first `traceLength` of these numbers, and the content of all bodies. */
  readonly trace: Float64Array = new Float64Array(8192);
  traceLength = 0;
  readonly content: Uint8Array = new Uint8Array(65_536);
  contentLength = 0;
  /** How the stream ended. */
  ended: number = CLEAN;
  rejection: Rejection | null = null;
  /** Messages read to their end. */
  messages = 0;
  readonly #received = new ReceiveBuffer();
  readonly #exchange: Exchange;
  readonly #listener: SubjectListener | null;
  #inBody = false;
  #over = false;
  #inPieces = false;
  #contentStart = 0;
  #given = 0;
  #longestPiece = 0;

  constructor(limits: HttpLimits, listener: SubjectListener | null = null) {
    this.limits = limits;
    this.#listener = listener;
    const conn = { received: this.#received, consumed: nothing } as unknown as ConnState;
    const host: ReadersHost = { conn, limits, sections: new FieldSections(), bodyWanted: nothing };
    this.#exchange = new Exchange(host as ExchangeHost);
  }

  /** Bytes of the present stream that were used up. */
  get consumed(): number {
    return this.#given - this.#received.size;
  }

  /** Reads a stream that is there as a whole, where it lies: what stands around it must not matter. */
  readWhole(bytes: Uint8Array, start: number, end: number): void {
    this.#begin(false);
    this.#given = this.#longestPiece = end - start;
    this.#received.bytes = bytes;
    this.#received.start = start;
    this.#received.end = end;
    this.#readOn();
    this.#finish();
  }

  /** Reads the same in pieces that end at `cuts`, in order; each arrives in an array of its own. */
  readPieces(bytes: Uint8Array, start: number, end: number, cuts: ArrayLike<number>, cutCount: number): void {
    this.#begin(true);
    let from = start;
    for (let index = 0; index <= cutCount && !this.#over; index++) {
      const to = index === cutCount ? end : start + cuts[index]!;
      if (to === from) continue;
      this.#given += to - from;
      this.#longestPiece = Math.max(this.#longestPiece, to - from);
      this.#received.push(bytes.slice(from, to));
      this.#readOn();
      from = to;
    }
    this.#finish();
  }

  /** Whether both read the same messages and ended in the same way. */
  sawTheSameAs(other: Subject): boolean {
    if (this.traceLength !== other.traceLength || this.contentLength !== other.contentLength) return false;
    for (let i = 0; i < this.traceLength; i++) if (this.trace[i] !== other.trace[i]) return false;
    for (let i = 0; i < this.contentLength; i++) if (this.content[i] !== other.content[i]) return false;
    return true;
  }

  #begin(inPieces: boolean): void {
    this.#inPieces = inPieces;
    this.traceLength = this.contentLength = this.messages = this.#given = this.#longestPiece = this.#contentStart = 0;
    this.ended = CLEAN;
    this.rejection = null;
    this.#inBody = this.#over = false;
  }

  /** As a connection's task does when bytes have come: reads until it needs more. */
  #readOn(): void {
    try {
      for (let steps = this.#given + MESSAGES_MAX * 4; ; steps--) {
        hold(steps > 0, "every step gets on");
        if (!(this.#inBody ? this.#stepBody() : this.#stepHead())) return;
        hold(this.#received.start <= this.#received.end, "no more is consumed than was given");
      }
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.#refuse(error);
    }
  }

  /** True when a head is complete. */
  #stepHead(): boolean {
    const received = this.#received;
    const exchange = this.#exchange;
    const { head } = exchange;
    if (this.#over || received.size === 0) return false;
    const complete = head.parse(received.bytes, received.start, received.end) === COMPLETE;
    this.#holdBounds();
    if (!complete) {
      hold(received.size < this.limits.headBytesMax, "an unfinished head keeps fewer bytes than its limit");
      return false;
    }
    hold(
      head.length <= Math.min(received.size, this.limits.headBytesMax),
      "a head ends within what came and its limit",
    );
    exchange.begin();
    this.#noteHead();
    this.#inBody = true;
    this.#contentStart = this.contentLength;
    this.#listener?.headRead(exchange);
    return true;
  }

  /** True when content was taken, or the message is over and another may follow. */
  #stepBody(): boolean {
    const received = this.#received;
    const exchange = this.#exchange;
    exchange.beginBody();
    const found = exchange.advance();
    if (!found) {
      hold(received.size === 0, "a body that wants more has taken all that came");
      return false;
    }
    if (exchange.dataLength > 0) {
      const piece = exchange.take();
      this.content.set(piece, this.contentLength);
      this.contentLength += piece.length;
      return true;
    }
    hold(exchange.bodyOver, "content or the end was found");
    this.#endMessage();
    return !this.#over;
  }

  #endMessage(): void {
    const exchange = this.#exchange;
    const bytes = this.contentLength - this.#contentStart;
    const { framing } = exchange;
    hold(framing.body !== BODY_LENGTH || bytes === framing.bodyLength, "a body is as long as it was announced");
    hold(bytes <= this.limits.bodyBytesMax, "a body keeps to its limit");
    this.#note(bytes);
    this.#listener?.bodyRead(this.content.subarray(this.#contentStart, this.contentLength));
    this.messages++;
    exchange.end();
    this.#inBody = false;
    if (framing.keepAlive && this.messages < MESSAGES_MAX) return;
    this.#over = true;
    this.ended = CLOSED;
  }

  #refuse(rejection: Rejection): void {
    const { code, status } = rejection;
    hold(allowedRejections[code]?.includes(status) ?? false, `no rule is refused with ${status} ${code}`);
    this.rejection = rejection;
    this.ended = REFUSED;
    this.#over = true;
    if (!this.#inBody) return;
    let again: unknown = null;
    try {
      this.#exchange.beginBody();
    } catch (error) {
      again = error;
    }
    hold(again === rejection, "a body that was refused stays refused");
  }

  /** Notes how it ended, and makes the objects ready for another stream as the next request on a connection would find them. */
  #finish(): void {
    const exchange = this.#exchange;
    if (!this.#over && this.#inBody) this.ended = CUT_BODY;
    else if (!this.#over && exchange.head.begun) this.ended = CUT_HEAD;
    this.#holdBounds();
    this.#note(this.ended);
    this.#note(this.rejection === null ? 0 : this.rejection.status);
    this.#note(this.rejection === null ? 0 : codes.indexOf(this.rejection.code));
    this.#received.clear();
    exchange.end();
    exchange.release();
  }

  /** What the readers keep has bounds of its own, whatever comes. */
  #holdBounds(): void {
    const { fieldsMax, headBytesMax } = this.limits;
    const { offsets } = this.#exchange.head.fields;
    hold(
      offsets.length <= Math.max(fieldsMax, FIELDS_INITIAL) * OFFSETS_PER_FIELD,
      "there is room for no more fields than allowed",
    );
    hold(this.#exchange.head.fields.count <= fieldsMax, "there are no more fields than allowed");
    const room = this.#received.bytes.length;
    const roomMax = Math.max(256, 2 * (headBytesMax + this.#longestPiece));
    hold(!this.#inPieces || room <= roomMax, "an unfinished head is kept in at most twice its room");
  }

  #noteHead(): void {
    const { framing, head } = this.#exchange;
    this.#note(head.length);
    this.#note(head.methodCode);
    this.#note(head.targetStart);
    this.#note(head.targetEnd);
    this.#note(head.minor);
    this.#note(head.fields.contentLength);
    this.#note(
      Number(head.fields.chunked) +
        2 * Number(head.fields.close) +
        4 * Number(head.fields.keepAlive) +
        8 * Number(head.fields.connectionUpgrade),
    );
    this.#note(Number(head.fields.expectContinue) + 2 * Number(head.fields.expectOther));
    this.#note(head.fields.hostField);
    this.#note(head.fields.upgradeField);
    this.#note(head.fields.count);
    for (let index = 0; index < head.fields.count; index++) {
      this.#note(head.nameStart(index));
      this.#note(head.nameEnd(index));
      this.#note(head.valueStart(index));
      this.#note(head.valueEnd(index));
    }
    this.#note(framing.body);
    this.#note(framing.bodyLength);
    this.#note(Number(framing.keepAlive) + 2 * Number(framing.expectContinue) + 4 * Number(framing.upgrade));
    this.#note(framing.form);
    this.#note(framing.hostStart);
    this.#note(framing.hostEnd);
    this.#note(framing.pathStart);
    this.#note(framing.pathEnd);
    hold(
      framing.body !== BODY_CHUNKED || (head.fields.chunked && head.fields.contentLength === -1),
      "a chunked body has no length beside it",
    );
  }

  #note(fact: number): void {
    this.trace[this.traceLength++] = fact;
  }
}

/** @throws Broken */
function hold(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}

function nothing(): void {}
