import { describe, expect, test } from "bun:test";

import { HeadParser } from "../../../src/http/wire/head-parser.ts";
import { COMPLETE } from "../../../src/http/wire/outcome.ts";

const start = 3;
const text =
  "PURGE /x HTTP/1.1\r\nHost: a\r\nX-Tag: one\r\nCookie: c=\xe9\r\nx-tag:\t two \r\nX-TAG:\r\n^: caret\r\n\r\n";

function head(bytes: Uint8Array): HeadParser {
  const parser = new HeadParser({
    headBytesMax: 16_384,
    fieldsMax: 100,
    targetBytesMax: 8192,
    trailerBytesMax: 1,
    chunkExtensionBytesMax: 1,
    bodyBytesMax: 1,
  });
  expect(parser.parse(bytes, start, bytes.length)).toBe(COMPLETE);
  return parser;
}

describe.each([
  ["a Uint8Array", Uint8Array.from(`###${text}`, (char) => char.charCodeAt(0))],
  ["a Buffer", Buffer.from(`###${text}`, "latin1")],
])("RequestHead on %s", (_title, bytes) => {
  const parser = head(bytes);

  test("find and findNext walk over the fields of one name, whatever its case was", () => {
    const found: string[] = [];
    let index = parser.find(bytes, start, "x-tag");
    while (index !== -1) {
      found.push(parser.value(bytes, start, index));
      index = parser.findNext(bytes, start, "x-tag", index);
    }
    expect(found).toEqual(["one", "two", ""]);
  });

  test("find answers -1 for a name that is not there, is only a part, or differs in a mark", () => {
    for (const name of ["x-ta", "x-tagg", "tag", "accept", "", "~"]) expect(parser.find(bytes, start, name)).toBe(-1);
    expect(parser.find(bytes, start, "^")).toBe(5);
  });

  test("name is in lower case and value is latin1 without the white space around it", () => {
    expect(parser.name(bytes, start, 4)).toBe("x-tag");
    expect(parser.value(bytes, start, 2)).toBe("c=\xe9");
    expect(parser.value(bytes, start, 3)).toBe("two");
  });

  test("method and target are as sent", () => {
    expect(parser.method(bytes, start)).toBe("PURGE");
    expect(parser.target(bytes, start)).toBe("/x");
  });

  test("offsets are relative to the first byte of the head", () => {
    const slice = (from: number, to: number): string => text.slice(from, to);
    expect(slice(parser.nameStart(1), parser.nameEnd(1))).toBe("X-Tag");
    expect(slice(parser.valueStart(1), parser.valueEnd(1))).toBe("one");
    expect(parser.valueStart(4)).toBe(parser.valueEnd(4));
    expect(slice(parser.targetStart, parser.targetEnd)).toBe("/x");
  });
});
