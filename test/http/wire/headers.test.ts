import { describe, expect, test } from "bun:test";

import {
  checkHeaderName,
  checkHeaderValue,
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

describe("checkHeaderName and checkHeaderValue", () => {
  test("let tokens and values pass", () => {
    for (const byte of everyByte) {
      const name = (): void => checkHeaderName(`a${char(byte)}`);
      const value = (): void => checkHeaderValue("a", `b${char(byte)}`);
      if (tokenBytes[byte] === 1) name();
      else expect(name).toThrow(UnsendableError);
      if (valueBytes[byte] === 1) value();
      else expect(value).toThrow(UnsendableError);
    }
  });

  test("refuse an empty name and characters above U+00FF, whose low byte may be a line end", () => {
    expect(() => checkHeaderName("")).toThrow(UnsendableError);
    expect(() => checkHeaderName("\u0161")).toThrow(UnsendableError);
    expect(() => checkHeaderValue("a", "\u010d\u010a")).toThrow(UnsendableError);
    checkHeaderValue("a", "");
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
