// The rows are read strictly, and say what bytes are sent in which pieces.

import { describe, expect, test } from "bun:test";
import { bytesOf, type ConformanceCase, isTimed, parseRows, piecesOf, readCases } from "./case.ts";

const ROW = {
  id: "x",
  group: "x",
  level: "MUST",
  ref: "RFC 9112 section 3",
  why: "an example",
  raw: "abcdef",
  expect: { status: [200], responses: 1, close: false },
} as const satisfies ConformanceCase;

describe("readCases", () => {
  test("readCases gives every group that the RFCs divide into", () => {
    const groups = new Set(readCases().map(({ group }) => group));
    expect([...groups].toSorted()).toEqual([
      "chunked",
      "connection",
      "content-length",
      "delivery",
      "expect",
      "header",
      "host",
      "line-ending",
      "pipelining",
      "request-line",
      "response",
      "trailer",
      "transfer-encoding",
      "upgrade",
      "version",
    ]);
  });
});

describe("parseRows", () => {
  test.each<[string, object]>([
    ["a key that nobody knows", { ...ROW, stauts: 1 }],
    ["an expectation that nobody knows", { ...ROW, expect: { ...ROW.expect, headesr: {} } }],
    ["no reason", { ...ROW, why: "" }],
    ["a level that is none", { ...ROW, level: "must" }],
    ["no word on the closing", { ...ROW, expect: { status: [200], responses: 1 } }],
    ["a character that is no byte", { ...ROW, raw: "\u0100" }],
  ])("parseRows refuses a row with %s", (_, row) => {
    expect(() => parseRows(JSON.stringify(row), "x.jsonl")).toThrow("Cannot read line 1 of x.jsonl");
    expect(parseRows(JSON.stringify(ROW), "x.jsonl")).toEqual([ROW]);
  });
});

describe("piecesOf", () => {
  const pieces = (split?: ConformanceCase["split"], raw: string = ROW.raw): string[] =>
    piecesOf({ ...ROW, raw, ...(split === undefined ? {} : { split }) }).map(String);

  test("piecesOf cuts at each byte, at offsets and at offsets from the end", () => {
    expect(pieces()).toEqual(["abcdef"]);
    expect(pieces("each-byte")).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(pieces([-1, 2])).toEqual(["ab", "cde", "f"]);
    expect(pieces("each-byte", "")).toEqual([""]);
    expect(pieces("each-byte", "a")).toEqual(["a"]);
  });
});

describe("bytesOf", () => {
  test("bytesOf repeats what is to be repeated, line ends included, and sends a byte a character", () => {
    expect(bytesOf({ ...ROW, raw: "{{rep:a\r\n:3}}-{{rep:b::2}}" }).toString()).toBe("a\r\na\r\na\r\n-b:b:");
    expect([...bytesOf({ ...ROW, raw: "\u00e9\u0000" })]).toEqual([0xe9, 0]);
  });
});

describe("isTimed", () => {
  test("isTimed tells the rows whose outcome depends on when their bytes come", () => {
    expect([isTimed(ROW), isTimed({ ...ROW, split: [-1] }), isTimed({ ...ROW, pause_ms: 1 })]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
