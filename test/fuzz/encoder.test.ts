// Hostile answers through the encoder: whatever a handler gives as status, headers and content type is either thrown back as an
// UnsendableError or comes out as exactly one line each, in their order. Names and values are made of pieces that end a line, a
// head or a response in some reader.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { CLOSE, encodeHead, headBytesBound, KEEP_ALIVE, LENGTH_CHUNKED, PERSIST } from "../../src/http/wire/encoder.ts";
import type { HeaderField } from "../../src/http/wire/headers.ts";
import { statusForbidsBody } from "../../src/http/wire/status.ts";
import { UnsendableError } from "../../src/http/wire/unsendable.ts";
import { fuzzSeed } from "./settings.ts";

const NOW = Date.UTC(2026, 8, 1, 12, 0, 0);
const RUNS = 10_000;
const MARK = 0xee;
/** Where heads are written to: not at the front. */
const AT = 7;

const hostile = [
  "\r\n",
  "\r",
  "\n",
  "\0",
  "\u010a",
  "\u0d0a",
  "\x85",
  "\u2028",
  "\ud83d\ude00",
  "\x7f",
  "\x0b",
  "\r\n\r\n",
  "\r\nSet-Cookie: a=b",
];
const tame = ["a", "Z", "X-", "text/html", "0", " ", "\t", "\xff", ";", ",", '"', "", "-"];
const names = ["set-cookie", "Date", "content-type", "Upgrade", "vary", "X-A", "date", "Link"];
const reserved = ["Content-Length", "transfer-encoding", "CONNECTION", "keep-alive", "Proxy-Connection"];

const pieces = (list: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...list), { maxLength: 6 }).map((parts) => parts.join(""));
/** Mostly harmless: a list of fields in which one is always hostile would never be sent. */
const valueArbitrary = fc.oneof(
  { weight: 30, arbitrary: pieces(tame) },
  { weight: 1, arbitrary: pieces([...tame, ...hostile]) },
);
const nameArbitrary = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constantFrom(...reserved) },
  { weight: 1, arbitrary: pieces([...names, ...tame, ...hostile, ":"]) },
);
const fieldsArbitrary = fc.array(fc.tuple(nameArbitrary, valueArbitrary), { maxLength: 8 });
const statusArbitrary = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 100, max: 599 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 99, 600, 200.5, -200, Number.NaN, 1e21) },
);
const lengthArbitrary = fc.oneof(fc.maxSafeNat(), fc.constant(LENGTH_CHUNKED));
const persistenceArbitrary = fc.constantFrom(PERSIST, CLOSE, KEEP_ALIVE);

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// A value may hold any Latin-1 character but the controls other than HTAB.
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const isReserved = (name: string): boolean => reserved.some((other) => other.toLowerCase() === name.toLowerCase());

/** Whether a head of this may be sent at all, said a second time. */
function isSendable(status: number, contentType: string, fields: readonly HeaderField[]): boolean {
  if (!Number.isInteger(status) || status < 100 || status > 599) return false;
  // One that a field replaces is not sent, so it does not matter.
  const replaced = fields.some(([name]) => name.toLowerCase() === "content-type");
  if (!replaced && !valuePattern.test(contentType)) return false;
  return fields.every(([name, value]) => tokenPattern.test(name) && !isReserved(name) && valuePattern.test(value));
}

/** The lines that must stand between the status line and the empty line, in this order. */
function linesOf(
  status: number,
  contentType: string,
  fields: readonly HeaderField[],
  length: number,
  persistence: number,
): string[] {
  const has = (name: string): boolean => fields.some(([other]) => other.toLowerCase() === name);
  const lines: string[] = [];
  if (!has("date")) lines.push("Date: Tue, 01 Sep 2026 12:00:00 GMT");
  if (contentType !== "" && !has("content-type")) lines.push(`Content-Type: ${contentType}`);
  for (const [name, value] of fields) lines.push(`${name}: ${value}`);
  if (!statusForbidsBody(status)) {
    lines.push(length === LENGTH_CHUNKED ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`);
  }
  const options = [
    ...["", "close", "keep-alive"].slice(persistence, persistence + 1),
    has("upgrade") ? "upgrade" : "",
  ].filter(Boolean);
  if (options.length > 0) lines.push(`Connection: ${options.join(", ")}`);
  return lines;
}

describe("encodeHead", () => {
  test("sends exactly the lines that were given, or throws an UnsendableError", () => {
    let sent = 0;
    fc.assert(
      fc.property(
        statusArbitrary,
        valueArbitrary,
        fieldsArbitrary,
        lengthArbitrary,
        persistenceArbitrary,
        (status, contentType, fields, length, persistence) => {
          const out = new Uint8Array(AT + headBytesBound(contentType, fields) + 1).fill(MARK);
          let end = -1;
          try {
            end = encodeHead(out, AT, status, contentType, fields, length, persistence, NOW);
          } catch (error) {
            expect(error).toBeInstanceOf(UnsendableError);
            expect(isSendable(status, contentType, fields)).toBe(false);
            return;
          }
          expect(isSendable(status, contentType, fields)).toBe(true);
          sent++;
          const text = Buffer.from(out.subarray(AT, end)).toString("latin1");
          const lines = text.split("\r\n");
          expect(lines[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [ -~]*$`));
          expect(lines.slice(1)).toEqual([...linesOf(status, contentType, fields, length, persistence), "", ""]);
          // No lone CR, LF or NUL either, in any reader's eyes.
          expect(lines.join("")).not.toMatch(/[\r\n\0]/);
          expect(out.subarray(0, AT).every((byte) => byte === MARK)).toBe(true);
        },
      ),
      { numRuns: RUNS, seed: fuzzSeed },
    );
    expect(sent).toBeGreaterThan(RUNS / 4);
    expect(sent).toBeLessThan(RUNS);
  }, 60_000);

  test("never writes outside the room that it was given", () => {
    fc.assert(
      fc.property(
        valueArbitrary,
        fieldsArbitrary,
        lengthArbitrary,
        fc.integer({ min: 0, max: 400 }),
        (contentType, fields, length, room) => {
          const whole = new Uint8Array(AT + room + 64).fill(MARK);
          const out = whole.subarray(AT, AT + room);
          try {
            const end = encodeHead(out, 0, 200, contentType, fields, length, PERSIST, NOW);
            expect(end === -1 || (end > 0 && end <= room)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(UnsendableError);
          }
          expect(whole.subarray(0, AT).every((byte) => byte === MARK)).toBe(true);
          expect(whole.subarray(AT + room).every((byte) => byte === MARK)).toBe(true);
        },
      ),
      { numRuns: RUNS / 10, seed: fuzzSeed },
    );
  });
});
