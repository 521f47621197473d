// Writes response heads, chunk lines and small whole answers into a byte buffer (RFC 9112 sections 4, 6 and 7.1). It never writes past the
// end of the buffer: an answer of -1 means that there may not be room and that what was written does not count. Which body a
// request may get (HEAD, HTTP/1.0) is the caller's decision; what a status forbids is held here, so that no response can be misframed.

import { assert } from "../../core/assert.ts";
import { headPrefix, PREFIX_BYTES_MAX, type HeadPrefix } from "./head-prefix.ts";
import {
  FIELD_CONTENT_TYPE,
  FIELD_DATE,
  FIELD_RESERVED,
  FIELD_UPGRADE,
  fieldKind,
  type HeaderField,
  reservedHeader,
  valueIsNoText,
  writeHeaderName,
  writeHeaderValue,
} from "./headers.ts";
import { reasonPhrase, statusForbidsBody } from "./status.ts";
import { copyBytes, latin1Bytes, writeUtf8 } from "./text.ts";

/** A body length that is not known: `Transfer-Encoding: chunked`. HTTP/1.1 only. */
export const LENGTH_CHUNKED = -1;
/** A body length that is not known and ends with the connection: no framing field. For HTTP/1.0, with CLOSE. */
export const LENGTH_UNTIL_CLOSE = -2;
/** No body and no framing field: the answer to HEAD where the length of a GET is not known. */
export const LENGTH_NONE = -3;

/** The connection goes on as HTTP/1.1 does by itself: no Connection field. */
export const PERSIST = 0;
/** `Connection: close`. */
export const CLOSE = 1;
/** `Connection: keep-alive`, to an HTTP/1.0 client that asked for it. */
export const KEEP_ALIVE = 2;

/** Bytes that chunked coding adds to a chunk at most: size, CRLF, and CRLF behind the content. */
export const CHUNK_OVERHEAD_BYTES_MAX = 12;

const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;

/** Digits of the largest Content-Length. */
const DIGITS_MAX = 16;
/** What can follow prefix and fields: Content-Length or Transfer-Encoding, the longest Connection field, the empty line. */
const TAIL_BYTES_MAX = 16 + DIGITS_MAX + 2 + 33 + 2;

/** UTF-16 units of a text at most for its answer to be kept. */
const KEPT_TEXT_UNITS_MAX = 1024;

const contentLengthName = latin1Bytes("Content-Length: ");
const chunkedLine = latin1Bytes("Transfer-Encoding: chunked\r\n");
const lastChunk = latin1Bytes("0\r\n\r\n");
const continueAnswer = latin1Bytes("HTTP/1.1 100 Continue\r\n\r\n");
/** By persistence, then again with the option `upgrade`. */
const connectionLines: readonly Uint8Array[] = [
  "",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: upgrade\r\n",
  "Connection: close, upgrade\r\n",
  "Connection: keep-alive, upgrade\r\n",
].map(latin1Bytes);
const WITH_UPGRADE = 3;

/**
 * Writes the head of a response at `at`: status line, Date (of `epochMs`), Content-Type (none when `contentType` is empty), `fields` in
 * their order, one framing field after `length` (bytes, or a LENGTH_ value), and Connection after `persistence`. Returns the offset
 * behind the empty line, or -1 when there may not be room: {@link headBytesBound} is always enough.
 *
 * 1xx, 204 and 304 get no framing field whatever `length` says. A Date or Content-Type among `fields` replaces ours; Upgrade is
 * named in Connection. Throws {@link UnsendableError} for a status outside 100 to 599, for a field that belongs to
 * the connection (`content-length`, `transfer-encoding`, `connection`, `keep-alive`, `proxy-connection`), and for a name or value
 * that would not be one field line on the wire.
 */
export function encodeHead(
  out: Uint8Array,
  at: number,
  status: number,
  contentType: string,
  fields: readonly HeaderField[],
  length: number,
  persistence: number,
  epochMs: number,
): number {
  if (fields.length > 0)
    return encodeHeadWithFields(out, at, status, contentType, fields, length, persistence, epochMs);
  const prefix = headPrefix(status, contentType, true, epochMs);
  if (out.length - at < prefix.bytes.length + TAIL_BYTES_MAX) return -1;
  out.set(prefix.bytes, at);
  if (length < 0 || prefix.forbidsBody) {
    return writeTail(out, writeUnknownLength(out, at + prefix.unframedBytes, prefix, length, persistence), persistence);
  }
  return writeTail(out, writeLength(out, at + prefix.bytes.length, length), persistence);
}

/**
 * Writes a whole response with `text` as its UTF-8 body: {@link encodeHead} with the length that the body turns out to have. Returns the
 * offset behind the body, or -1 when there may not be room: the head's bound and three bytes a UTF-16 unit are always enough.
 */
export function encodeText(
  out: Uint8Array,
  at: number,
  status: number,
  contentType: string,
  fields: readonly HeaderField[],
  text: string,
  persistence: number,
  epochMs: number,
): number {
  if (fields.length > 0 || persistence !== PERSIST || text.length > KEPT_TEXT_UNITS_MAX)
    return encodeAnyText(out, at, status, contentType, fields, text, persistence, epochMs);
  const { answer } = headPrefix(status, contentType, true, epochMs);
  // Comparing a text with itself takes no time; others are told apart by their length, or in their first bytes.
  const again = answer.times > 0 && answer.text === text;
  if (again && answer.times === 2 && out.length - at >= answer.bytes.length) {
    out.set(answer.bytes, at);
    return at + answer.bytes.length;
  }
  const end = encodeAnyText(out, at, status, contentType, fields, text, persistence, epochMs);
  if (!again) {
    answer.text = text;
    answer.times = 1;
  } else if (end !== -1) {
    answer.bytes = copyBytes(out, at, end);
    answer.times = 2;
  }
  return end;
}

function encodeAnyText(
  out: Uint8Array,
  at: number,
  status: number,
  contentType: string,
  fields: readonly HeaderField[],
  text: string,
  persistence: number,
  epochMs: number,
): number {
  if (statusForbidsBody(status)) return encodeHead(out, at, status, contentType, fields, 0, persistence, epochMs);
  const units = text.length;
  const bodyAt = encodeHead(out, at, status, contentType, fields, units, persistence, epochMs);
  if (bodyAt === -1 || out.length - bodyAt < units * 3 + DIGITS_MAX) return -1;
  const end = writeUtf8(out, bodyAt, text);
  if (end - bodyAt === units) return end;
  // Not all ASCII: the length was guessed wrong, and may need more digits than the guess.
  const shift = digitsOf(end - bodyAt) - digitsOf(units);
  if (shift > 0) out.copyWithin(bodyAt + shift, bodyAt, end);
  encodeHead(out, at, status, contentType, fields, end - bodyAt, persistence, epochMs);
  return end + shift;
}

/**
 * Writes a whole answer whose body is status and reason phrase, for requests that no handler answers. Without `withBody` the
 * Content-Length is the same and the body is left out, as HEAD wants. Returns the offset behind it, or -1 when there may not be room.
 */
export function encodeError(
  out: Uint8Array,
  at: number,
  status: number,
  persistence: number,
  withBody: boolean,
  epochMs: number,
): number {
  const text = `${status} ${reasonPhrase(status)}\n`;
  if (withBody) return encodeText(out, at, status, "text/plain", [], text, persistence, epochMs);
  return encodeHead(out, at, status, "text/plain", [], text.length, persistence, epochMs);
}

/** Writes the interim response `100 Continue` (RFC 9110 section 15.2.1). Returns the offset behind it, or -1 without room. */
export function encodeContinue(out: Uint8Array, at: number): number {
  return writeBytes(out, at, continueAnswer);
}

/** Writes the size line of a chunk of `size` bytes, at least 1 and below 2 to the 31. Returns the offset behind it, or -1 without room. */
export function encodeChunkHead(out: Uint8Array, at: number, size: number): number {
  assert(size > 0 && size <= 0x7fff_ffff, "a chunk has at least one byte and fewer than 2^31");
  const digits = (35 - Math.clz32(size)) >> 2;
  if (out.length - at < digits + 2) return -1;
  let rest = size;
  for (let i = at + digits - 1; i >= at; i--) {
    const digit = rest & 15;
    out[i] = digit < 10 ? ZERO + digit : 0x57 + digit;
    rest >>>= 4;
  }
  out[at + digits] = CR;
  out[at + digits + 1] = LF;
  return at + digits + 2;
}

/** Writes the CRLF behind a chunk's content. Returns the offset behind it, or -1 without room. */
export function encodeChunkEnd(out: Uint8Array, at: number): number {
  return out.length - at < 2 ? -1 : writeLineEnd(out, at);
}

/** Writes the last chunk and an empty trailer section. Returns the offset behind it, or -1 without room. */
export function encodeLastChunk(out: Uint8Array, at: number): number {
  return writeBytes(out, at, lastChunk);
}

/** Bytes that surely hold the head that {@link encodeHead} writes for these arguments. */
export function headBytesBound(contentType: string, fields: readonly HeaderField[]): number {
  let bytes = PREFIX_BYTES_MAX + contentType.length + TAIL_BYTES_MAX;
  for (const [name, value] of fields) {
    // Types are gone at run time, and a number has no length.
    if (typeof value !== "string") throw valueIsNoText(name, value);
    bytes += name.length + value.length + 4;
  }
  return bytes;
}

function encodeHeadWithFields(
  out: Uint8Array,
  at: number,
  status: number,
  contentType: string,
  fields: readonly HeaderField[],
  length: number,
  persistence: number,
  epochMs: number,
): number {
  let type = contentType;
  let dated = true;
  let upgrade = false;
  for (const [name] of fields) {
    const kind = fieldKind(name);
    if (kind === FIELD_RESERVED) throw reservedHeader(name);
    if (kind === FIELD_CONTENT_TYPE) type = "";
    else if (kind === FIELD_DATE) dated = false;
    else if (kind === FIELD_UPGRADE) upgrade = true;
  }
  const prefix = headPrefix(status, type, dated, epochMs);
  if (out.length - at < prefix.bytes.length + TAIL_BYTES_MAX) return -1;
  out.set(prefix.bytes, at);
  // The fields go where the prefix has `Content-Length: `, which follows them.
  let i = at + prefix.unframedBytes;
  for (const [name, value] of fields) {
    if (out.length - i < name.length + value.length + 4 + TAIL_BYTES_MAX) return -1;
    i = writeHeaderName(out, i, name);
    out[i] = 0x3a;
    out[i + 1] = 0x20;
    i = writeLineEnd(out, writeHeaderValue(out, i + 2, name, value));
  }
  if (length < 0 || prefix.forbidsBody) i = writeUnknownLength(out, i, prefix, length, persistence);
  else i = writeLength(out, writeBytes(out, i, contentLengthName), length);
  return writeTail(out, i, upgrade ? persistence + WITH_UPGRADE : persistence);
}

/** The framing field of a body without a length; none where there is none. */
function writeUnknownLength(
  out: Uint8Array,
  at: number,
  prefix: HeadPrefix,
  length: number,
  persistence: number,
): number {
  if (prefix.forbidsBody || length === LENGTH_NONE) return at;
  if (length === LENGTH_CHUNKED) return writeBytes(out, at, chunkedLine);
  assert(length === LENGTH_UNTIL_CLOSE && persistence === CLOSE, "a body that ends with the connection needs CLOSE");
  return at;
}

/** The Connection field and the empty line. */
function writeTail(out: Uint8Array, at: number, persistence: number): number {
  const i = persistence === PERSIST ? at : writeBytes(out, at, connectionLines[persistence]!);
  return writeLineEnd(out, i);
}

/** The digits of Content-Length and their CRLF. */
function writeLength(out: Uint8Array, at: number, length: number): number {
  const end = at + digitsOf(length);
  let rest = length;
  for (let i = end - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    out[i] = ZERO + (rest - next * 10);
    rest = next;
  }
  return writeLineEnd(out, end);
}

function digitsOf(length: number): number {
  assert(Number.isSafeInteger(length), "a Content-Length is a whole number");
  let digits = 1;
  for (let power = 10; length >= power; power *= 10) digits++;
  return digits;
}

function writeLineEnd(out: Uint8Array, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}

function writeBytes(out: Uint8Array, at: number, bytes: Uint8Array): number {
  if (out.length - at < bytes.length) return -1;
  out.set(bytes, at);
  return at + bytes.length;
}
