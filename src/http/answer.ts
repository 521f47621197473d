// The answer to the present request: what goes into the outbox for it, and whether the connection goes on behind it. Like the exchange there is
// one per connection, used for one request after the other. It flushes nothing, knows no clock that ends anything, and decides
// nothing about errors: the connection does.
//
// Before a head is sent it is settled whether the connection goes on (`keepAlive`), because the head says so; behind it no 100 may follow.

import { GATHER_BYTES } from "../config.ts";
import type { CancelNode } from "../core/cancel-tree.ts";

import { describeValue } from "../core/operation.ts";
import type { Conn } from "../net/conn.ts";
import { ConnBodyWriter } from "./body-writer.ts";
import type { PassClock } from "./pass-clock.ts";
import type { Exchange } from "./exchange.ts";
import type { Reply, StreamBody } from "./reply.ts";
import * as wire from "./wire/encoder.ts";
import { statusForbidsBody } from "./wire/status.ts";
import { UnsendableError } from "./wire/unsendable.ts";
import type { Wait } from "../core/task.ts";

/** The present answer of a connection. */
export class Answer {
  /** The connection goes on behind this answer. Set for each request; may only be taken back until the next. */
  keepAlive = true;
  /** Status of the present answer, once it has begun. */
  status = 0;
  readonly #conn: Conn;
  readonly #exchange: Exchange;
  readonly #clock: PassClock;
  readonly #node: CancelNode;
  // Numbers of requests, see Exchange: with the next request they are out of date by themselves.
  /** The request whose answer has begun to go out. */
  #answered = -1;
  /** The request whose answer ends with the connection. */
  #untilClose = -1;
  /** The request whose client was told to send its body. */
  #continued = -1;

  /** `node` is cancelled once the connection must end. */
  constructor(conn: Conn, exchange: Exchange, clock: PassClock, node: CancelNode) {
    this.#conn = conn;
    this.#exchange = exchange;
    this.#clock = clock;
    this.#node = node;
  }

  /** The answer to the present request has begun to go out. */
  get begun(): boolean {
    return this.#answered === this.#exchange.number;
  }

  /**
   * Puts head and body into the outbox, of a streamed reply the head only.
   * @throws UnsendableError; Rejection when the body was faulty and the reply tells of no error.
   */
  send(reply: Reply): void {
    const { bodyOver, rejection } = this.#exchange;
    const { body, status } = reply;
    // The body was faulty. A handler that caught that may tell the client in its own way, as long as it tells of an error.
    if (rejection !== null && status < 400) throw rejection;
    if (status < 200) throw interimStatus(status);
    // A stream may still read the body. A handler that swallowed a cancel has its answer sent, and that is all.
    const closes = !bodyOver && (typeof body === "function" ? this.#continueIsDue() : this.#bodyEndsConnection());
    if (closes || rejection !== null || this.#node.cause !== null) this.keepAlive = false;
    if (typeof body === "string") this.#sendText(reply, body);
    else if (typeof body === "function") this.#sendHead(reply, this.#streamLength(reply));
    else {
      if (body !== null && !(body instanceof Uint8Array))
        throw new TypeError(`Cannot send a reply: its body is no text and no bytes, but ${describeValue(body)}`);
      this.#sendHead(reply, body === null ? 0 : body.length);
      if (body !== null && this.#mayHaveBody(status)) this.#conn.outbox.push(body);
    }
    this.#accepted(status);
    if (rejection !== null) this.#exchange.host.rejected(rejection);
  }

  /** Sends the head of a streamed reply whose body nobody wants. @throws as {@link send} */
  sendWithoutBody(reply: Reply, body: StreamBody): void {
    try {
      this.send(reply);
    } finally {
      body.abandon?.();
    }
  }

  /** Sends a streamed reply: parks where its body does. @throws as {@link send}, BodyLengthError, and what the body throws */
  *sendStream(reply: Reply, body: StreamBody): Generator<Wait, void, unknown> {
    if (statusForbidsBody(reply.status)) {
      this.sendWithoutBody(reply, body);
      return;
    }
    const conn = this.#conn;
    const isChunked = reply.length < 0 && this.#exchange.head.minor > 0;
    // No 100 may follow the head: where the client waits for one the head waits for the first write, as the body may be read before.
    const late = this.#continueIsDue();
    if (!late) this.#sendBefore(reply, body);
    const writer = new ConnBodyWriter(conn, isChunked, reply.length, late ? () => this.send(reply) : null);
    try {
      yield* body(writer);
    } finally {
      writer.close();
    }
    if (late && !this.begun) this.send(reply);
    writer.end();
    if (!isChunked) return;
    const { outbox } = conn;
    outbox.room(16);
    outbox.advance(wire.encodeLastChunk(outbox.bytes, outbox.end));
    conn.accepted();
  }

  /** Sends the head of a reply whose body follows; a body that cannot follow lets go of what it holds. */
  #sendBefore(reply: Reply, body: StreamBody): void {
    let sent = false;
    try {
      this.send(reply);
      sent = true;
    } finally {
      if (!sent) body.abandon?.();
    }
  }

  /** Sends `status` with a body that says no more, in place of a reply. Before the answer has begun. */
  refuse(status: number): void {
    if (this.#bodyEndsConnection()) this.keepAlive = false;
    const { outbox } = this.#conn;
    outbox.room(512);
    const withBody = !this.#exchange.isHead;
    outbox.advance(
      wire.encodeError(outbox.bytes, outbox.end, status, this.#persistence(), withBody, this.#clock.wall()),
    );
    this.#accepted(status);
  }

  /** Tells a client that waits for it to send its body. */
  continueIfDue(): void {
    if (!this.#continueIsDue() || this.begun) return;
    this.#continued = this.#exchange.number;
    const { outbox } = this.#conn;
    outbox.room(64);
    outbox.advance(wire.encodeContinue(outbox.bytes, outbox.end));
    this.#conn.accepted();
  }

  /**
   * Half an answer is out: only a cut connection tells the client that it is not whole. The FIN that follows anyway does where chunks or a
   * length are missing, and leaves alone the answers before it; HTTP/1.0 has streams that end with the connection and needs a reset.
   */
  cut(): void {
    if (this.#untilClose === this.#exchange.number) this.#conn.terminate();
  }

  #accepted(status: number): void {
    this.#answered = this.#exchange.number;
    this.status = status;
    this.#conn.accepted();
  }

  // --- persistence -----------------------------------------------------------------------------------------------------------

  #persistence(): number {
    if (!this.keepAlive) return wire.CLOSE;
    return this.#exchange.head.minor === 0 ? wire.KEEP_ALIVE : wire.PERSIST;
  }

  /** Whether a body that nobody has read is worth reading to keep the connection. Decided before the head of the answer is sent. */
  #bodyEndsConnection(): boolean {
    return this.#continueIsDue() || this.#exchange.announcedBytes > this.#exchange.host.drainBodyBytesMax;
  }

  /** The client may be waiting for a 100 before it sends its body. */
  #continueIsDue(): boolean {
    const { framing, number, bodyOver } = this.#exchange;
    return framing.expectContinue && this.#continued !== number && !bodyOver;
  }

  // --- encoding --------------------------------------------------------------------------------------------------------------

  #sendText(reply: Reply, body: string): void {
    const { outbox } = this.#conn;
    const bound = wire.headBytesBound(reply.type, reply.headers) + body.length * 3 + 16;
    if (bound > GATHER_BYTES || this.#exchange.isHead) {
      const bytes = Buffer.from(body, "utf8");
      this.#sendHead(reply, bytes.length);
      if (this.#mayHaveBody(reply.status)) outbox.push(bytes);
      return;
    }
    outbox.room(bound);
    const { status, type, headers } = reply;
    const end = wire.encodeText(
      outbox.bytes,
      outbox.end,
      status,
      type,
      headers,
      body,
      this.#persistence(),
      this.#clock.wall(),
    );
    outbox.advance(end);
  }

  #sendHead(reply: Reply, length: number): void {
    const { outbox } = this.#conn;
    const { status, type, headers } = reply;
    const bound = wire.headBytesBound(type, headers);
    const wall = this.#clock.wall();
    if (bound <= GATHER_BYTES) {
      outbox.room(bound);
      outbox.advance(
        wire.encodeHead(outbox.bytes, outbox.end, status, type, headers, length, this.#persistence(), wall),
      );
      return;
    }
    const room = Buffer.allocUnsafe(bound);
    const end = wire.encodeHead(room, 0, status, type, headers, length, this.#persistence(), wall);
    outbox.push(room.subarray(0, end));
  }

  #mayHaveBody(status: number): boolean {
    return !this.#exchange.isHead && !statusForbidsBody(status);
  }

  /** How the end of a streamed body is told; a body of unknown length to an HTTP/1.0 client ends with the connection. */
  #streamLength(reply: Reply): number {
    if (reply.length >= 0) return reply.length;
    if (this.#exchange.isHead) return wire.LENGTH_NONE;
    if (this.#exchange.head.minor > 0) return wire.LENGTH_CHUNKED;
    this.keepAlive = false;
    this.#untilClose = this.#exchange.number;
    return wire.LENGTH_UNTIL_CLOSE;
  }
}

function interimStatus(status: number): UnsendableError {
  return new UnsendableError("ERR_HTTP_STATUS", `Cannot send the status ${status}: it does not end an exchange`);
}
