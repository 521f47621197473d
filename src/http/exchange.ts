// One request and its answer as the connection sees them: the state that request, body reader and body writer share. There is one per
// connection, used for one request after the other; `number` tells a request that is over from the present one.

import { type ConnState, OPEN } from "../net/conn-state.ts";
import { UnexpectedEndError } from "../net/errors.ts";
import type { Trust } from "./forwarded.ts";
import { ChunkedDecoder } from "./wire/chunked.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, checkBodyLength, Framing } from "./wire/framing.ts";
import type { FieldSections } from "./wire/field-sections.ts";
import { HeadParser } from "./wire/head-parser.ts";
import type { HeaderField } from "./wire/headers.ts";
import type { HttpLimits } from "./wire/limits.ts";
import { METHOD_HEAD, METHOD_OTHER } from "./wire/methods.ts";
import { DATA, END } from "./wire/outcome.ts";
import { Rejection } from "./wire/rejection.ts";

/** What the connection offers to its exchange. */
export interface ExchangeHost {
  readonly conn: ConnState;
  readonly limits: HttpLimits;
  /** The field sections of all connections of the server. */
  readonly sections: FieldSections;
  /** Bytes of an unread body that are worth reading to keep the connection. */
  readonly drainBodyBytesMax: number;
  /** Which proxies are believed; `null` for none. */
  readonly trust: Trust | null;
  /** Aborts when the client is gone or the server is cancelled. */
  readonly signal: AbortSignal;
  /** Tells the server's hook of bad input that is answered without closing the connection. */
  rejected(rejection: Rejection): void;
  /** The first read of a body: sends 100 Continue if the client waits for it. */
  bodyWanted(): void;
  /** A read of the body parks: its clock runs. */
  bodyAwaited(): void;
  /** The read goes on with `bytes` of content, or was given up. */
  bodyArrived(bytes: number): void;
}

/** A read of the body that belongs to no task: see fetch/body-source.ts. */
export interface PromisedBody {
  /** The request is over, or somebody else must read: gives the read up. */
  letGo(): void;
}

const NOTHING = new Uint8Array(0);

/** The present request of a connection. */
export class Exchange {
  readonly host: ExchangeHost;
  readonly head: HeadParser;
  readonly framing: Framing = new Framing();
  /** Number of the present request on its connection; moves on when the request is over. */
  number = 0;
  /** Where the head lies: `bytes` from `start` on. Never overwritten, see net/receive-buffer.ts. */
  bytes: Uint8Array;
  start = 0;
  /** The client sent something wrong in its body: no later byte may be parsed. */
  rejection: Rejection | null = null;
  /** After `advance` gave true: content lies at the front of the receive buffer, behind `dataOffset` bytes of framing. */
  dataOffset = 0;
  dataLength = 0;
  /** The whole body was read. */
  bodyOver = true;
  /** The read of the body that is waiting on a promise's behalf. */
  promised: PromisedBody | null = null;
  #bodyBytesMax = 0;
  #remaining = 0;
  #consumed = 0;
  #begun = false;
  #decoder: ChunkedDecoder | null = null;
  /** A reader was told of the body's end. */
  #endTold = false;
  /** What a read that was given up had taken: the next piece. */
  #givenBack: Uint8Array | null = null;

  constructor(host: ExchangeHost) {
    this.host = host;
    this.head = new HeadParser(host.limits, host.sections);
    this.bytes = host.conn.received.bytes;
  }

  /** The head is complete: takes it over and decides the framing. @throws Rejection */
  begin(): void {
    const { received } = this.host.conn;
    const { framing, head } = this;
    this.bytes = received.bytes;
    this.start = received.start;
    framing.decide(head, this.bytes, this.start);
    received.skip(head.length);
    this.rejection = null;
    this.#begun = false;
    this.bodyOver = framing.body === BODY_NONE;
    if (this.bodyOver) return;
    this.#bodyBytesMax = this.host.limits.bodyBytesMax;
    this.#remaining = framing.bodyLength;
    this.#consumed = 0;
  }

  /** The request is answered: views of it are over, and the parser is ready for the next. */
  end(): void {
    this.promised?.letGo();
    this.#givenBack = null;
    this.#endTold = false;
    this.number++;
    this.head.reset();
    // Were it still HEAD, the refusal of a next request that is faulty from its first byte on would lack its body.
    this.head.methodCode = METHOD_OTHER;
  }

  /** Lets go of the bytes of the last head: an idle connection holds none. */
  release(): void {
    this.bytes = NOTHING;
  }

  /** The method is HEAD: its answer has a head and no body. */
  get isHead(): boolean {
    return this.head.methodCode === METHOD_HEAD;
  }

  /** Bytes of the body that were announced and not read; 0 of a chunked one. */
  get announcedBytes(): number {
    return this.bodyOver || this.framing.body !== BODY_LENGTH ? 0 : this.#remaining;
  }

  /** The body was read to its end, and the reader knows: the last piece alone does not tell, and may come with the first or after it. */
  get bodyRead(): boolean {
    return this.#endTold;
  }

  /** The fields behind a chunked body that was read to its end; none otherwise. */
  get trailers(): readonly HeaderField[] {
    return this.#begun && this.bodyOver && this.framing.body === BODY_CHUNKED
      ? (this.#decoder as ChunkedDecoder).trailers
      : [];
  }

  /** Nobody reads the rest of the body. It need not keep to its limit any more: how much is dropped has a bound of its own. */
  dropBody(): void {
    this.promised?.letGo();
    if (!this.#begun) this.#bodyBytesMax = Number.MAX_SAFE_INTEGER;
    else if (this.framing.body === BODY_CHUNKED) this.#decoder?.liftLimit();
  }

  /** Sets the body limit of this request. Before the first read. @throws RangeError */
  limitBody(bytesMax: number): void {
    if (!(bytesMax >= 0)) throw new RangeError(`Cannot limit the body to ${bytesMax} bytes: not a number from 0 on`);
    this.#bodyBytesMax = Math.min(bytesMax, Number.MAX_SAFE_INTEGER);
  }

  /** Starts reading the body, if that was not done. @throws Rejection (413) when it is announced to be too long, and again whatever was wrong before. */
  beginBody(): void {
    if (this.rejection !== null) throw this.rejection;
    if (this.#begun || this.bodyOver) return;
    this.#begun = true;
    this.#guard(() => {
      if (this.framing.body === BODY_LENGTH) checkBodyLength(this.#remaining, this.#bodyBytesMax);
      else {
        this.#decoder ??= new ChunkedDecoder(this.host.limits);
        this.#decoder.reset(this.#bodyBytesMax);
      }
    });
    this.host.bodyWanted();
  }

  /** Whether some content, or the end, is in the receive buffer: then `dataLength` is set. @throws Rejection */
  advance(): boolean {
    if (this.bodyOver || this.dataLength > 0) return true;
    const { received } = this.host.conn;
    if (received.size === 0) return false;
    if (this.framing.body === BODY_LENGTH) {
      this.dataOffset = 0;
      this.dataLength = Math.min(this.#remaining, received.size);
      return true;
    }
    return this.#guard(() => this.#advanceChunked());
  }

  /** Takes the content that `advance` found, as a view. */
  take(): Uint8Array {
    const { received } = this.host.conn;
    const { bytes } = received;
    const from = received.start + this.dataOffset;
    const whole = from === 0 && this.dataLength === bytes.length;
    const view = whole ? bytes : bytes.subarray(from, from + this.dataLength);
    this.dropData();
    return view;
  }

  /** Drops the content that `advance` found. */
  dropData(): void {
    const { conn } = this.host;
    const bytes = this.dataLength;
    this.dataLength = 0;
    if (this.framing.body === BODY_LENGTH) {
      this.#remaining -= bytes;
      this.bodyOver = this.#remaining === 0;
      conn.received.skip(bytes);
    } else conn.received.skip(this.#consumed);
    conn.consumed();
  }

  /** Whether `takePiece` has something to say: a piece, the end, or that no more will come. @throws as {@link advance} */
  pieceIsDue(): boolean {
    const { conn } = this.host;
    return this.#givenBack !== null || this.advance() || conn.input !== OPEN || conn.closing !== null;
  }

  /**
   * The piece that `pieceIsDue` found, `null` at the end of the body. The clock of the body stops.
   * @throws UnexpectedEndError when the input ended before. The handler may catch that, but the client gets 400.
   */
  takePiece(): Uint8Array | null {
    const { conn } = this.host;
    const givenBack = this.#givenBack;
    if (givenBack !== null) {
      this.#givenBack = null;
      return givenBack;
    }
    this.host.bodyArrived(this.dataLength);
    if (this.dataLength > 0) return this.take();
    if (this.bodyOver) {
      this.#endTold = this.#begun;
      return null;
    }
    conn.inputOver();
    this.rejection ??= new Rejection(400, "ERR_HTTP_FRAMING", "the input ended within the body");
    throw new UnexpectedEndError(`Cannot read the request body on ${conn.describe()}: its input ended in the middle`);
  }

  /** A read of request `number` was given up that had taken `piece`: the next one gives it first. */
  giveBack(piece: Uint8Array, number: number): void {
    if (number !== this.number) return;
    this.#givenBack = piece;
    this.#endTold = false;
  }

  #advanceChunked(): boolean {
    const { received } = this.host.conn;
    const decoder = this.#decoder as ChunkedDecoder;
    const outcome = decoder.next(received.bytes, received.start, received.end);
    if (outcome === DATA) {
      // Relative to the unread bytes: more input may move them to another array before the content is taken.
      this.dataOffset = decoder.dataStart - received.start;
      this.dataLength = decoder.dataEnd - decoder.dataStart;
      this.#consumed = decoder.consumed;
      return true;
    }
    received.skip(decoder.consumed);
    this.host.conn.consumed();
    if (outcome !== END) return false;
    this.bodyOver = true;
    return true;
  }

  /** Remembers what the client did wrong: even a handler that catches it cannot make the connection go on. */
  #guard<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      this.rejection = error as Rejection;
      throw error;
    }
  }
}
