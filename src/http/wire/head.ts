// A request head as the parser found it: the facts that framing needs, and where each field lies. It makes no map and no strings of its
// own accord: a field is looked up among the offsets, and text is made when somebody asks for it. Reading and its states are in
// head-parser.ts, conclusions in framing.ts.
//
// Invariants: all offsets are relative to the head's first byte, which callers pass as `start` beside the array; a fact is noted when the
// line it stands on has ended, so a value that breaks a rule is refused at that LF, however the bytes were cut.

import { isAuthority } from "./authority.ts";
import {
  connectionOptions,
  contentLength,
  equalsLower,
  EXPECT_CONTINUE,
  EXPECT_OTHER,
  expectations,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  requireChunked,
} from "./field-values.ts";
import { lowerBytes } from "./headers.ts";
import { METHOD_OTHER, methodNames } from "./methods.ts";
import { Rejection } from "./rejection.ts";
import { latin1Bytes, sliceLatin1 } from "./text.ts";

/** Offsets kept for a field: start and end of the name, start and end of the value. */
export const OFFSETS_PER_FIELD = 4;

const hostName = latin1Bytes("host");
const expectName = latin1Bytes("expect");
const upgradeName = latin1Bytes("upgrade");
const connectionName = latin1Bytes("connection");
const contentLengthName = latin1Bytes("content-length");
const transferEncodingName = latin1Bytes("transfer-encoding");
/** A bit for the length of each name above: most fields are passed over by this test alone. */
const NOTED_LENGTHS = (1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 14) | (1 << 17);

/** What is known of a request head. The public fields hold once it is complete; callers only read them. */
export class RequestHead {
  /** Bytes of the head, from its first byte (an empty line before the request line included) to the LF of its last line. */
  length = 0;
  /** One of the METHOD_ codes. */
  methodCode: number = METHOD_OTHER;
  /** Where the request target starts and ends. */
  targetStart = 0;
  targetEnd = 0;
  /** The digit behind `HTTP/1.`; 1 and above are treated alike (RFC 9110 section 2.5). */
  minor = 0;
  /** Number of field lines. */
  fieldCount = 0;
  /** The value of Content-Length, -1 when there is none. */
  contentLength = -1;
  /** Transfer-Encoding is there, and it is `chunked`. */
  chunked = false;
  /** Connection has the option `close`. */
  close = false;
  /** Connection has the option `keep-alive`. */
  keepAlive = false;
  /** Connection has the option `upgrade`. */
  connectionUpgrade = false;
  /** Expect holds `100-continue`. */
  expectContinue = false;
  /** Expect holds something else. */
  expectOther = false;
  /** Index of the Host field, -1 when there is none. Its value is a valid authority. */
  hostField = -1;
  /** Index of the first Upgrade field, -1 when there is none. */
  upgradeField = -1;

  /** The offsets of the fields, OFFSETS_PER_FIELD each. For the parser. */
  protected offsets: Int32Array;
  protected methodStart = 0;

  constructor(fieldsExpected: number) {
    this.offsets = new Int32Array(fieldsExpected * OFFSETS_PER_FIELD);
  }

  /** Forgets everything but the room for fields. */
  reset(): void {
    this.fieldCount = 0;
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.connectionUpgrade = false;
    this.expectContinue = false;
    this.expectOther = false;
    this.hostField = -1;
    this.upgradeField = -1;
  }

  /** The method's name as sent. */
  method(bytes: Uint8Array, start: number): string {
    if (this.methodCode !== METHOD_OTHER) return methodNames[this.methodCode]!;
    return sliceLatin1(bytes, start + this.methodStart, start + this.targetStart - 1);
  }

  /** The request target as sent. */
  target(bytes: Uint8Array, start: number): string {
    return sliceLatin1(bytes, start + this.targetStart, start + this.targetEnd);
  }

  /** Index of the first field called `name`, which must be in lower case; -1 when there is none. */
  find(bytes: Uint8Array, start: number, name: string): number {
    return this.findNext(bytes, start, name, -1);
  }

  /** Index of the first field called `name` (lower case) behind the field `after`; -1 when there is none. */
  findNext(bytes: Uint8Array, start: number, name: string, after: number): number {
    const offsets = this.offsets;
    const length = name.length;
    for (let index = after + 1; index < this.fieldCount; index++) {
      const at = index * OFFSETS_PER_FIELD;
      const from = offsets[at]!;
      if (offsets[at + 1]! - from === length && equalsName(bytes, start + from, name)) return index;
    }
    return -1;
  }

  /** The name of a field, in lower case. */
  name(bytes: Uint8Array, start: number, index: number): string {
    return sliceLatin1(bytes, start + this.nameStart(index), start + this.nameEnd(index)).toLowerCase();
  }

  /** The value of a field as text, one character a byte, without the white space around it. */
  value(bytes: Uint8Array, start: number, index: number): string {
    return sliceLatin1(bytes, start + this.valueStart(index), start + this.valueEnd(index));
  }

  /** Where the name of a field starts. */
  nameStart(index: number): number {
    return this.offsets[index * OFFSETS_PER_FIELD]!;
  }

  /** Where the name of a field ends. */
  nameEnd(index: number): number {
    return this.offsets[index * OFFSETS_PER_FIELD + 1]!;
  }

  /** Where the value of a field starts, behind white space. */
  valueStart(index: number): number {
    return this.offsets[index * OFFSETS_PER_FIELD + 2]!;
  }

  /** Where the value of a field ends, before white space; the same as its start when it is empty. */
  valueEnd(index: number): number {
    return this.offsets[index * OFFSETS_PER_FIELD + 3]!;
  }

  /**
   * Takes in the field whose line has just ended and whose offsets stand at `at`: keeps the facts that framing will ask for, and judges
   * their values. For the parser.
   */
  protected addField(bytes: Uint8Array, start: number, at: number, nameLength: number): void {
    if (nameLength < 18 && ((NOTED_LENGTHS >>> nameLength) & 1) === 1) this.#note(bytes, start, at, nameLength);
    this.fieldCount++;
  }

  #note(bytes: Uint8Array, start: number, at: number, nameLength: number): void {
    const offsets = this.offsets;
    const name = start + offsets[at]!;
    const nameEnd = name + nameLength;
    const from = start + offsets[at + 2]!;
    const to = start + offsets[at + 3]!;
    switch (nameLength) {
      case 4:
        if (equalsLower(bytes, name, nameEnd, hostName)) this.#noteHost(bytes, from, to);
        break;
      case 6:
        if (equalsLower(bytes, name, nameEnd, expectName)) this.#noteExpect(bytes, from, to);
        break;
      case 7:
        if (this.upgradeField === -1 && equalsLower(bytes, name, nameEnd, upgradeName))
          this.upgradeField = this.fieldCount;
        break;
      case 10:
        if (equalsLower(bytes, name, nameEnd, connectionName)) this.#noteConnection(bytes, from, to);
        break;
      case 14:
        if (equalsLower(bytes, name, nameEnd, contentLengthName)) this.#noteContentLength(bytes, from, to);
        break;
      case 17:
        if (equalsLower(bytes, name, nameEnd, transferEncodingName)) this.#noteTransferEncoding(bytes, from, to);
        break;
    }
  }

  #noteHost(bytes: Uint8Array, from: number, to: number): void {
    if (this.hostField !== -1) throw new Rejection(400, "ERR_HTTP_HOST", "there is more than one Host field");
    if (!isAuthority(bytes, from, to)) throw new Rejection(400, "ERR_HTTP_HOST", "Host is empty or no host and port");
    this.hostField = this.fieldCount;
  }

  #noteExpect(bytes: Uint8Array, from: number, to: number): void {
    const expected = expectations(bytes, from, to);
    if ((expected & EXPECT_CONTINUE) !== 0) this.expectContinue = true;
    if ((expected & EXPECT_OTHER) !== 0) this.expectOther = true;
  }

  #noteConnection(bytes: Uint8Array, from: number, to: number): void {
    const options = connectionOptions(bytes, from, to);
    if ((options & OPTION_CLOSE) !== 0) this.close = true;
    if ((options & OPTION_KEEP_ALIVE) !== 0) this.keepAlive = true;
    if ((options & OPTION_UPGRADE) !== 0) this.connectionUpgrade = true;
  }

  #noteContentLength(bytes: Uint8Array, from: number, to: number): void {
    const length = contentLength(bytes, from, to);
    if (this.contentLength !== -1) {
      throw new Rejection(400, "ERR_HTTP_CONTENT_LENGTH", "there is more than one Content-Length field");
    }
    this.contentLength = length;
  }

  #noteTransferEncoding(bytes: Uint8Array, from: number, to: number): void {
    requireChunked(bytes, from, to);
    if (this.chunked)
      throw new Rejection(400, "ERR_HTTP_TRANSFER_ENCODING", "there is more than one Transfer-Encoding field");
    this.chunked = true;
  }
}

/** Whether the name at `from`, as long as `name`, is `name` in any case. */
function equalsName(bytes: Uint8Array, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (lowerBytes[bytes[from + i]!] !== name.charCodeAt(i)) return false;
  }
  return true;
}
