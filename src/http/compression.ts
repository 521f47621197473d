// Compression of replies: middleware around a handler. It looks at finished replies only; a handler knows nothing of it.
//
// What it leaves alone: types that do not shrink, bodies known to be short, event streams, parts of a representation (206), replies without a
// body, those that have a coding already, that carry a digest of their exact bytes, or that say `Cache-Control: no-transform`. What it
// could compress gets `Vary: Accept-Encoding` even where it does not, or a cache would hand one client's bytes to all.
//
// HEAD is answered with the fields of GET where the handler gives it the same body. A client that refuses every coding and the plain body
// (`identity;q=0`) gets the plain body. Where secrets and what an attacker sends stand in one body over TLS, its compressed length
// tells about the secret (BREACH): reply to such requests with no-transform.

import Negotiator from "negotiator";
import { COMPRESS_AT_ONCE_BYTES_MAX, COMPRESS_BYTES_MIN } from "../config.ts";
import { runningTask } from "../concurrency/cancel.ts";
import type { Compression, ContentCoding } from "../core/compression.ts";
import { compressedBody } from "./compressing-writer.ts";
import { type HttpHandler, mapReply } from "./handler.ts";
import { Reply } from "./reply.ts";
import type { HttpRequest } from "./request.ts";
import { namesAcceptEncoding } from "./vary.ts";
import type { HeaderField } from "./wire/headers.ts";
import { statusForbidsBody } from "./wire/status.ts";

export type { ContentCoding } from "../core/compression.ts";

/** Options of {@link compressed}. */
export interface CompressionOptions {
  /** The codings that are offered, in the order in which they are taken when the client likes them equally. Default zstd, br, gzip. */
  readonly codings?: readonly ContentCoding[];
  /** How hard each coding tries: zstd from 1 to 22, br to 11, gzip to 9. Default 3, 4 and 6: more costs much time for few bytes. */
  readonly levels?: Readonly<Partial<Record<ContentCoding, number>>>;
  /** Bodies known to be shorter, in bytes, go out as they are. Default 1024. */
  readonly bytesMin?: number;
  /** Whether bodies of a type, such as `text/html`, are worth it. Default: text, and formats made of text. */
  readonly isCompressible?: (type: string) => boolean;
}

const CODINGS: readonly ContentCoding[] = ["zstd", "br", "gzip"];
const LEVELS: Readonly<Record<ContentCoding, number>> = { zstd: 3, br: 4, gzip: 6 };

const LEVELS_MAX: Readonly<Record<ContentCoding, number>> = { zstd: 22, br: 11, gzip: 9 };

/** Fields that speak about the exact bytes of the body, or about a part of it. */
const BOUND_TO_BYTES: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-range",
  "content-digest",
  "repr-digest",
  "digest",
  "content-md5",
]);

/** Types that shrink, beside text and what ends in +json, +xml, +text or +yaml. */
const COMPRESSIBLE: ReadonlySet<string> = new Set([
  "application/javascript",
  "application/json",
  "application/ld+json",
  "application/manifest+json",
  "application/ndjson",
  "application/rtf",
  "application/sql",
  "application/toml",
  "application/vnd.ms-fontobject",
  "application/wasm",
  "application/x-javascript",
  "application/x-ndjson",
  "application/x-sh",
  "application/xml",
  "application/xml-dtd",
  "application/yaml",
  "font/otf",
  "font/ttf",
  "image/bmp",
  "image/vnd.microsoft.icon",
  "image/x-icon",
]);

/** How a reply is compressed. */
interface Plan {
  readonly compression: Compression;
  readonly bytesMin: number;
  readonly codings: readonly ContentCoding[];
  readonly levels: Readonly<Record<ContentCoding, number>>;
  readonly isCompressible: (type: string) => boolean;
}

/**
 * `handler` with its replies compressed, in the coding that the client likes best. Short bodies are compressed at once; long and streamed ones
 * piece by piece at the client's pace, and what a stream has written leaves when it flushes, and at its end. The stream of a Fetch Response cannot
 * flush: where its pieces must leave at once it should say no-transform. On a host without compressors (a simulation) replies stay as they are.
 * @throws RangeError for options that make no sense.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { compressed, serveHttp, text } from "millrace/http";
 *
 * const handler = compressed(() => text("flour\n".repeat(1_000)));
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const asked = fetch(`http://127.0.0.1:${listener.port}/`, { headers: { "accept-encoding": "zstd" } });
 *   const { value } = yield* race({ client: until(asked), server: serveHttp(listener, handler) });
 *   console.log(value.headers.get("content-encoding")); // => "zstd"
 * }).promise;
 * ```
 */
export function compressed(handler: HttpHandler, options: CompressionOptions = {}): HttpHandler {
  const settings = settingsOf(options);
  return (request) =>
    mapReply(request, handler(request), (reply) => {
      const { compression } = runningTask("compress a reply").kernel.host;
      return compression === undefined ? reply : negotiated(request, reply, { ...settings, compression });
    });
}

function settingsOf(options: CompressionOptions): Omit<Plan, "compression"> {
  const { bytesMin = COMPRESS_BYTES_MIN, codings = CODINGS, isCompressible = isTypeCompressible } = options;
  const levels = { ...LEVELS, ...options.levels };
  if (!(bytesMin >= 0))
    throw new RangeError(`Cannot compress bodies from ${bytesMin} bytes on: not a number from 0 on`);
  for (const coding of codings) {
    if (!Object.hasOwn(LEVELS, coding))
      throw new RangeError(`Cannot compress with ${JSON.stringify(coding)}: no known coding`);
    const level = levels[coding];
    if (!Number.isSafeInteger(level) || level < 1 || level > LEVELS_MAX[coding])
      throw new RangeError(`Cannot compress with ${coding} at level ${level}: not one from 1 to ${LEVELS_MAX[coding]}`);
  }
  return { bytesMin, codings, isCompressible, levels };
}

function negotiated(request: HttpRequest<object>, reply: Reply, plan: Plan): Reply {
  const isUnmodified = reply.status === 304;
  if (!isUnmodified && !isWorthIt(reply, plan)) return reply;
  const headers = withVary(reply.headers);
  const coding = bestOf(request.headers.get("accept-encoding"), plan.codings);
  if (coding === null) return changed(reply, headers, reply.body, reply.length);
  // A 304 stands for the reply that had a body, and names the tag that it had.
  if (isUnmodified) return changed(reply, headers.map(weakened), reply.body, reply.length);
  return encoded(reply, reply.body as NonNullable<Reply["body"]>, headers, coding, plan);
}

function isWorthIt(reply: Reply, plan: Plan): boolean {
  const { body, status } = reply;
  if (body === null || status === 206 || statusForbidsBody(status)) return false;
  if (bytesOf(reply) < plan.bytesMin || !plan.isCompressible(typeOf(reply))) return false;
  return !reply.headers.some(
    ([name, value]) =>
      BOUND_TO_BYTES.has(name.toLowerCase()) ||
      (name.toLowerCase() === "cache-control" && /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(value)),
  );
}

/** Bytes of the body; Infinity when unknown. */
function bytesOf({ body, length }: Reply): number {
  if (body === null) return 0;
  if (typeof body === "function") return length >= 0 ? length : Number.POSITIVE_INFINITY;
  return typeof body === "string" ? Buffer.byteLength(body, "utf8") : body.length;
}

function encoded(
  reply: Reply,
  body: NonNullable<Reply["body"]>,
  headers: readonly HeaderField[],
  coding: ContentCoding,
  plan: Plan,
): Reply {
  const { length } = reply;
  const level = plan.levels[coding];
  const fields = encodedFields(headers, coding);
  if (typeof body === "function")
    return changed(
      reply,
      fields,
      compressedBody(body, length, () => plan.compression.open(coding, level)),
      -1,
    );
  const data = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  if (data.length > COMPRESS_AT_ONCE_BYTES_MAX)
    return changed(
      reply,
      fields,
      compressedBody(data, -1, () => plan.compression.open(coding, level)),
      -1,
    );
  const smaller = plan.compression.atOnce(coding, level, data);
  return smaller.length < data.length ? changed(reply, fields, smaller, -1) : changed(reply, headers, body, length);
}

function changed(reply: Reply, headers: readonly HeaderField[], body: Reply["body"], length: number): Reply {
  return new Reply(reply.type, body, { status: reply.status, headers }, length);
}

// --- negotiation -------------------------------------------------------------------------------------------------------------

/** The coding to use, `null` for none. */
function bestOf(accept: string | null, codings: readonly ContentCoding[]): ContentCoding | null {
  if (accept === null) return null;
  const available = [...codings, "identity"];
  const [best] = new Negotiator({ headers: { "accept-encoding": accept } }).encodings(available, {
    preferred: available,
  });
  return best === undefined || best === "identity" ? null : (best as ContentCoding);
}

// --- fields ------------------------------------------------------------------------------------------------------------------

/** The media type, in lower case and without parameters. A Content-Type that the handler sets goes before that of the reply. */
function typeOf(reply: Reply): string {
  const own = reply.headers.find(([name]) => name.toLowerCase() === "content-type");
  const [type = ""] = (own?.[1] ?? reply.type).split(";");
  return type.trim().toLowerCase();
}

function isTypeCompressible(type: string): boolean {
  if (type === "text/event-stream") return false;
  return type.startsWith("text/") || COMPRESSIBLE.has(type) || /\+(?:json|xml|text|yaml)$/.test(type);
}

function isVary([name]: HeaderField): boolean {
  return name.toLowerCase() === "vary";
}

/** `headers` with Accept-Encoding in the one Vary field. */
function withVary(headers: readonly HeaderField[]): HeaderField[] {
  const value = headers
    .filter(isVary)
    .map((field) => field[1])
    .join(", ");
  if (namesAcceptEncoding(value)) return [...headers];
  return [
    ...headers.filter((field) => !isVary(field)),
    ["vary", value === "" ? "Accept-Encoding" : `${value}, Accept-Encoding`],
  ];
}

/** Ranges are of the bytes that are sent, and a handler counts those before compression. */
function encodedFields(headers: readonly HeaderField[], coding: ContentCoding): HeaderField[] {
  const kept = headers.filter(([name]) => name.toLowerCase() !== "accept-ranges").map(weakened);
  return [...kept, ["content-encoding", coding]];
}

/** A strong tag names exact bytes, so the plain and the compressed body cannot share one (RFC 9110 section 8.8.3.3); a weak one they can. */
function weakened(field: HeaderField): HeaderField {
  const [name, value] = field;
  return name.toLowerCase() === "etag" && !value.startsWith("W/") ? [name, `W/${value}`] : field;
}
