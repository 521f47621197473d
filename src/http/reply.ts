// Replies: what a handler returns. A reply is data; nothing is written before the connection sends it.

import type { Operation } from "../core/operation.ts";
import type { HeaderField } from "./wire/headers.ts";
import type { BodyWriter } from "./body-writer.ts";

/** A streamed body: it is run once the head is sent, and its writes are the body. */
export interface StreamBody {
  (writer: BodyWriter): Operation<unknown>;
  /** Called instead, and once, when nobody wants the body (HEAD, a status without one, a head that cannot be sent): lets go of what the body holds. */
  abandon?(): void;
}

/** Status and headers of a reply. */
export interface ReplyInit {
  /** Default 200. */
  readonly status?: number;
  /** Added in this order. Fields that belong to the connection (Content-Length, Transfer-Encoding, Connection) are refused. */
  readonly headers?: readonly HeaderField[] | Readonly<Record<string, string>>;
}

/** Options of {@link stream}. */
export interface StreamInit extends ReplyInit {
  /** Content-Type; empty for none. Default `application/octet-stream`. */
  readonly type?: string;
  /** Bytes of the body, when they are known: the body is then sent as they come, else in chunks. */
  readonly length?: number;
}

/**
 * What is sent back for one request: data, which nothing has been done with yet. `text`, `json` and their like make one of the usual kinds.
 *
 * @example
 * ```ts
 * import { Reply } from "millrace/http";
 *
 * const reply = new Reply("text/calendar", "BEGIN:VCALENDAR\n", { headers: { "cache-control": "no-store" } });
 * console.log(reply.status, reply.headers); // => 200, [["cache-control", "no-store"]]
 * ```
 */
export class Reply {
  /** From 200 to 599. */
  readonly status: number;
  /** Content-Type; empty for none. */
  readonly type: string;
  readonly headers: readonly HeaderField[];
  readonly body: string | Uint8Array | StreamBody | null;
  /** Bytes of a streamed body, -1 when unknown. */
  readonly length: number;

  constructor(type: string, body: string | Uint8Array | StreamBody | null, init?: ReplyInit, length = -1) {
    this.type = type;
    this.status = init?.status ?? 200;
    // Reset Content has none, but says so by a length (RFC 9110 section 15.3.6).
    this.body = this.status === 205 ? null : body;
    if (this.body === null && typeof body === "function") body.abandon?.();
    this.length = length;
    this.headers = fieldsOf(init?.headers);
  }
}

const NO_HEADERS: readonly HeaderField[] = [];

/** @internal Headers in either form as a list. */
export function fieldsOf(headers: ReplyInit["headers"] | undefined): readonly HeaderField[] {
  if (headers === undefined) return NO_HEADERS;
  return Array.isArray(headers)
    ? (headers as readonly HeaderField[])
    : Object.entries(headers as Record<string, string>);
}

/**
 * A body of text as `text/plain`, UTF-8.
 *
 * @example
 * ```ts
 * import { text } from "millrace/http";
 *
 * const reply = text("out of flour\n", { status: 503, headers: { "retry-after": "60" } });
 * console.log(reply.status, reply.type); // => 503, "text/plain; charset=utf-8"
 * ```
 */
export function text(body: string, init?: ReplyInit): Reply {
  return new Reply("text/plain; charset=utf-8", body, init);
}

/**
 * A body of HTML, UTF-8.
 *
 * @example
 * ```ts
 * import { html } from "millrace/http";
 *
 * console.log(html("<h1>Mill</h1>").type); // => "text/html; charset=utf-8"
 * ```
 */
export function html(body: string, init?: ReplyInit): Reply {
  return new Reply("text/html; charset=utf-8", body, init);
}

/**
 * `value` as JSON. @throws TypeError for what JSON cannot hold.
 *
 * @example
 * ```ts
 * import { json } from "millrace/http";
 *
 * const reply = json({ ordered: "rye" }, { status: 201 });
 * console.log(reply.status, reply.body); // => 201, '{"ordered":"rye"}'
 * ```
 */
export function json(value: unknown, init?: ReplyInit): Reply {
  const body = JSON.stringify(value);
  if (body === undefined) throw new TypeError(`Cannot reply with JSON: ${typeof value} has no JSON form`);
  return new Reply("application/json", body, init);
}

/**
 * A body of bytes; they belong to the connection from then on.
 *
 * @example
 * ```ts
 * import { bytes } from "millrace/http";
 *
 * const pixel = bytes(new Uint8Array([0x47, 0x49, 0x46]), { type: "image/gif" });
 * console.log(pixel.type); // => "image/gif"
 * ```
 */
export function bytes(body: Uint8Array, init?: ReplyInit & { readonly type?: string }): Reply {
  return new Reply(init?.type ?? "application/octet-stream", body, init);
}

/**
 * A body that `body` writes while it is sent, with backpressure: each write parks while the client is behind.
 *
 * @example
 * ```ts
 * import { listen, race, run, sleep, until } from "millrace";
 * import { serveHttp, stream } from "millrace/http";
 *
 * const count = () =>
 *   stream(
 *     function* (writer) {
 *       for (let i = 0; i < 3; i++) {
 *         yield* writer.write(`line ${i}\n`);
 *         yield* sleep(1);
 *       }
 *     },
 *     { type: "text/plain" },
 *   );
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`).then((response) => response.text()));
 *   console.log((yield* race({ client, server: serveHttp(listener, count) })).value); // => "line 0\nline 1\nline 2\n"
 * }).promise;
 * ```
 */
export function stream(body: StreamBody, init?: StreamInit): Reply {
  return new Reply(init?.type ?? "application/octet-stream", body, init, init?.length ?? -1);
}

/**
 * A reply like `reply`, with `headers` behind its own.
 *
 * @example
 * ```ts
 * import { text, withHeaders } from "millrace/http";
 *
 * console.log(withHeaders(text("rye"), { "x-served-by": "mill" }).headers); // => [["x-served-by", "mill"]]
 * ```
 */
export function withHeaders(reply: Reply, headers: NonNullable<ReplyInit["headers"]>): Reply {
  const { type, body, status, length } = reply;
  return new Reply(type, body, { status, headers: [...reply.headers, ...fieldsOf(headers)] }, length);
}

/**
 * A reply without a body, by default 204.
 *
 * @example
 * ```ts
 * import { empty } from "millrace/http";
 *
 * console.log(empty().status, empty(401, { headers: { "www-authenticate": "Bearer" } }).status); // => 204, 401
 * ```
 */
export function empty(status = 204, init?: Omit<ReplyInit, "status">): Reply {
  return new Reply("", null, { ...init, status });
}
