// The few field values that decide how a message is framed and whether its connection lives on, read from the bytes without making a
// string. Each function gets a value without the white space around it. Lists follow RFC 9110 section 5.6.1: empty members are
// skipped, except where skipping could hide a smuggled body.

import { lowerBytes, tokenBytes } from "./headers.ts";
import { Rejection } from "./rejection.ts";
import { latin1Bytes } from "./text.ts";

const COMMA = 0x2c;
const SPACE = 0x20;
const TAB = 0x09;

const chunked = latin1Bytes("chunked");
const close = latin1Bytes("close");
const keepAlive = latin1Bytes("keep-alive");
const upgrade = latin1Bytes("upgrade");
const continueExpectation = latin1Bytes("100-continue");

/** The bits that {@link connectionOptions} answers. */
export const OPTION_CLOSE = 1;
export const OPTION_KEEP_ALIVE = 2;
export const OPTION_UPGRADE = 4;

/** The bits that {@link expectations} answers. */
export const EXPECT_CONTINUE = 1;
export const EXPECT_OTHER = 2;

/** Whether the bytes from `from` to `to` are `lower` in any case; `lower` is in lower case. */
export function equalsLower(bytes: Uint8Array, from: number, to: number, lower: Uint8Array): boolean {
  const length = lower.length;
  if (to - from !== length) return false;
  for (let i = 0; i < length; i++) {
    if (lowerBytes[bytes[from + i]!] !== lower[i]) return false;
  }
  return true;
}

/**
 * The number of a Content-Length value, exact. Throws {@link Rejection}: 400 unless it is digits and nothing else (a list of equal
 * numbers may be refused, RFC 9110 section 8.6, and is), 413 above `Number.MAX_SAFE_INTEGER`, which no limit allows.
 */
export function contentLength(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) throw new Rejection(400, "ERR_HTTP_CONTENT_LENGTH", "Content-Length is empty");
  let length = 0;
  let safe = true;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) throw new Rejection(400, "ERR_HTTP_CONTENT_LENGTH", "Content-Length is not a number");
    length = length * 10 + digit;
    if (length > Number.MAX_SAFE_INTEGER) safe = false;
  }
  if (!safe) throw new Rejection(413, "ERR_HTTP_BODY_TOO_LARGE", "Content-Length is beyond every limit");
  return length;
}

/**
 * Returns when a Transfer-Encoding value is `chunked` alone, in any case, and throws {@link Rejection} for anything else (RFC 9112
 * sections 6.1 and 6.3): 501 when other codings come before a final `chunked`, 400 when the end of the body cannot be known.
 */
export function requireChunked(bytes: Uint8Array, from: number, to: number): void {
  if (equalsLower(bytes, from, to, chunked)) return;
  let members = 0;
  let chunkedMembers = 0;
  let lastIsChunked = false;
  for (let at = from; at <= to;) {
    const stop = endOfMember(bytes, at, to);
    const first = skipSpace(bytes, at, stop);
    const last = dropSpace(bytes, first, stop);
    if (first === last) throw faultyEncoding("Transfer-Encoding has an empty member");
    lastIsChunked = equalsLower(bytes, first, last, chunked);
    if (lastIsChunked) chunkedMembers++;
    else if (!isToken(bytes, first, last))
      throw faultyEncoding("Transfer-Encoding has a member that is no plain coding");
    members++;
    at = stop + 1;
  }
  if (!lastIsChunked) throw faultyEncoding("the last transfer coding is not chunked");
  if (chunkedMembers > 1) throw faultyEncoding("chunked is applied more than once");
  throw new Rejection(501, "ERR_HTTP_TRANSFER_ENCODING", "a transfer coding other than chunked is not decoded here");
}

/** The OPTION_ bits of a Connection value (RFC 9110 section 7.6.1). Unknown options are passed over. */
export function connectionOptions(bytes: Uint8Array, from: number, to: number): number {
  if (equalsLower(bytes, from, to, keepAlive)) return OPTION_KEEP_ALIVE;
  let options = 0;
  for (let at = from; at < to;) {
    const stop = endOfMember(bytes, at, to);
    const first = skipSpace(bytes, at, stop);
    const last = dropSpace(bytes, first, stop);
    if (equalsLower(bytes, first, last, keepAlive)) options |= OPTION_KEEP_ALIVE;
    else if (equalsLower(bytes, first, last, close)) options |= OPTION_CLOSE;
    else if (equalsLower(bytes, first, last, upgrade)) options |= OPTION_UPGRADE;
    at = stop + 1;
  }
  return options;
}

/** The EXPECT_ bits of an Expect value (RFC 9110 section 10.1.1): a list, in which only `100-continue` is known. */
export function expectations(bytes: Uint8Array, from: number, to: number): number {
  if (equalsLower(bytes, from, to, continueExpectation)) return EXPECT_CONTINUE;
  let found = 0;
  for (let at = from; at < to;) {
    const stop = endOfMember(bytes, at, to);
    const first = skipSpace(bytes, at, stop);
    const last = dropSpace(bytes, first, stop);
    if (equalsLower(bytes, first, last, continueExpectation)) found |= EXPECT_CONTINUE;
    else if (first < last) found |= EXPECT_OTHER;
    at = stop + 1;
  }
  return found;
}

function endOfMember(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && bytes[i] !== COMMA) i++;
  return i;
}

function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && (bytes[i] === SPACE || bytes[i] === TAB)) i++;
  return i;
}

function dropSpace(bytes: Uint8Array, from: number, to: number): number {
  let i = to;
  while (i > from && (bytes[i - 1] === SPACE || bytes[i - 1] === TAB)) i--;
  return i;
}

function isToken(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    if (tokenBytes[bytes[i]!] === 0) return false;
  }
  return true;
}

function faultyEncoding(reason: string): Rejection {
  return new Rejection(400, "ERR_HTTP_TRANSFER_ENCODING", reason);
}
