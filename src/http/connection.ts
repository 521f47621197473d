// One HTTP/1.1 connection: a task that reads a head, runs the handler, sends the reply, and again. Requests that were pipelined are answered
// in order and their answers leave in one kernel write, because nothing here flushes: the conn does at the end of the pass. At most one
// handler runs at a time, and in this same task.
//
// The phase says which clock runs: none against a silent handler. What stops the connection from outside (a clock, the client
// gone) cancels its node of the cancel tree; the handler's `finally` runs, and `#stopped` says the last word.

import { BODY_BYTES_PER_SECOND_MIN, DRAIN_BODY_BYTES_MAX, GATHER_BYTES } from "../config.ts";
import { PushedNode, runningTask } from "../concurrency/cancel.ts";
import { checkpoint } from "../concurrency/checkpoint.ts";
import { isCancelled } from "../core/cancel-tree.ts";
import type { Wait } from "../core/task.ts";
import type { Conn } from "../net/conn.ts";
import { type ConnWatcher, OPEN } from "../net/conn-state.ts";
import { ConnectionClosedError, ConnectionLostError, UnexpectedEndError } from "../net/errors.ts";
import { type BodyCoding, BodyWriter, outboxFull } from "./body-writer.ts";
import { readChunk } from "./body-reader.ts";
import { LazyDeadline } from "./clocks.ts";
import { BodyLengthError, ClientGoneError } from "./errors.ts";
import { Exchange, type ExchangeHost } from "./exchange.ts";
import { replyOf } from "./handler.ts";
import { Reply, type StreamBody } from "./reply.ts";
import { HttpRequest } from "./request.ts";
import type { HttpServer } from "./server.ts";
import * as wire from "./wire/encoder.ts";
import type { HttpLimits } from "./wire/limits.ts";
import { METHOD_HEAD } from "./wire/methods.ts";
import { COMPLETE } from "./wire/outcome.ts";
import { Rejection } from "./wire/rejection.ts";
import { statusForbidsBody } from "./wire/status.ts";
import { UnsendableError } from "./wire/unsendable.ts";

// Phases. Waiting for the first byte of a request; for the rest of its head; for bytes of its body that the handler reads; for the handler, or
// the client to take the answer.
const IDLE = 0;
const HEAD = 1;
const BODY = 2;
const ANSWER = 3;

/** Requests answered in a row before the other tasks get a turn, however many a client has pipelined. */
const REQUESTS_PER_TURN = 128;

/** The write stall clock looks this many times in its span: progress is noticed by then, and costs nothing in between. */
const STALL_LOOKS = 4;

/** The end of a connection that took too long: answered with 408 where an answer is due. */
const TOO_SLOW = new ClientGoneError("Cannot go on with the request: the client was too slow in sending it");

/** Serves the requests of one conn. */
export class HttpConnection implements ExchangeHost, ConnWatcher {
  readonly conn: Conn;
  readonly #server: HttpServer;
  readonly #exchange: Exchange;
  readonly #deadline: LazyDeadline;
  /** Made when the task takes its first step. */
  #node!: ConnectionNode;
  #phase: number = IDLE;
  /** The present reply has begun to go out. */
  #answered = false;
  #keepAlive = true;
  #continued = false;
  /** Since when the body is waited for; ms waited and bytes got since it last kept the minimum rate. */
  #awaitedFrom = 0;
  #awaitedMs = 0;
  #arrivedBytes = 0;
  #sentAtLook = 0;
  #looksWithoutProgress = 0;

  constructor(conn: Conn, server: HttpServer) {
    this.conn = conn;
    this.#server = server;
    this.#exchange = new Exchange(this);
    this.#deadline = new LazyDeadline(conn.scheduler, () => this.#deadlinePassed());
  }

  get limits(): HttpLimits {
    return this.#server.limits;
  }

  get signal(): AbortSignal {
    return this.#node.signal;
  }

  /** The connection's whole life. One generator, not one a stage: a level of yield* costs 9 ns on each resume and 24 to enter. */
  *run(): Generator<Wait, void, unknown> {
    const { conn } = this;
    const exchange = this.#exchange;
    const { handler } = this.#server;
    let turn = REQUESTS_PER_TURN;
    this.#begin();
    try {
      for (;;) {
        while (!this.#headComplete()) {
          turn = REQUESTS_PER_TURN;
          if (!(yield* conn.more())) return;
        }
        try {
          let reply = handler(new HttpRequest(exchange));
          if (!(reply instanceof Reply)) {
            this.#handlerMayPark(this.#server.clock.now());
            reply = yield* replyOf(reply);
          }
          if (typeof reply.body === "function" && !this.#isHead()) yield* this.#sendStream(reply, reply.body);
          else this.#send(reply);
        } catch (error) {
          if (!this.#answerError(error)) return;
        }
        if (!exchange.bodyOver && this.#keepAlive) yield* this.#dropBody();
        exchange.end();
        this.#node.forgetSignal();
        if (!this.#keepAlive) return;
        this.#answered = false;
        if (outboxFull(conn)) {
          this.#handlerMayPark(this.#server.clock.now());
          yield* conn.writable();
        }
        if (--turn === 0) {
          turn = REQUESTS_PER_TURN;
          yield* checkpoint();
        }
      }
    } catch (error) {
      if (this.#node.owns(error)) this.#stopped(error.reason);
      else if (error instanceof Rejection) this.#reject(error.status, error);
      else if (!isEndOfConnection(error)) throw error;
    } finally {
      this.#end();
    }
  }

  #begin(): void {
    const server = this.#server;
    this.#node = new ConnectionNode(runningTask("serve HTTP"));
    this.#node.push();
    server.connections.add(this);
    this.conn.watcher = this;
    this.#deadline.set(server.clock.now() + server.options.headMs);
  }

  #end(): void {
    this.#deadline.stop();
    this.conn.watcher = null;
    this.#server.connections.delete(this);
    this.#node.pop();
  }

  /** The server drains: an idle connection closes now, a busy one after its answer. */
  drain(): void {
    if (this.#phase >= BODY) this.#keepAlive = false;
    else if (this.#phase === IDLE && this.conn.received.size === 0) this.conn.close();
  }

  // --- reading ---------------------------------------------------------------------------------------------------------------

  /** Parses what is there. True when a request is ready for its handler. @throws Rejection */
  #headComplete(): boolean {
    const exchange = this.#exchange;
    const { head } = exchange;
    const { received } = this.conn;
    if (received.size > 0 && head.parse(received.bytes, received.start, received.end) === COMPLETE) {
      this.#phase = ANSWER;
      this.#continued = false;
      this.#awaitedMs = 0;
      this.#arrivedBytes = 0;
      exchange.begin();
      this.#keepAlive = exchange.framing.keepAlive && !this.#server.draining;
      return true;
    }
    if (this.#server.draining && !head.begun) this.conn.close();
    this.#waitForHead(head.begun);
    return false;
  }

  #waitForHead(begun: boolean): void {
    const { clock, options } = this.#server;
    if (begun && this.#phase !== HEAD) {
      this.#phase = HEAD;
      this.#deadline.set(clock.now() + options.headMs);
    } else if (!begun && this.#phase === ANSWER) {
      this.#phase = IDLE;
      this.#exchange.release();
      this.#deadline.set(clock.now() + options.keepAliveMs);
    }
  }

  bodyWanted(): void {
    if (!this.#continueIsDue() || this.#answered) return;
    this.#continued = true;
    const { outbox } = this.conn;
    outbox.room(64);
    outbox.advance(wire.encodeContinue(outbox.bytes, outbox.end));
    this.conn.accepted();
  }

  /** The clock of the body runs only while somebody waits for it: what a handler does between two reads is not the client's fault. */
  bodyAwaited(): void {
    this.#phase = BODY;
    this.#awaitedFrom = this.#server.clock.now();
    this.#deadline.set(this.#awaitedFrom + this.#server.options.bodyStallMs - this.#awaitedMs);
  }

  bodyArrived(bytes: number): void {
    if (this.#phase !== BODY) return;
    const now = this.conn.scheduler.now();
    this.#awaitedMs += now - this.#awaitedFrom;
    this.#arrivedBytes += bytes;
    if (this.#arrivedBytes * 1000 >= this.#server.options.bodyStallMs * BODY_BYTES_PER_SECOND_MIN) {
      this.#awaitedMs = 0;
      this.#arrivedBytes = 0;
    }
    this.#handlerMayPark(now);
  }

  /** The client may be waiting for a 100 before it sends its body. */
  #continueIsDue(): boolean {
    return this.#exchange.framing.expectContinue && !this.#continued && !this.#exchange.bodyOver;
  }

  /** Throws away a body that the handler did not read, so that the connection can go on; a long one ends it. */
  *#dropBody(): Generator<Wait, void, unknown> {
    const exchange = this.#exchange;
    exchange.dropBody();
    let dropped = 0;
    if (exchange.announcedBytes > DRAIN_BODY_BYTES_MAX) {
      this.#keepAlive = false;
      return;
    }
    for (let chunk: Uint8Array | null; (chunk = yield* readChunk(exchange)) !== null;) {
      dropped += chunk.length;
      if (dropped > DRAIN_BODY_BYTES_MAX) {
        this.#keepAlive = false;
        return;
      }
    }
  }

  // --- answering -------------------------------------------------------------------------------------------------------------

  #isHead(): boolean {
    return this.#exchange.head.methodCode === METHOD_HEAD;
  }

  /** Whether a body that nobody has read is worth reading to keep the connection. Decided before the head of the answer is sent. */
  #bodyEndsConnection(): boolean {
    return this.#continueIsDue() || this.#exchange.announcedBytes > DRAIN_BODY_BYTES_MAX;
  }

  #persistence(): number {
    if (!this.#keepAlive) return wire.CLOSE;
    return this.#exchange.head.minor === 0 ? wire.KEEP_ALIVE : wire.PERSIST;
  }

  /** Puts head and body into the outbox, of a streamed reply the head only. @throws UnsendableError */
  #send(reply: Reply): void {
    const { bodyOver, rejection } = this.#exchange;
    const { body, status } = reply;
    if (rejection !== null) throw rejection;
    if (status < 200) throw interimStatus(status);
    // A stream may still read the body. A handler that swallowed a cancel has its answer sent, and that is all.
    const closes = !bodyOver && (typeof body === "function" ? this.#continueIsDue() : this.#bodyEndsConnection());
    if (closes || this.#node.cause !== null) this.#keepAlive = false;
    if (typeof body === "string") this.#sendText(reply, body);
    else if (typeof body === "function") this.#sendHead(reply, this.#streamLength(reply));
    else {
      this.#sendHead(reply, body === null ? 0 : body.length);
      if (body !== null && this.#mayHaveBody(status)) this.conn.outbox.push(body);
    }
    this.#answered = true;
    this.conn.accepted();
  }

  #mayHaveBody(status: number): boolean {
    return !this.#isHead() && !statusForbidsBody(status);
  }

  #sendText(reply: Reply, body: string): void {
    const { outbox } = this.conn;
    const bound = wire.headBytesBound(reply.type, reply.headers) + body.length * 3 + 16;
    if (bound > GATHER_BYTES || this.#isHead()) {
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
      this.#server.clock.wall(),
    );
    outbox.advance(end);
  }

  #sendHead(reply: Reply, length: number): void {
    const { outbox } = this.conn;
    const { status, type, headers } = reply;
    const bound = wire.headBytesBound(type, headers);
    const wall = this.#server.clock.wall();
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

  /** How the end of a streamed body is told; a body of unknown length to an HTTP/1.0 client ends with the connection. */
  #streamLength(reply: Reply): number {
    if (reply.length >= 0) return reply.length;
    if (this.#isHead()) return wire.LENGTH_NONE;
    if (this.#exchange.head.minor > 0) return wire.LENGTH_CHUNKED;
    this.#keepAlive = false;
    return wire.LENGTH_UNTIL_CLOSE;
  }

  *#sendStream(reply: Reply, body: StreamBody): Generator<Wait, void, unknown> {
    const { conn } = this;
    const coding = this.#codingOf(reply);
    // No 100 may follow the head: where the client waits for one the head waits for the first write, as the body may be read before.
    const late = this.#continueIsDue();
    if (!late) this.#send(reply);
    const writer = new BodyWriter(conn, coding, reply.length, late ? () => this.#send(reply) : null);
    this.#handlerMayPark(this.#server.clock.now());
    try {
      yield* body(writer);
    } finally {
      writer.close();
    }
    if (late && !this.#answered) this.#send(reply);
    if (writer.missing > 0)
      throw new BodyLengthError(`Cannot end the body: ${writer.missing} bytes that were announced are missing`);
    if (coding !== "chunked") return;
    const { outbox } = conn;
    outbox.room(16);
    outbox.advance(wire.encodeLastChunk(outbox.bytes, outbox.end));
    conn.accepted();
  }

  #codingOf(reply: Reply): BodyCoding {
    if (statusForbidsBody(reply.status)) return "none";
    if (reply.length >= 0) return "length";
    return this.#exchange.head.minor > 0 ? "chunked" : "until-close";
  }

  /** An error came out of the handler or of sending. Answers it where that is still possible; false ends the connection. @throws a cancel */
  #answerError(error: unknown): boolean {
    if (isCancelled(error)) throw error;
    const rejection = this.#exchange.rejection ?? (error instanceof Rejection ? error : null);
    const clientGone = this.conn.output !== OPEN;
    if (clientGone && (isEndOfConnection(error) || error instanceof ClientGoneError)) return false;
    const answered = this.#answered;
    if (rejection !== null) this.#reject(rejection.status, rejection);
    else this.#server.options.onError(error);
    if (answered) this.#cut();
    if (answered || clientGone || rejection !== null) return false;
    if (this.#node.cause !== null) this.#keepAlive = false;
    this.#refuse(500);
    return true;
  }

  /**
   * Half an answer is out: only a cut connection tells the client that it is not whole. The FIN that follows anyway does where chunks or a
   * length are missing, and leaves alone the answers before it; HTTP/1.0 has streams that end with the connection and needs a reset.
   */
  #cut(): void {
    if (this.#exchange.head.minor === 0) this.conn.terminate();
  }

  /** Answers a request that broke a rule, and ends the connection: where its next request begins can no longer be known. */
  #reject(status: number, rejection: Rejection): void {
    this.#keepAlive = false;
    this.#server.options.onRejection?.(rejection, this.conn);
    if (!this.#answered) this.#refuse(status);
  }

  #refuse(status: number): void {
    if (this.#bodyEndsConnection()) this.#keepAlive = false;
    const { outbox } = this.conn;
    outbox.room(512);
    const persistence = this.#keepAlive ? this.#persistence() : wire.CLOSE;
    outbox.advance(
      wire.encodeError(outbox.bytes, outbox.end, status, persistence, !this.#isHead(), this.#server.clock.wall()),
    );
    this.#answered = true;
    this.conn.accepted();
  }

  // --- clocks and the client's going -----------------------------------------------------------------------------------------

  /** From here on the handler, or the client who takes the answer, may take its time: looks for a stalled write now and then. */
  #handlerMayPark(now: number): void {
    this.#phase = ANSWER;
    const { options } = this.#server;
    this.#sentAtLook = this.conn.outbox.sent;
    this.#looksWithoutProgress = 0;
    const open = this.conn.input === OPEN;
    this.#deadline.set(now + (open ? options.writeStallMs / STALL_LOOKS : options.halfCloseGraceMs));
  }

  inputEnded(): void {
    // A FIN may be a half-close that still wants its answer. The clock of the last pass may be minutes old in here.
    if (this.#phase === ANSWER) this.#handlerMayPark(this.conn.scheduler.now());
  }

  socketClosed(): void {
    if (this.#phase >= BODY) this.#clientGone();
  }

  #clientGone(): void {
    this.#node.cancelTree(new ClientGoneError(`Cannot answer on ${this.conn.describe()}: the client is gone`));
  }

  #deadlinePassed(): void {
    if (this.#phase === IDLE) this.conn.close();
    else if (this.#phase !== ANSWER) this.#node.cancelTree(TOO_SLOW);
    else if (this.conn.input === OPEN) this.#lookForStall();
    // A client that still takes its answer is there, FIN or not.
    else if (this.conn.outbox.sent > this.#sentAtLook) this.#handlerMayPark(this.conn.scheduler.now());
    else this.#clientGone();
  }

  /** A client that takes nothing of what is waiting for it for the whole span is cut off. A silent handler is left alone. */
  #lookForStall(): void {
    const { outbox } = this.conn;
    const stalled = outbox.pending > 0 && outbox.sent === this.#sentAtLook;
    this.#sentAtLook = outbox.sent;
    this.#looksWithoutProgress = stalled ? this.#looksWithoutProgress + 1 : 0;
    if (this.#looksWithoutProgress < STALL_LOOKS) {
      this.#deadline.set(this.conn.scheduler.now() + this.#server.options.writeStallMs / STALL_LOOKS);
      return;
    }
    this.#clientGone();
    this.conn.terminate();
  }

  /** Our own node was cancelled, and handler and all have unwound. */
  #stopped(reason: unknown): void {
    if (reason !== TOO_SLOW) return;
    this.#keepAlive = false;
    this.#server.options.onTimeout?.(this.conn);
    if (this.#answered) this.#cut();
    else this.#refuse(408);
  }
}

/** The peer left, or we did: nothing that anybody needs to be told. */
function isEndOfConnection(error: unknown): boolean {
  return (
    error instanceof ConnectionLostError ||
    error instanceof ConnectionClosedError ||
    error instanceof UnexpectedEndError
  );
}

function interimStatus(status: number): UnsendableError {
  return new UnsendableError("ERR_HTTP_STATUS", `Cannot send the status ${status}: it does not end an exchange`);
}

/** The connection in the cancel tree. Its abort signal is made when somebody asks for it. */
class ConnectionNode extends PushedNode {
  #abort: AbortController | null = null;

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.cause !== null) this.#abort.abort(this.cause.reason);
    }
    return this.#abort.signal;
  }

  /** A signal belongs to one request. */
  forgetSignal(): void {
    this.#abort = null;
  }

  override afterCancel(): void {
    this.#abort?.abort(this.cause?.reason);
  }
}
