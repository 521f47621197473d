// What bytes a field name and a field value are made of (RFC 9110 sections 5.1 and 5.5), as tables for the readers and as checks for the
// encoder. Both directions use the same classes, so what the encoder lets out a strict reader takes in. Beside them, which fields
// a handler may not set because they are the connection's own business.

import { writeLatin1 } from "./text.ts";
import { UnsendableError } from "./unsendable.ts";

/** Characters from which checking and then writing natively is faster than one loop that does both (10: 22 against 34 ns, 200: 292 against 232). */
const COPIED_AT_ONCE = 32;

/** One header as a handler gives it: name and value, both strings of characters below U+0100. */
export type HeaderField = readonly [name: string, value: string];

/** 1 for the bytes of a token: a field name, a method, a connection option (RFC 9110 section 5.6.2). */
export const tokenBytes: Uint8Array = alphanumericBytes("!#$%&'*+-.^_`|~");

/** 1 for the bytes of a field value: HTAB, SP, VCHAR and obs-text; no other control character, no DEL. */
export const valueBytes: Uint8Array = new Uint8Array(256).fill(1, 0x20).fill(1, 0x09, 0x0a).fill(0, 0x7f, 0x80);

/**
 * 1 for the bytes accepted in a request target: printable ASCII but SP and "#". RFC 3986 is narrower, but browsers send the likes of
 * `|`, `^`, `{` and `"` unescaped; a fragment never belongs on the wire (RFC 9112 section 3.2).
 */
export const targetBytes: Uint8Array = new Uint8Array(256).fill(1, 0x21, 0x7f).fill(0, 0x23, 0x24);

/** Each byte with A to Z mapped to a to z. */
export const lowerBytes: Uint8Array = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) lowerBytes[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;

/** The value of a hexadecimal digit, 255 for any other byte. */
export const hexDigits: Uint8Array = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 10; digit++) hexDigits[0x30 + digit] = digit;
for (let digit = 10; digit < 16; digit++) hexDigits[0x41 - 10 + digit] = hexDigits[0x61 - 10 + digit] = digit;

/** The offset of the first byte that no value has, or `limit`. Eight bytes a turn: a tenth off a browser's head. */
export function endOfValueBytes(bytes: Uint8Array, from: number, limit: number): number {
  let i = from;
  for (; i <= limit - 8; i += 8) {
    const all =
      valueBytes[bytes[i]!]! &
      valueBytes[bytes[i + 1]!]! &
      valueBytes[bytes[i + 2]!]! &
      valueBytes[bytes[i + 3]!]! &
      valueBytes[bytes[i + 4]!]! &
      valueBytes[bytes[i + 5]!]! &
      valueBytes[bytes[i + 6]!]! &
      valueBytes[bytes[i + 7]!]!;
    if (all === 0) break;
  }
  while (i < limit && valueBytes[bytes[i]!] === 1) i++;
  return i;
}

/**
 * Writes `name` at `at`, where there must be room, and returns the offset behind it. Throws {@link UnsendableError}
 * (ERR_HTTP_HEADER_NAME) unless it is a token.
 */
export function writeHeaderName(out: Uint8Array, at: number, name: string): number {
  if (name.length === 0) throw badName(name);
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit > 0xff || tokenBytes[unit] === 0) throw badName(name);
    out[at + i] = unit;
  }
  return at + name.length;
}

/**
 * Writes `value`, which belongs to the header `name`, at `at`, where there must be room, and returns the offset behind it. Throws
 * {@link UnsendableError} (ERR_HTTP_HEADER_VALUE) when it holds CR, LF, NUL, another control character but HTAB, or a character
 * above U+00FF.
 */
export function writeHeaderValue(out: Uint8Array, at: number, name: string, value: string): number {
  if (value.length > COPIED_AT_ONCE) {
    checkValue(name, value);
    return writeLatin1(out, at, value);
  }
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit > 0xff || valueBytes[unit] === 0) throw badValue(name, unit);
    out[at + i] = unit;
  }
  return at + value.length;
}

/** What a response header given by a handler means for the head, by its name in any case. */
export const FIELD_PLAIN = 0;
/** Framing and persistence: `content-length`, `transfer-encoding`, `connection`, `keep-alive`, `proxy-connection`. */
export const FIELD_RESERVED = 1;
/** `date`: the handler's replaces ours. */
export const FIELD_DATE = 2;
/** `content-type`: the handler's replaces the one of the reply. */
export const FIELD_CONTENT_TYPE = 3;
/** `upgrade`: sent, and named in `Connection` as RFC 9110 section 7.8 wants. */
export const FIELD_UPGRADE = 4;

/** Which of the FIELD_ kinds the header `name` is. */
export function fieldKind(name: string): number {
  switch (name.length) {
    case 4:
      return isName(name, "date") ? FIELD_DATE : FIELD_PLAIN;
    case 7:
      return isName(name, "upgrade") ? FIELD_UPGRADE : FIELD_PLAIN;
    case 10:
      return isName(name, "connection") || isName(name, "keep-alive") ? FIELD_RESERVED : FIELD_PLAIN;
    case 12:
      return isName(name, "content-type") ? FIELD_CONTENT_TYPE : FIELD_PLAIN;
    case 14:
      return isName(name, "content-length") ? FIELD_RESERVED : FIELD_PLAIN;
    case 16:
      return isName(name, "proxy-connection") ? FIELD_RESERVED : FIELD_PLAIN;
    case 17:
      return isName(name, "transfer-encoding") ? FIELD_RESERVED : FIELD_PLAIN;
    default:
      return FIELD_PLAIN;
  }
}

/**
 * Whether only the connection may set the response header `name`. The encoder throws on such a header; an adapter that passes on
 * headers made elsewhere, such as a Fetch Response, leaves them out with this.
 */
export function isReservedHeader(name: string): boolean {
  return fieldKind(name) === FIELD_RESERVED;
}

/** The error for a header whose value is no string. */
export function valueIsNoText(name: string, value: unknown): UnsendableError {
  const found = value === null ? "null" : typeof value;
  return new UnsendableError(
    "ERR_HTTP_HEADER_VALUE",
    `Cannot send the header ${name}: its value is no text, but ${found}`,
  );
}

/** The error for a header that only the connection may set. */
export function reservedHeader(name: string): UnsendableError {
  return new UnsendableError(
    "ERR_HTTP_HEADER_RESERVED",
    `Cannot send the header ${name.toLowerCase()}: framing and persistence belong to the connection, which sets it itself`,
  );
}

function checkValue(name: string, value: string): void {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit > 0xff || valueBytes[unit] === 0) throw badValue(name, unit);
  }
}

/** Whether `name` in any case is `lower`, a name of the same length in lower case made of letters and "-". */
function isName(name: string, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit > 0xff || lowerBytes[unit] !== lower.charCodeAt(i)) return false;
  }
  return true;
}

function badName(name: string): UnsendableError {
  return new UnsendableError(
    "ERR_HTTP_HEADER_NAME",
    `Cannot send the header ${JSON.stringify(name)}: its name is not a token`,
  );
}

/** The message names the character by number and leaves the value out: values may be secrets. */
function badValue(name: string, unit: number): UnsendableError {
  const hex = unit.toString(16).toUpperCase().padStart(4, "0");
  return new UnsendableError("ERR_HTTP_HEADER_VALUE", `Cannot send the header ${name}: its value holds U+${hex}`);
}

/**
 * A table with 1 for letters, digits and `marks`. The tables are filled, not asked for byte by byte: code that runs for the first time is
 * interpreted, and 2.5 ms of the start went into a call for each byte of each.
 */
export function alphanumericBytes(marks: string): Uint8Array {
  const bytes = new Uint8Array(256).fill(1, 0x30, 0x3a).fill(1, 0x41, 0x5b).fill(1, 0x61, 0x7b);
  for (let i = 0; i < marks.length; i++) bytes[marks.charCodeAt(i)] = 1;
  return bytes;
}
