// Field sections that are known again must change nothing: every head is read by a parser that knows sections beside one that does not.

import { describe, expect, test } from "bun:test";

import { FIELD_SECTION_BYTES_KEPT_MAX, FIELD_SECTIONS_KEPT_MAX } from "../../../src/config.ts";
import { FieldSections } from "../../../src/http/wire/field-sections.ts";
import { HeadParser } from "../../../src/http/wire/head-parser.ts";
import type { HttpLimits } from "../../../src/http/wire/limits.ts";
import { COMPLETE } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";
import { createPrng } from "../../../src/sim/prng.ts";

const limits: HttpLimits = {
  headBytesMax: 16_384,
  fieldsMax: 100,
  targetBytesMax: 8192,
  trailerBytesMax: 1,
  chunkExtensionBytesMax: 1,
  bodyBytesMax: 1,
};

const FIELDS =
  "Host: mill.example:8080\r\nConnection: keep-alive, upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\nContent-Length: 12\r\n" +
  "X-Tag: one\r\nx-tag: two\r\nCookie: session=4f1c9a7be2d8\r\n";

/** All that a parser says of a head; the rejection's code for one that it refuses, "more" for one that is not whole. */
function read(parser: HeadParser, text: string, cut = text.length): unknown {
  const bytes = Buffer.from(`~~~${text}`, "latin1");
  try {
    for (const end of cut === text.length ? [bytes.length] : [3 + cut, bytes.length]) {
      if (parser.parse(bytes.subarray(0, end), 3, end) === COMPLETE) return describeHead(parser, bytes);
    }
    return "more";
  } catch (error) {
    if (error instanceof Rejection) return error.code;
    throw error;
  } finally {
    parser.reset();
    // What is kept must be no view of it.
    bytes.fill(0);
  }
}

function describeHead(parser: HeadParser, bytes: Uint8Array): unknown {
  const { fields, length, methodCode, minor } = parser;
  const { offsets: _, lookups: __, ...facts } = fields;
  const lines = Array.from({ length: fields.count }, (_, index) => [
    parser.name(bytes, 3, index),
    parser.value(bytes, 3, index),
    parser.nameStart(index),
    parser.valueEnd(index),
  ]);
  return { length, methodCode, minor, target: parser.target(bytes, 3), facts, lines };
}

/** Whether the parser knew the section of the head that it has read. */
function knows(parser: HeadParser, text: string): boolean {
  const bytes = Buffer.from(text, "latin1");
  expect(parser.parse(bytes, 0, bytes.length)).toBe(COMPLETE);
  const known = parser.fields.lookups !== null;
  parser.reset();
  bytes.fill(0);
  return known;
}

const head = (target: string, fields = FIELDS): string => `POST ${target} HTTP/1.1\r\n${fields}\r\n`;

describe("FieldSections", () => {
  test("FieldSections knows a section from its third time on, whatever the request line, on every connection", () => {
    const sections = new FieldSections();
    const first = new HeadParser(limits, sections);
    expect(["/", "/a", "/a/b"].map((target) => knows(first, head(target)))).toEqual([false, false, true]);
    const second = new HeadParser(limits, sections);
    expect(knows(second, head("/c?d"))).toBe(true);
    expect(knows(new HeadParser(limits, new FieldSections()), head("/"))).toBe(false);
  });

  test("FieldSections makes no difference to what is read of a known section", () => {
    const parser = new HeadParser(limits, new FieldSections());
    const plain = new HeadParser(limits);
    for (const target of ["/", "/a", "/a/b", "/", "*", "/%20"])
      expect(read(parser, head(target))).toEqual(read(plain, head(target)));
  });

  test.each([FIELDS, "Host: a\r\n", ""])("FieldSections is not misled by one other byte in %j", (fields) => {
    const parser = new HeadParser(limits, new FieldSections());
    const plain = new HeadParser(limits);
    const whole = head("/", fields);
    const from = "POST / HTTP/1.1\r\n".length;
    for (let at = from; at < whole.length; at++) {
      for (const other of ["x", "\r", "\n", ":", " ", "\0", "1"]) {
        for (let i = 0; i < 3; i++) read(parser, whole);
        const changed = whole.slice(0, at) + other + whole.slice(at + 1);
        expect(read(parser, changed)).toEqual(read(plain, changed));
        const longer = whole.slice(0, at) + other + whole.slice(at);
        expect(read(parser, longer)).toEqual(read(plain, longer));
      }
    }
  });

  test("FieldSections makes no difference however a known head is cut, and none to what is pipelined behind it", () => {
    const parser = new HeadParser(limits, new FieldSections());
    const plain = new HeadParser(limits);
    const whole = head("/a");
    for (let i = 0; i < 3; i++) read(parser, whole);
    for (let cut = 0; cut < whole.length; cut++) {
      expect(read(parser, whole, cut)).toEqual(read(plain, whole));
      expect(read(parser, whole.slice(0, cut))).toEqual(read(plain, whole.slice(0, cut)));
    }
    expect(read(parser, whole + head("/b"))).toEqual(read(plain, whole + head("/b")));
  });

  test("FieldSections knows many sections that come by turns, and reads the right one each time", () => {
    const parser = new HeadParser(limits, new FieldSections());
    const plain = new HeadParser(limits);
    const agents = Array.from({ length: 16 }, (_, i) => `Host: a\r\nUser-Agent: browser/${i * 7919}\r\nX: ${i}\r\n`);
    let known = 0;
    for (let round = 0; round < 6; round++) {
      for (const fields of agents) {
        expect(read(parser, head("/", fields))).toEqual(read(plain, head("/", fields)));
        known += Number(knows(parser, head("/", fields)));
      }
    }
    // Two of them may want one place.
    expect(known).toBeGreaterThan(agents.length * 4);
  });

  test("FieldSections keeps no section that is too long, and a bounded number", () => {
    const long = new HeadParser(limits, new FieldSections());
    const filler = `X: ${"a".repeat(FIELD_SECTION_BYTES_KEPT_MAX)}\r\n`;
    for (let i = 0; i < 4; i++) expect(knows(long, head("/", filler))).toBe(false);
    const sections = new FieldSections();
    const parser = new HeadParser(limits, sections);
    const seed = 20_261;
    const prng = createPrng(seed);
    const all = Array.from({ length: FIELD_SECTIONS_KEPT_MAX * 8 }, () => `X: ${prng.between(0, 1e9)}\r\n`);
    for (const fields of all) for (let i = 0; i < 2; i++) knows(parser, head("/", fields));
    const known = all.filter((fields) => knows(new HeadParser(limits, sections), head("/", fields))).length;
    expect(known).toBeGreaterThan(FIELD_SECTIONS_KEPT_MAX / 2);
    expect(known).toBeLessThanOrEqual(FIELD_SECTIONS_KEPT_MAX);
  });

  test("FieldSections does not lift a limit: a head that is too long stays too long", () => {
    const tight = { ...limits, headBytesMax: head("/").length + 4 };
    const parser = new HeadParser(tight, new FieldSections());
    for (let i = 0; i < 3; i++) read(parser, head("/"));
    expect(knows(parser, head("/1234"))).toBe(true);
    expect(read(parser, head("/12345"))).toBe("ERR_HTTP_HEAD_TOO_LARGE");
  });
});
