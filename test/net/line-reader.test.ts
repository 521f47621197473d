// Lines made into text ahead must read as lines made one by one do, whatever else is read in between.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { LineReader } from "../../src/net/line-reader.ts";
import { ReceiveBuffer } from "../../src/net/receive-buffer.ts";

/** Reads all whole lines that are there. */
function readAll(lines: LineReader): string[] {
  const all: string[] = [];
  for (let found = lines.find(0); found !== -1; found = lines.find(0)) all.push(lines.take(found));
  return all;
}

function readerOf(...chunks: (string | Uint8Array)[]): { buffer: ReceiveBuffer; lines: LineReader } {
  const buffer = new ReceiveBuffer();
  for (const chunk of chunks) buffer.push(Buffer.from(chunk as string));
  return { buffer, lines: new LineReader(buffer) };
}

describe("LineReader", () => {
  test("LineReader gives each line without its LF or CRLF, and leaves what is no whole line", () => {
    const { buffer, lines } = readerOf("one\ntwo\r\n\n\r\n\rthree\r\nfo", "ur");
    expect(readAll(lines)).toEqual(["one", "two", "", "", "\rthree"]);
    expect(buffer.size).toBe(4);
    buffer.push(Buffer.from("\n"));
    expect(readAll(lines)).toEqual(["four"]);
    expect(buffer.size).toBe(0);
  });

  test("LineReader reads on rightly behind other reads of the same buffer", () => {
    const { buffer, lines } = readerOf("a\nbb\nccc\ndddd\neeeee\nffffff\n");
    expect(lines.take(lines.find(0))).toBe("a");
    expect(Buffer.from(buffer.take(3)).toString()).toBe("bb\n");
    expect(lines.take(lines.find(0))).toBe("ccc");
    buffer.skip(2);
    expect(readAll(lines)).toEqual(["dd", "eeeee", "ffffff"]);
    buffer.push(Buffer.from("x\ny\nz\n"));
    expect(lines.take(lines.find(0))).toBe("x");
    buffer.clear();
    buffer.push(Buffer.from("p\nq\n"));
    expect(readAll(lines)).toEqual(["p", "q"]);
  });

  test("LineReader goes on in text that it made ahead when more bytes move the buffer", () => {
    const { buffer, lines } = readerOf("a\nb\nc\nd");
    expect(lines.take(lines.find(0))).toBe("a");
    buffer.push(Buffer.from("e\nf\n"));
    expect(readAll(lines)).toEqual(["b", "c", "de", "f"]);
  });

  test("LineReader takes nothing by looking", () => {
    const { buffer, lines } = readerOf("a\nb\n");
    expect([lines.find(0), lines.find(0), buffer.size]).toEqual([1, 1, 4]);
  });

  test("LineReader does not make text ahead again and again of lines that are no ASCII", () => {
    for (const text of ["é\n".repeat(20_000), `${"plain\n".repeat(600)}é\n`.repeat(16)]) {
      let tries = 0;
      const bytes = Object.assign(Buffer.from(text), {
        // What is made into text ahead ends at the last LF.
        lastIndexOf(...args: Parameters<Uint8Array["lastIndexOf"]>): number {
          tries++;
          return Uint8Array.prototype.lastIndexOf.apply(bytes, args);
        },
      });
      const buffer = new ReceiveBuffer();
      buffer.push(bytes);
      expect(readAll(new LineReader(buffer))).toEqual(text.split("\n").slice(0, -1));
      expect(tries).toBeGreaterThan(0);
      expect(tries).toBeLessThan(2 * (bytes.length / 4_096) + 2);
    }
  });

  test("LineReader reads any bytes in any chunks, with any reads in between, as they are read one line at a time", () => {
    const chunk = fc.oneof(
      fc
        .string({ unit: fc.constantFrom("a", "\n", "\r", "é", "☃", "\u{1f600}", "line of some length ") })
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 0, max: 400 }).map((count) => Buffer.from("some line\n".repeat(count))),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 8 }), fc.array(fc.nat(5), { minLength: 1 }), (chunks, skips) => {
        const { buffer, lines } = readerOf();
        let rest = Buffer.alloc(0);
        let turn = 0;
        for (const bytes of chunks) {
          buffer.push(Buffer.from(bytes));
          rest = Buffer.concat([rest, bytes]);
          for (let found = lines.find(0); found !== -1; found = lines.find(0)) {
            const end = rest.indexOf(10);
            expect(found).toBe(end);
            const line = rest.toString("utf8", 0, end > 0 && rest[end - 1] === 13 ? end - 1 : end);
            expect(lines.take(found)).toBe(line);
            rest = rest.subarray(end + 1);
            const skip = skips[turn++ % skips.length] as number;
            if (skip !== 5 || rest.length < 2) continue;
            buffer.skip(2);
            rest = rest.subarray(2);
          }
          expect(rest.indexOf(10)).toBe(-1);
          expect(buffer.size).toBe(rest.length);
        }
      }),
    );
  });
});
