// HTTP/1.1 for AsyncConn: the twin of http/connection.ts with the same parser, framing, request object, handlers and encoder, in plain async
// functions. Pipelined requests are answered in order, and their answers leave in one kernel write. A body that its handler does not read
// ends the connection.

import {
  BODY_BYTES_MAX,
  BODY_STALL_MS,
  CHUNK_EXTENSION_BYTES_MAX,
  FIELDS_MAX,
  GATHER_BYTES,
  HEAD_BYTES_MAX,
  HEAD_MS,
  KEEP_ALIVE_MS,
  TARGET_BYTES_MAX,
  TRAILER_BYTES_MAX,
} from "../../../src/config.ts";
import { Exchange, type ExchangeHost } from "../../../src/http/exchange.ts";
import { type HttpHandler, Reply, type StreamBody } from "../../../src/http/index.ts";
import { Pieces } from "../../../src/http/pieces.ts";
import { HttpRequest } from "../../../src/http/request.ts";
import * as wire from "../../../src/http/wire/encoder.ts";
import { FieldSections } from "../../../src/http/wire/field-sections.ts";
import type { HttpLimits } from "../../../src/http/wire/limits.ts";
import { COMPLETE } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";
import { statusForbidsBody } from "../../../src/http/wire/status.ts";
import type { ConnState } from "../../../src/net/conn-state.ts";
import { BYTES_TYPE } from "./answers.ts";
import type { AsyncConn } from "./async-conn.ts";
import type { CoarseClock } from "./coarse-clock.ts";

/** The limits of `serveHttp`, as it sets them by itself. */
export const LIMITS: HttpLimits = {
  headBytesMax: HEAD_BYTES_MAX,
  fieldsMax: FIELDS_MAX,
  targetBytesMax: TARGET_BYTES_MAX,
  trailerBytesMax: TRAILER_BYTES_MAX,
  chunkExtensionBytesMax: CHUNK_EXTENSION_BYTES_MAX,
  bodyBytesMax: BODY_BYTES_MAX,
};

/** What writes a streamed body of the twin. */
export type AsyncBody = (writer: AsyncBodyWriter) => Promise<void>;

/** A body that an async function writes while it is sent: the twin of `stream`. */
export function asyncStream(body: AsyncBody): Reply {
  // The same reply object as with generators; only AsyncHttpConnection runs what it holds.
  return new Reply(BYTES_TYPE, body as unknown as StreamBody);
}

/** A request whose body comes by promise. */
export class AsyncRequest extends HttpRequest {
  readonly #connection: AsyncHttpConnection;

  constructor(exchange: Exchange, connection: AsyncHttpConnection) {
    super(exchange);
    this.#connection = connection;
  }

  /** The whole body. @throws Rejection for a faulty or too long one. */
  readBody(): Promise<Uint8Array> {
    return this.#connection.readBody();
  }
}

/** The writer of a body in chunks. */
export class AsyncBodyWriter {
  readonly #conn: AsyncConn;
  readonly #isChunked: boolean;

  constructor(conn: AsyncConn, isChunked: boolean) {
    this.#conn = conn;
    this.#isChunked = isChunked;
  }

  /** Accepts `data`, at least one byte. A promise, to be awaited before the next write, comes only above the high-water mark. */
  write(data: Uint8Array): Promise<void> | undefined {
    const { outbox } = this.#conn;
    if (!this.#isChunked) return this.#conn.write(data);
    outbox.room(wire.CHUNK_OVERHEAD_BYTES_MAX);
    outbox.advance(wire.encodeChunkHead(outbox.bytes, outbox.end, data.length));
    outbox.push(data);
    outbox.room(wire.CHUNK_OVERHEAD_BYTES_MAX);
    outbox.advance(wire.encodeChunkEnd(outbox.bytes, outbox.end));
    return this.#conn.accepted();
  }
}

/** Serves the requests of one connection. */
export class AsyncHttpConnection {
  readonly #conn: AsyncConn;
  readonly #handler: HttpHandler;
  readonly #clock: CoarseClock;
  readonly #exchange: Exchange;
  #begun = false;
  #keepAlive = true;

  constructor(conn: AsyncConn, handler: HttpHandler, clock: CoarseClock) {
    this.#conn = conn;
    this.#handler = handler;
    this.#clock = clock;
    this.#exchange = new Exchange(this.#host());
  }

  /** The connection's whole life. */
  async run(): Promise<void> {
    this.#conn.deadline = this.#clock.now + HEAD_MS;
    try {
      await this.#serve();
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.#refuse(error.status);
    }
  }

  /** The whole body of the present request. @throws Rejection */
  async readBody(): Promise<Uint8Array> {
    const conn = this.#conn;
    const exchange = this.#exchange;
    const pieces = new Pieces();
    exchange.beginBody();
    for (;;) {
      while (!exchange.advance()) {
        conn.deadline = this.#clock.now + BODY_STALL_MS;
        if (!(await conn.more())) throw new Rejection(400, "ERR_HTTP_FRAMING", "the input ended within the body");
      }
      if (exchange.dataLength === 0) break;
      pieces.add(exchange.take());
    }
    conn.deadline = Number.POSITIVE_INFINITY;
    return pieces.join();
  }

  async #serve(): Promise<void> {
    const conn = this.#conn;
    const exchange = this.#exchange;
    for (;;) {
      while (!this.#headComplete()) {
        if (!(await conn.more())) return;
      }
      let reply = this.#handler(new AsyncRequest(exchange, this));
      if (!(reply instanceof Reply)) {
        conn.flush();
        reply = await (reply as PromiseLike<Reply>);
      }
      if (!exchange.bodyOver) this.#keepAlive = false;
      const full = typeof reply.body === "function" ? this.#sendStream(reply) : this.#send(reply);
      if (full !== undefined) await full;
      exchange.end();
      if (!this.#keepAlive) return;
    }
  }

  /** Parses what is there. @throws Rejection */
  #headComplete(): boolean {
    const exchange = this.#exchange;
    const { head } = exchange;
    const { received } = this.#conn;
    if (received.size > 0 && head.parse(received.bytes, received.start, received.end) === COMPLETE) {
      exchange.begin();
      this.#keepAlive = exchange.framing.keepAlive;
      this.#conn.deadline = Number.POSITIVE_INFINITY;
      this.#begun = false;
      return true;
    }
    // The head deadline is counted from the first byte, the idle one from the last answer.
    if (!head.begun) this.#conn.deadline = this.#clock.now + KEEP_ALIVE_MS;
    else if (!this.#begun) this.#conn.deadline = this.#clock.now + HEAD_MS;
    this.#begun = head.begun;
    return false;
  }

  #send(reply: Reply): Promise<void> | undefined {
    const { headers, status, type } = reply;
    const body = reply.body as string | Uint8Array | null;
    const { outbox } = this.#conn;
    const bound = wire.headBytesBound(type, headers);
    if (typeof body === "string" && bound + body.length * 3 + 16 <= GATHER_BYTES && !this.#exchange.isHead) {
      outbox.room(bound + body.length * 3 + 16);
      const { bytes, end } = outbox;
      outbox.advance(wire.encodeText(bytes, end, status, type, headers, body, this.#persistence(), this.#clock.wall));
      return this.#conn.accepted();
    }
    const content = typeof body === "string" ? Buffer.from(body, "utf8") : body;
    this.#sendHead(reply, content?.length ?? 0);
    if (content !== null && !this.#exchange.isHead && !statusForbidsBody(status)) outbox.push(content);
    return this.#conn.accepted();
  }

  #sendHead({ headers, status, type }: Reply, length: number): void {
    const { outbox } = this.#conn;
    outbox.room(wire.headBytesBound(type, headers));
    const { bytes, end } = outbox;
    outbox.advance(wire.encodeHead(bytes, end, status, type, headers, length, this.#persistence(), this.#clock.wall));
  }

  async #sendStream(reply: Reply): Promise<void> {
    const { isHead, head } = this.#exchange;
    const isChunked = head.minor > 0;
    if (!isChunked) this.#keepAlive = false;
    if (isHead) this.#sendHead(reply, wire.LENGTH_NONE);
    else this.#sendHead(reply, isChunked ? wire.LENGTH_CHUNKED : wire.LENGTH_UNTIL_CLOSE);
    if (isHead) return;
    const conn = this.#conn;
    await (reply.body as unknown as AsyncBody)(new AsyncBodyWriter(conn, isChunked));
    if (!isChunked) return;
    const { outbox } = conn;
    outbox.room(16);
    outbox.advance(wire.encodeLastChunk(outbox.bytes, outbox.end));
    await conn.accepted();
  }

  #persistence(): number {
    if (!this.#keepAlive) return wire.CLOSE;
    return this.#exchange.head.minor === 0 ? wire.KEEP_ALIVE : wire.PERSIST;
  }

  #refuse(status: number): void {
    this.#keepAlive = false;
    const { outbox } = this.#conn;
    outbox.room(512);
    outbox.advance(wire.encodeError(outbox.bytes, outbox.end, status, wire.CLOSE, true, this.#clock.wall));
    this.#conn.accepted();
  }

  /**
   * What an exchange asks of its owner. Of the conn it uses `received` and `consumed`, which AsyncConn has; the class itself cannot be had
   * without a scheduler. The clock of a body is kept by `readBody`.
   */
  #host(): ExchangeHost {
    const conn = this.#conn;
    return {
      conn: conn as unknown as ConnState,
      limits: LIMITS,
      sections: SECTIONS,
      drainBodyBytesMax: 0,
      trust: null,
      signal: NEVER,
      rejected() {},
      bodyWanted: () => {
        if (!this.#exchange.framing.expectContinue) return;
        const { outbox } = conn;
        outbox.room(64);
        outbox.advance(wire.encodeContinue(outbox.bytes, outbox.end));
        conn.flush();
      },
      bodyAwaited() {},
      bodyArrived() {},
    };
  }
}

const SECTIONS = new FieldSections();
const NEVER = new AbortController().signal;

/** Closes what has waited too long: once a tick for all connections. */
export function sweep(open: ReadonlySet<AsyncConn>, now: number): void {
  for (const conn of open) if (conn.deadline < now) conn.terminate();
}
