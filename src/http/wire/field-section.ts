// The field lines of one request head (RFC 9112 section 5) as they were read: where each name and value lies, and the facts that framing needs.
// It makes no strings and no map of its own accord: a field is looked up among the offsets, and text is made when somebody asks for it.
//
// Invariants: offsets are relative to the section's first byte, which callers pass as `base` beside the array, so that a section that is
// kept can stand for the same bytes elsewhere (field-sections.ts); a fact is noted when the line it stands on has ended, so a value
// that breaks a rule is refused at that LF, however the bytes were cut.

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

/** The fields of one head. Only the parser changes it. */
export class FieldSection {
  /** Number of field lines. */
  count = 0;
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
  /** OFFSETS_PER_FIELD for each field. */
  offsets: Int32Array;
  /** Values by name, as far as they were asked for; `null` in a section that is good for one head only. */
  readonly lookups: Map<string, string | null> | null;

  constructor(offsets: Int32Array, lookups: Map<string, string | null> | null = null) {
    this.offsets = offsets;
    this.lookups = lookups;
  }

  /** A copy that is not changed any more. */
  copy(): FieldSection {
    const copy = new FieldSection(this.offsets.slice(0, this.count * OFFSETS_PER_FIELD), new Map());
    copy.count = this.count;
    copy.contentLength = this.contentLength;
    copy.chunked = this.chunked;
    copy.close = this.close;
    copy.keepAlive = this.keepAlive;
    copy.connectionUpgrade = this.connectionUpgrade;
    copy.expectContinue = this.expectContinue;
    copy.expectOther = this.expectOther;
    copy.hostField = this.hostField;
    copy.upgradeField = this.upgradeField;
    return copy;
  }

  /** Forgets everything but the room for fields. */
  reset(): void {
    this.count = 0;
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

  /** Index of the first field called `name` (lower case) behind the field `after`; -1 when there is none. */
  findNext(bytes: Uint8Array, base: number, name: string, after: number): number {
    const { offsets } = this;
    const { length } = name;
    for (let index = after + 1; index < this.count; index++) {
      const at = index * OFFSETS_PER_FIELD;
      const from = offsets[at]!;
      if (offsets[at + 1]! - from === length && equalsName(bytes, base + from, name)) return index;
    }
    return -1;
  }

  /** The name of a field, in lower case. */
  name(bytes: Uint8Array, base: number, index: number): string {
    const at = index * OFFSETS_PER_FIELD;
    return sliceLatin1(bytes, base + this.offsets[at]!, base + this.offsets[at + 1]!).toLowerCase();
  }

  /** The value of a field as text, one character a byte, without the white space around it. */
  value(bytes: Uint8Array, base: number, index: number): string {
    const at = index * OFFSETS_PER_FIELD;
    return sliceLatin1(bytes, base + this.offsets[at + 2]!, base + this.offsets[at + 3]!);
  }

  /** Takes in the field whose line has just ended and whose offsets stand at `at`: keeps its facts, and judges their values. @throws Rejection */
  add(bytes: Uint8Array, base: number, at: number): void {
    const nameLength = this.offsets[at + 1]! - this.offsets[at]!;
    if (nameLength < 18 && ((NOTED_LENGTHS >>> nameLength) & 1) === 1) this.#note(bytes, base, at, nameLength);
    this.count++;
  }

  #note(bytes: Uint8Array, base: number, at: number, nameLength: number): void {
    const { offsets } = this;
    const name = base + offsets[at]!;
    const nameEnd = name + nameLength;
    const from = base + offsets[at + 2]!;
    const to = base + offsets[at + 3]!;
    switch (nameLength) {
      case 4:
        if (equalsLower(bytes, name, nameEnd, hostName)) this.#noteHost(bytes, from, to);
        break;
      case 6:
        if (equalsLower(bytes, name, nameEnd, expectName)) this.#noteExpect(bytes, from, to);
        break;
      case 7:
        if (this.upgradeField === -1 && equalsLower(bytes, name, nameEnd, upgradeName)) this.upgradeField = this.count;
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
    this.hostField = this.count;
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
