import { describe, expect, test } from "bun:test";

import {
  endOfValueBytes,
  FIELD_CONTENT_TYPE,
  FIELD_DATE,
  FIELD_PLAIN,
  FIELD_RESERVED,
  FIELD_UPGRADE,
  fieldKind,
  hexDigits,
  isReservedHeader,
  lowerBytes,
  targetBytes,
  tokenBytes,
  valueBytes,
  writeHeaderName,
  writeHeaderValue,
} from "../../../src/http/wire/headers.ts";
import { UnsendableError } from "../../../src/http/wire/unsendable.ts";

const everyByte = Array.from({ length: 256 }, (_, byte) => byte);
const char = (byte: number): string => String.fromCharCode(byte);
const matching = (pattern: RegExp): number[] => everyByte.map((byte) => (pattern.test(char(byte)) ? 1 : 0));

describe("the byte classes", () => {
  test("tokenBytes are the tchar of RFC 9110", () => {
    expect([...tokenBytes]).toEqual(matching(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/));
  });

  test("valueBytes are HTAB, SP, VCHAR and obs-text", () => {
    expect([...valueBytes]).toEqual(matching(/[\t\x20-\x7e\x80-\xff]/));
  });

  test("targetBytes are printable ASCII without SP and #", () => {
    expect([...targetBytes]).toEqual(matching(/[\x21-\x22\x24-\x7e]/));
  });

  test("lowerBytes changes letters only", () => {
    expect([...lowerBytes]).toEqual(
      everyByte.map((byte) => (byte < 128 ? char(byte).toLowerCase().charCodeAt(0) : byte)),
    );
  });

  test("hexDigits has the value of every digit and 255 for the rest", () => {
    const digits = everyByte.map((byte) => (/[0-9a-f]/i.test(char(byte)) ? Number(`0x${char(byte)}`) : 255));
    expect([...hexDigits]).toEqual(digits);
  });
});

describe("endOfValueBytes", () => {
  test("stops at the first byte that no value has, wherever it stands", () => {
    for (let length = 0; length < 40; length++) {
      for (let bad = 0; bad <= length; bad++) {
        const bytes = new Uint8Array(50).fill(0x61);
        bytes[3 + bad] = 0x0d;
        expect(endOfValueBytes(bytes, 3, 3 + length)).toBe(3 + bad);
      }
    }
  });
});

describe("writeHeaderName and writeHeaderValue", () => {
  const out = new Uint8Array(200);
  const name = (text: string): string => Buffer.from(out.subarray(7, writeHeaderName(out, 7, text))).toString("latin1");
  const value = (text: string): string =>
    Buffer.from(out.subarray(7, writeHeaderValue(out, 7, "x", text))).toString("latin1");

  test("write tokens and values, and throw for every other byte", () => {
    for (const byte of everyByte) {
      const text = `a${char(byte)}`;
      if (tokenBytes[byte] === 1) expect(name(text)).toBe(text);
      else expect(() => name(text)).toThrow(UnsendableError);
      for (const filler of ["", "v".repeat(100)]) {
        if (valueBytes[byte] === 1) expect(value(filler + text)).toBe(filler + text);
        else expect(() => value(filler + text)).toThrow(UnsendableError);
      }
    }
  });

  test("throw for an empty name and for characters above U+00FF, whose low byte may be a line end", () => {
    expect(() => name("")).toThrow(UnsendableError);
    expect(() => name("\u0161")).toThrow(UnsendableError);
    expect(() => value("\u010d\u010a")).toThrow(UnsendableError);
    expect(() => value(`${"v".repeat(100)}\u010a`)).toThrow(UnsendableError);
    expect(value("")).toBe("");
  });
});

describe("fieldKind", () => {
  test.each([
    ["Date", FIELD_DATE],
    ["upgrade", FIELD_UPGRADE],
    ["Content-Type", FIELD_CONTENT_TYPE],
    ["CONTENT-LENGTH", FIELD_RESERVED],
    ["Transfer-Encoding", FIELD_RESERVED],
    ["connection", FIELD_RESERVED],
    ["Keep-Alive", FIELD_RESERVED],
    ["Proxy-Connection", FIELD_RESERVED],
    ["dat\u0165", FIELD_PLAIN],
    ["content-lengt_", FIELD_PLAIN],
    ["", FIELD_PLAIN],
  ])("knows %p", (name, kind) => {
    expect(fieldKind(name)).toBe(kind);
    expect(isReservedHeader(name)).toBe(kind === FIELD_RESERVED);
  });
});
