// HTTP/1.1 for AsyncConn: the twin of http/connection.ts with the same parser, framing, request object, handlers and encoder, in a plain async
// function. Requests without a body only: one with a body gets 501. Pipelined requests are answered in order, and their answers leave in
// one kernel write.

import {
  BODY_BYTES_MAX,
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
import { type HttpHandler, Reply } from "../../../src/http/index.ts";
import { HttpRequest } from "../../../src/http/request.ts";
import {
  CLOSE,
  encodeError,
  encodeHead,
  encodeText,
  headBytesBound,
  KEEP_ALIVE,
  PERSIST,
} from "../../../src/http/wire/encoder.ts";
import { FieldSections } from "../../../src/http/wire/field-sections.ts";
import type { HttpLimits } from "../../../src/http/wire/limits.ts";
import { METHOD_HEAD } from "../../../src/http/wire/methods.ts";
import { COMPLETE } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";
import type { ConnState } from "../../../src/net/conn-state.ts";
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
    this.#exchange = new Exchange(hostOf(conn));
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

  async #serve(): Promise<void> {
    const conn = this.#conn;
    const exchange = this.#exchange;
    for (;;) {
      while (!this.#headComplete()) {
        if (!(await conn.more())) return;
      }
      if (!exchange.bodyOver) return this.#refuse(501);
      let reply = this.#handler(new HttpRequest(exchange));
      if (!(reply instanceof Reply)) {
        conn.flush();
        reply = await (reply as PromiseLike<Reply>);
      }
      const full = this.#send(reply);
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
    const { body, headers, status, type } = reply;
    const { outbox } = this.#conn;
    const persistence = this.#persistence();
    const isHead = this.#exchange.head.methodCode === METHOD_HEAD;
    if (typeof body === "function") throw new TypeError("Cannot send a reply: this twin streams no bodies");
    const bound = headBytesBound(type, headers);
    if (typeof body === "string" && bound + body.length * 3 + 16 <= GATHER_BYTES && !isHead) {
      outbox.room(bound + body.length * 3 + 16);
      const { bytes, end } = outbox;
      outbox.advance(encodeText(bytes, end, status, type, headers, body, persistence, this.#clock.wall));
      return this.#conn.accepted();
    }
    const content = typeof body === "string" ? Buffer.from(body, "utf8") : body;
    outbox.room(bound);
    const { bytes, end } = outbox;
    const length = content?.length ?? 0;
    outbox.advance(encodeHead(bytes, end, status, type, headers, length, persistence, this.#clock.wall));
    if (content !== null && !isHead) outbox.push(content);
    return this.#conn.accepted();
  }

  #persistence(): number {
    if (!this.#keepAlive) return CLOSE;
    return this.#exchange.head.minor === 0 ? KEEP_ALIVE : PERSIST;
  }

  #refuse(status: number): void {
    const { outbox } = this.#conn;
    outbox.room(512);
    outbox.advance(encodeError(outbox.bytes, outbox.end, status, CLOSE, true, this.#clock.wall));
    this.#conn.accepted();
  }
}

/** Closes what has waited too long: once a tick for all connections. */
export function sweep(open: ReadonlySet<AsyncConn>, now: number): void {
  for (const conn of open) if (conn.deadline < now) conn.terminate();
}

const SECTIONS = new FieldSections();
const NEVER = new AbortController().signal;

/**
 * What an exchange asks of its owner. Of the conn it uses `received` and `consumed`, which AsyncConn has; the class itself cannot be had
 * without a scheduler. The other hooks concern bodies, which this twin refuses.
 */
function hostOf(conn: AsyncConn): ExchangeHost {
  return { conn: conn as unknown as ConnState, limits: LIMITS, sections: SECTIONS, signal: NEVER } as ExchangeHost;
}
