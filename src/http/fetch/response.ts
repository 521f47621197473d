// A Fetch `Response` as a reply. A body that is all in memory is sent with its length, as one piece; any other is read chunk by chunk at the
// client's pace, and cancelled when the client leaves.
//
// What a Response says about framing and persistence is the connection's business and is left out; its Content-Length is kept where only the
// application can know it (an answer to HEAD, a stream). Whether a body is in memory is the host's knowledge (core/host.ts): a
// simulated host has none, and sends every body in chunks.

import { until } from "../../concurrency/until.ts";
import { runningTask } from "../../concurrency/cancel.ts";
import type { Host } from "../../core/host.ts";
import { describeValue } from "../../core/operation.ts";
import type { Wait } from "../../core/task.ts";
import type { BodyWriter } from "../body-writer.ts";
import { joined } from "../pieces.ts";
import { Reply, type StreamBody } from "../reply.ts";
import type { HttpRequest } from "../request.ts";
import { typeOfBytes } from "./media-type.ts";
import { type HeaderField, isReservedHeader } from "../wire/headers.ts";
import { METHOD_HEAD } from "../wire/methods.ts";

/** Bun's Headers know how many fields they hold. */
type CountedHeaders = Headers & { readonly count?: number };

/** What is used of a stream's reader. Bun's streams may hold text and buffers beside bytes. */
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
  cancel(): Promise<void>;
}

/**
 * The reply that says what `response`, the answer to `request`, says. Its body is taken.
 * @throws TypeError for a Response whose body was used, or that stands for a network error.
 */
export function replyOfResponse(response: Response, request: HttpRequest<object>): Reply {
  const { status } = response;
  if (status === 0) throw new TypeError("Cannot send a Response: it stands for a network error");
  const { host } = runningTask("send a Response").kernel;
  const bytes = host.bodyInMemory?.(response) ?? null;
  const headers: HeaderField[] = [];
  let type = "";
  let length = -1;
  const fields = response.headers as CountedHeaders;
  // Most have no field, or their type alone: to look is cheaper than to go through them (4, 35 and 98 ns).
  if (fields.count === 1) type = fields.get("content-type") ?? "";
  if (fields.count !== 0 && type === "") {
    const named = fields.get("connection");
    fields.forEach((value, name) => {
      if (name === "content-type") type = value;
      else if (name === "content-length") length = lengthOf(value);
      else if (!isReservedHeader(name) && (named === null || !isNamed(named, name))) headers.push([name, value]);
    });
  }
  const init = { status, headers };
  // Bun keeps to itself the type that a Response of text has by default, so text is told from bytes by its bytes.
  if (bytes !== null) return new Reply(type === "" ? typeOfBytes(bytes) : type, bytes, init);
  if (response.bodyUsed) throw new TypeError("Cannot send a Response: its body was used");
  const { body } = response;
  if (body !== null) {
    // `fetch` takes codings off and leaves the fields as they came: then this is the length of something else.
    const isDecoded = response.url !== "" && fields.has("content-encoding") && request.methodCode !== METHOD_HEAD;
    return replyOfStream(body.getReader(), type, init, isDecoded ? -1 : length, host);
  }
  // To HEAD a Response without a body says nothing about the length that GET would have.
  return request.methodCode === METHOD_HEAD ? new Reply(type, noBody, init, length) : new Reply(type, null, init);
}

/** A stream that already has all of its body is sent with its length. */
function replyOfStream(
  reader: Reader,
  type: string,
  init: { status: number; headers: HeaderField[] },
  length: number,
  host: Host,
): Reply {
  const first: Uint8Array[] = [];
  for (;;) {
    const read = reader.read();
    const result = host.peek?.(read);
    if (result === undefined) {
      // It may fail before the body waits for it, or the body may never run: that must not end the process as an unhandled rejection.
      read.catch(() => {});
      return new Reply(type, bodyFrom(reader, first, read), init, length);
    }
    if (result.done) return new Reply(type, joined(first), init);
    try {
      first.push(bytesOf(result.value));
    } catch (error) {
      abandon(reader);
      throw error;
    }
  }
}

/** Sends `first`, then what `pending` brings, then the rest. */
function bodyFrom(reader: Reader, first: readonly Uint8Array[], pending: ReturnType<Reader["read"]>): StreamBody {
  function* body(writer: BodyWriter): Generator<Wait, void, unknown> {
    let over = false;
    try {
      for (const chunk of first) yield* writer.write(chunk);
      for (let read = pending; ; read = reader.read()) {
        const result = yield* until(read);
        if (result.done) break;
        yield* writer.write(bytesOf(result.value));
      }
      over = true;
    } finally {
      if (!over) abandon(reader);
    }
  }
  return Object.assign(body, { abandon: () => abandon(reader) });
}

function abandon(reader: Reader): void {
  // Whether the source minds being cancelled is of no interest any more.
  reader.cancel().catch(() => {});
}

/** Lets go of a Response that came when nobody wanted it any more. */
export function abandonResponse(response: Response): void {
  if (!response.bodyUsed) response.body?.cancel().catch(() => {});
}

function* noBody(): Generator<Wait, void, unknown> {}

/** @throws TypeError for a chunk that is no bytes. */
function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return Buffer.from(chunk, "utf8");
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError(`Cannot send a chunk of a stream: expected bytes and found ${describeValue(chunk)}`);
}

/** Whether the Connection field lists `name`: it was meant for another connection (RFC 9110 section 7.6.1). */
function isNamed(connection: string, name: string): boolean {
  return connection.split(",").some((option) => option.trim().toLowerCase() === name);
}

/** Digits only: a Content-Length that an application made up some other way is left out. */
function lengthOf(value: string): number {
  return /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
