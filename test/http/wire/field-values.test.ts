import { describe, expect, test } from "bun:test";

import {
  EXPECT_CONTINUE,
  EXPECT_OTHER,
  expectations,
  connectionOptions,
  contentLength,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  requireChunked,
} from "../../../src/http/wire/field-values.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";

/** Calls `ask` on the bytes of `text` with other bytes around them, which must not count. */
function within<T>(text: string, ask: (bytes: Uint8Array, from: number, to: number) => T): T {
  const bytes = Uint8Array.from(`1${text}1`, (char) => char.charCodeAt(0));
  return ask(bytes, 1, 1 + text.length);
}

function statusOf(text: string, ask: (bytes: Uint8Array, from: number, to: number) => unknown): number {
  try {
    within(text, ask);
  } catch (error) {
    if (error instanceof Rejection) return error.status;
    throw error;
  }
  return 200;
}

describe("contentLength", () => {
  test.each([
    ["0", 0],
    ["5", 5],
    ["0000000000000000000000000000012", 12],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("of %j is %p", (text, expected) => {
    expect(within(text, contentLength)).toBe(expected);
  });

  test.each(["", "+5", "-1", "0x5", "abc", "1_0", "5,5", "5 5", "5.0", "1e3", "\xb2", "99999999999999999999x"])(
    "refuses %j with 400",
    (text) => {
      expect(statusOf(text, contentLength)).toBe(400);
    },
  );

  test.each(["9007199254740992", "9007199254740993", "99999999999999999999", "1".repeat(400)])(
    "refuses %j with 413",
    (text) => {
      expect(statusOf(text, contentLength)).toBe(413);
    },
  );
});

describe("requireChunked", () => {
  test.each([
    ["chunked", 200],
    ["ChUnKeD", 200],
    ["gzip, chunked", 501],
    ["gzip,\tdeflate , Chunked", 501],
    ["", 400],
    ["gzip", 400],
    ["identity", 400],
    ["nonsense", 400],
    ["xchunked", 400],
    ["chunked, gzip", 400],
    ["chunked, chunked", 400],
    ["gzip, chunked, chunked", 400],
    [", chunked", 400],
    ["chunked,", 400],
    ["chunked;a=b", 400],
    ["gzip;q=1, chunked", 400],
    ['"chunked"', 400],
    ["chunked chunked", 400],
  ])("answers %j with %p", (text, expected) => {
    expect(statusOf(text, requireChunked)).toBe(expected);
  });
});

describe("connectionOptions", () => {
  test.each([
    ["", 0],
    ["close", OPTION_CLOSE],
    ["Keep-Alive", OPTION_KEEP_ALIVE],
    ["foo, ,CLOSE", OPTION_CLOSE],
    ["keep-alive,close", OPTION_KEEP_ALIVE | OPTION_CLOSE],
    ["keep-alive\t,\tUpgrade ,", OPTION_KEEP_ALIVE | OPTION_UPGRADE],
    ["closed, xclose, clo se, close;q=1", 0],
  ])("of %j are %p", (text, expected) => {
    expect(within(text, connectionOptions)).toBe(expected);
  });
});

describe("expectations", () => {
  test("knows 100-continue in any case, once or again, with empty members beside it", () => {
    for (const text of ["100-Continue", "100-continue, 100-continue", ",100-continue,", " , 100-CONTINUE\t"])
      expect(within(text, expectations)).toBe(EXPECT_CONTINUE);
  });

  test("tells every other member, also beside 100-continue", () => {
    for (const text of ["100", "100-continuee", "100-continue;a=b", "other, thing"])
      expect(within(text, expectations)).toBe(EXPECT_OTHER);
    expect(within("other, 100-continue", expectations)).toBe(EXPECT_CONTINUE | EXPECT_OTHER);
  });

  test("finds nothing in a list without members", () => {
    for (const text of ["", ",", " ,\t,"]) expect(within(text, expectations)).toBe(0);
  });
});
