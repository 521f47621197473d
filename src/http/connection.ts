// One HTTP/1.1 connection, from its first byte, or the first one after a rest, to its end or the next rest (net/resting.ts): a task that reads a
// head, runs the handler, sends the reply, and again. Requests that were pipelined are answered in order and their answers leave in one
// kernel write, because nothing here flushes: the conn does at the end of the pass. At most one handler runs at a time, and in this same task.
//
// Three share the work and none knows the connection: the exchange reads the request (and asks for what it needs through its host), the
// answer writes the reply, the watch stops it all when the client is too slow or gone. What an error means is decided here.

import { DRAIN_PROMISED_BYTES_MAX } from "../config.ts";
import { checkpoint } from "../concurrency/checkpoint.ts";
import { isCancelled } from "../core/cancel-tree.ts";

import { anchor } from "../net/anchor.ts";
import type { Conn } from "../net/conn.ts";
import { OPEN } from "../net/conn-state.ts";
import { ConnectionClosedError, ConnectionLostError, UnexpectedEndError } from "../net/errors.ts";
import { AccessLog } from "./access-log.ts";
import { Answer } from "./answer.ts";
import { readChunk } from "./body-reader.ts";
import { outboxFull } from "./body-writer.ts";
import { ClientGoneError } from "./errors.ts";
import { Exchange, type ExchangeHost } from "./exchange.ts";
import { replyOfResponse } from "./fetch/response.ts";
import type { Trust } from "./forwarded.ts";
import { replyOf } from "./handler.ts";
import { Reply } from "./reply.ts";
import { HttpRequest } from "./request.ts";
import type { HttpServer } from "./server.ts";
import { TOO_SLOW, Watch } from "./watch.ts";
import type { FieldSections } from "./wire/field-sections.ts";
import type { HttpLimits } from "./wire/limits.ts";
import { COMPLETE } from "./wire/outcome.ts";
import { Rejection } from "./wire/rejection.ts";
import type { Wait } from "../core/task.ts";

/** Requests answered in a row before the other tasks get a turn, however many a client has pipelined. */
const REQUESTS_PER_TURN = 128;

/** Serves the requests of one conn. */
export class HttpConnection implements ExchangeHost {
  readonly conn: Conn;
  readonly #server: HttpServer;
  readonly #exchange: Exchange;
  /** Of a connection that was at rest: when its time is over. */
  readonly #restUntil: number | null;
  // Made when the task takes its first step: the watch needs to know it.
  #watch!: Watch;
  #answer!: Answer;
  #log: AccessLog | null = null;
  /** The answer is out, and what is read is thrown away. */
  #dropping = false;

  constructor(conn: Conn, server: HttpServer) {
    this.conn = conn;
    this.#server = server;
    this.#exchange = new Exchange(this);
    this.#restUntil = server.resting.wokenUntil;
  }

  /** The connection's whole life. One generator, not one a stage: a level of yield* costs 9 ns on each resume and 24 to enter. */
  *run(): Generator<Wait, void, unknown> {
    const { conn } = this;
    const exchange = this.#exchange;
    const { handler } = this.#server;
    let turn = REQUESTS_PER_TURN;
    this.#begin();
    const watch = this.#watch;
    const answer = this.#answer;
    const log = this.#log;
    try {
      for (;;) {
        while (!this.#headComplete()) {
          turn = REQUESTS_PER_TURN;
          if (!(yield* conn.more())) return;
        }
        const request = new HttpRequest(exchange);
        try {
          log?.begin(request);
          let reply = handler(request);
          if (!(reply instanceof Reply)) {
            if (reply instanceof Response) reply = replyOfResponse(reply, request);
            else {
              watch.answerAwaited();
              reply = yield* replyOf(request, reply);
            }
          }
          const { body } = reply;
          if (typeof body !== "function") answer.send(reply);
          else if (exchange.isHead) answer.sendWithoutBody(reply, body);
          else {
            watch.answerAwaited();
            yield* answer.sendStream(reply, body);
          }
        } catch (error) {
          if (!this.#answerError(error, request)) return;
        }
        log?.end(true);
        if (!exchange.bodyOver && answer.keepAlive) yield* this.#dropBody();
        exchange.end();
        watch.node.forgetSignal();
        if (!answer.keepAlive) return;
        if (outboxFull(conn)) {
          watch.answerAwaited();
          yield* conn.writable();
        }
        if (--turn === 0) {
          turn = REQUESTS_PER_TURN;
          yield* checkpoint();
        }
      }
    } catch (error) {
      if (watch.node.owns(error)) this.#stopped(error.reason);
      else if (error instanceof Rejection) this.#reject(error);
      else if (!isEndOfConnection(error)) throw error;
    } finally {
      this.#end();
    }
  }

  #begin(): void {
    const server = this.#server;
    this.#watch = new Watch(this.conn, server);
    this.#answer = new Answer(this.conn, this.#exchange, server.clock, this.#watch.node);
    const { onAnswer } = server.options;
    if (onAnswer !== undefined) this.#log = new AccessLog(this.conn, this.#answer, onAnswer);
    this.#watch.begin(this.#restUntil);
    server.connections.add(this);
    anchor("http", this);
  }

  #end(): void {
    this.#log?.end(false);
    this.#exchange.promised?.letGo();
    this.#server.connections.delete(this);
    this.#watch.end();
  }

  /** The server drains: an idle connection closes now, a busy one after its answer. */
  drain(): void {
    if (this.#dropping) this.conn.close();
    else if (this.#watch.busy) this.#answer.keepAlive = false;
    else if (this.#watch.headBegun) this.#watch.hurryHead();
    else if (this.#onlyEmptyLines()) this.conn.close();
  }

  /** Nothing of a request has come. Some clients send an empty line behind a body (RFC 9112 section 2.2). */
  #onlyEmptyLines(): boolean {
    const { bytes, start, end } = this.conn.received;
    for (let i = start; i < end; i++) if (bytes[i] !== 13 && bytes[i] !== 10) return false;
    return true;
  }

  // --- what the exchange asks for --------------------------------------------------------------------------------------------

  get limits(): HttpLimits {
    return this.#server.limits;
  }

  get sections(): FieldSections {
    return this.#server.sections;
  }

  get drainBodyBytesMax(): number {
    return this.#server.options.drainBodyBytesMax;
  }

  get trust(): Trust | null {
    return this.#server.options.trust;
  }

  get signal(): AbortSignal {
    return this.#watch.node.signal;
  }

  rejected(rejection: Rejection): void {
    this.#server.options.onRejection?.(rejection, this.conn);
  }

  bodyWanted(): void {
    this.#watch.bodyWanted();
    this.#answer.continueIfDue();
  }

  bodyAwaited(): void {
    this.#watch.bodyAwaited();
  }

  bodyArrived(bytes: number): void {
    this.#watch.bodyArrived(bytes);
  }

  // --- reading ---------------------------------------------------------------------------------------------------------------

  /** Parses what is there. True when a request is ready for its handler. @throws Rejection */
  #headComplete(): boolean {
    const exchange = this.#exchange;
    const { head } = exchange;
    const { received } = this.conn;
    if (received.size > 0 && head.parse(received.bytes, received.start, received.end) === COMPLETE) {
      this.#watch.headArrived();
      exchange.begin();
      this.#server.admission.check(exchange, this.conn);
      this.#answer.keepAlive = exchange.framing.keepAlive && !this.#server.draining;
      return true;
    }
    if (head.begun) {
      this.#watch.headAwaited();
      return false;
    }
    if (this.#server.draining) this.conn.close();
    exchange.release();
    this.#watch.requestAwaited();
    return false;
  }

  /** Throws away a body that the handler did not read, so that the connection can go on; a long one ends it. */
  *#dropBody(): Generator<Wait, void, unknown> {
    const exchange = this.#exchange;
    const answer = this.#answer;
    exchange.dropBody();
    // The limit was weighed before the head of the answer was sent. From there on the client counts on the connection.
    const bytesMax = Math.max(this.drainBodyBytesMax, DRAIN_PROMISED_BYTES_MAX);
    let dropped = 0;
    if (exchange.announcedBytes > bytesMax) {
      answer.keepAlive = false;
      return;
    }
    this.#dropping = true;
    for (let chunk: Uint8Array | null; (chunk = yield* readChunk(exchange)) !== null;) {
      dropped += chunk.length;
      if (dropped > bytesMax) {
        answer.keepAlive = false;
        break;
      }
    }
    this.#dropping = false;
  }

  // --- what an error means ---------------------------------------------------------------------------------------------------

  /** An error came out of the handler or of sending. Answers it where that is still possible; false ends the connection. @throws a cancel */
  #answerError(error: unknown, request: HttpRequest): boolean {
    const answer = this.#answer;
    if (isCancelled(error)) {
      if (answer.begun) answer.cut();
      throw error;
    }
    const { rejection } = this.#exchange;
    const clientGone = this.conn.output !== OPEN;
    if (clientGone && (isEndOfConnection(error) || error instanceof ClientGoneError)) return false;
    const { begun } = answer;
    if (rejection !== null) this.#reject(rejection);
    else if (error instanceof Rejection) this.rejected(error);
    else this.#server.options.onError(error, request);
    if (begun) answer.cut();
    if (begun || clientGone || rejection !== null) return false;
    if (this.#watch.node.cause !== null) answer.keepAlive = false;
    // What the handler rejects by itself, such as a body that is no JSON, leaves the framing sound: the connection goes on.
    answer.refuse(error instanceof Rejection ? error.status : 500);
    return true;
  }

  /** Answers a request that broke a rule, and ends the connection: where its next request begins can no longer be known. */
  #reject(rejection: Rejection): void {
    const answer = this.#answer;
    answer.keepAlive = false;
    this.rejected(rejection);
    if (!answer.begun) answer.refuse(rejection.status);
  }

  /** Our own node was cancelled, and handler and all have unwound. */
  #stopped(reason: unknown): void {
    if (reason !== TOO_SLOW) return;
    const answer = this.#answer;
    answer.keepAlive = false;
    this.#server.options.onTimeout?.(this.conn);
    this.rejected(new Rejection(408, "ERR_HTTP_TIMEOUT", "the client was too slow in sending it"));
    if (answer.begun) answer.cut();
    else answer.refuse(408);
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
