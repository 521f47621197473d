import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { ChunkedDecoder } from "../../../src/http/wire/chunked.ts";
import type { HttpLimits } from "../../../src/http/wire/limits.ts";
import { DATA, END } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";

const limits: HttpLimits = {
  headBytesMax: 1,
  fieldsMax: 3,
  targetBytesMax: 1,
  trailerBytesMax: 42,
  chunkExtensionBytesMax: 30,
  bodyBytesMax: 1000,
};

interface Outcome {
  /** "end", "more", or the status and code of a rejection. */
  readonly result: string;
  readonly body: string;
  readonly consumed: number;
}

const shared = new ChunkedDecoder(limits);

/** Decodes `text` handed over in the parts between `cuts`, each in an array of its own with foreign bytes around it. */
function decode(text: string, cuts: readonly number[] = [], bodyBytesMax = limits.bodyBytesMax): Outcome {
  shared.reset(bodyBytesMax);
  let body = "";
  let consumed = 0;
  const edges = [0, ...cuts, text.length];
  try {
    for (let part = 1; part < edges.length; part++) {
      const bytes = Uint8Array.from(`<<${text.slice(edges[part - 1], edges[part])}>>`, (char) => char.charCodeAt(0));
      const end = bytes.length - 2;
      for (let at = 2; at < end;) {
        const event = shared.next(bytes, at, end);
        if (event === DATA) {
          expect(shared.dataEnd).toBeGreaterThan(shared.dataStart);
          body += String.fromCharCode(...bytes.subarray(shared.dataStart, shared.dataEnd));
        }
        expect(shared.consumed).toBeGreaterThan(0);
        at += shared.consumed;
        consumed += shared.consumed;
        if (event === END) return { result: "end", body, consumed };
      }
    }
  } catch (error) {
    if (error instanceof Rejection) return { result: `${error.status} ${error.code}`, body, consumed: -1 };
    throw error;
  }
  expect(shared.bodyBytes).toBe(body.length);
  return { result: "more", body, consumed };
}

const everyCut = (text: string): number[] => Array.from({ length: text.length - 1 }, (_, index) => index + 1);

const valid: readonly (readonly [string, string])[] = [
  ["0\r\n\r\n", ""],
  ["5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"],
  ["A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n", "012345678901234567890"],
  ["0005\r\nhello\r\n000\r\n\r\n", "hello"],
  ['5;a;b=c;d="q;\\"x"\r\nhello\r\n0;z\r\n\r\n', "hello"],
  ["5 ; a\t= b ;c\r\nhello\r\n0\r\n\r\n", "hello"],
  ['5;a="" ;b="\xe9\t"\r\nhello\r\n0\r\n\r\n', "hello"],
  ["5\r\nhello\r\n0\r\nX-Checksum: abc\r\nEmpty:\r\n\r\n", "hello"],
  ["2\r\n\r\n\r\n0\r\n\r\n", "\r\n"],
  ["0000001\r\na\r\n".repeat(3) + "0\r\n\r\n", "aaa"],
  ["0\r\nTransfer-EncodingX: a\r\nHos: b\r\n\r\n", ""],
];

const invalid: readonly (readonly [string, string])[] = [
  ["+5\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["-5\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["0x5\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  [" 5\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  [";a\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["5_0\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["5\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["5\r\r;ABCD", "400 ERR_HTTP_CHUNK"],
  ["5\r\nhello0\r\n\r\n", "400 ERR_HTTP_CHUNK"],
  ["5\r\nhello\r\n\r\n", "400 ERR_HTTP_CHUNK"],
  ["5\r\nhelloXY", "400 ERR_HTTP_CHUNK"],
  ["5\r\nhello\rX", "400 ERR_HTTP_CHUNK"],
  ["5\r\nhello\n", "400 ERR_HTTP_CHUNK"],
  ["00000000000000005\r\nhello\r\n", "400 ERR_HTTP_CHUNK"],
  ["5 \r\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;\r\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;a=\r\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;a \r\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;bad[=x\r\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;a\0b\r\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;\nhello\r\n", "400 ERR_HTTP_CHUNK_EXTENSION"],
  ['5;a="b\r\nhello\r\n', "400 ERR_HTTP_CHUNK_EXTENSION"],
  ['5;a="b"c\r\nhello\r\n', "400 ERR_HTTP_CHUNK_EXTENSION"],
  ['5;a="b\\\r\nhello\r\n', "400 ERR_HTTP_CHUNK_EXTENSION"],
  ["5;a\rX", "400 ERR_HTTP_CHUNK"],
  ["0\r\n\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\n\rX", "400 ERR_HTTP_TRAILER"],
  ["0\r\nX : y\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\n X: y\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\nX: y\r\n z\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\nX: a\0\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\nX: a\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\nNoColon\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\n: a\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\na: b\r\nContent-LENGTH: 5\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 ERR_HTTP_TRAILER"],
  ["0\r\nX:POST /evil HTTP/1.1\r\nHost: a\r\n\r\n", "400 ERR_HTTP_TRAILER"],
];

describe("ChunkedDecoder.next", () => {
  test.each(valid)("decodes %j, wherever it is cut", (text, body) => {
    const outcome = { result: "end", body, consumed: text.length };
    expect(decode(`${text}GET /`)).toEqual(outcome);
    for (let cut = 1; cut < text.length; cut++) {
      expect(decode(text, [cut])).toEqual(outcome);
      expect(decode(text.slice(0, cut)).result).toBe("more");
    }
    expect(decode(text, everyCut(text))).toEqual(outcome);
  });

  test.each(invalid)("refuses %j with %s, wherever it is cut", (text, expected) => {
    expect(decode(text).result).toBe(expected);
    for (let cut = 1; cut < text.length; cut++) expect(decode(text, [cut]).result).toBe(expected);
    expect(decode(text, everyCut(text)).result).toBe(expected);
  });

  test("refuses a chunk at the digit that passes the body limit, before its content", () => {
    expect(decode("3e8\r\n").result).toBe("more");
    expect(decode("3e").result).toBe("more");
    expect(decode("3e9").result).toBe("413 ERR_HTTP_BODY_TOO_LARGE");
    expect(decode(`3e7\r\n${"x".repeat(999)}\r\n2`).result).toBe("413 ERR_HTTP_BODY_TOO_LARGE");
    expect(decode(`3e7\r\n${"x".repeat(999)}\r\n1\r\nx\r\n0\r\n\r\n`).result).toBe("end");
    for (const size of ["100000005", "FFFFFFFFFFFFFFFF", "f0000000000000003", "20000000000000"]) {
      expect(decode(size, [], Number.MAX_SAFE_INTEGER).result).toBe(
        size.length < 14 ? "more" : "413 ERR_HTTP_BODY_TOO_LARGE",
      );
      expect(decode(size).result).toBe("413 ERR_HTTP_BODY_TOO_LARGE");
    }
  });

  test("counts the extensions of all chunks of a message together", () => {
    const chunk = "1;abcdefghi\r\nx\r\n";
    expect(decode(`${chunk.repeat(3)}0\r\n\r\n`).result).toBe("end");
    expect(decode(`${chunk.repeat(3)}0;`).result).toBe("413 ERR_HTTP_CHUNK_EXTENSIONS_TOO_LARGE");
    expect(decode(`1;${"a".repeat(30)}`).result).toBe("413 ERR_HTTP_CHUNK_EXTENSIONS_TOO_LARGE");
  });

  test("holds the trailer section to its bytes and its fields", () => {
    expect(decode(`0\r\nX:${"y".repeat(38)}\r\n\r\n`).result).toBe("end");
    expect(decode(`0\r\nX:${"y".repeat(39)}\r\n\r\n`).result).toBe("431 ERR_HTTP_TRAILER_TOO_LARGE");
    expect(decode("0\r\na:\r\nb:\r\nc:\r\n\r\n").result).toBe("end");
    expect(decode("0\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n").result).toBe("431 ERR_HTTP_TRAILER_TOO_LARGE");
  });

  test("gives back any body in any chunks at any cuts, and leaves what follows alone", () => {
    const chunks = fc.array(fc.string({ unit: fc.constantFrom(..."ab\r\n0;\xff"), minLength: 1, maxLength: 30 }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(chunks, fc.array(fc.nat(600), { maxLength: 10 }), (parts, cuts) => {
        const text = `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`;
        const sorted = [...new Set(cuts)].filter((cut) => cut > 0 && cut < text.length).sort((a, b) => a - b);
        expect(decode(`${text}0\r\n`, sorted)).toEqual({ result: "end", body: parts.join(""), consumed: text.length });
      }),
      { numRuns: 500 },
    );
  });

  test("throws nothing but a Rejection on damaged bodies, and the same one at any cuts", () => {
    const damage = fc.tuple(fc.nat(80), fc.nat(2), fc.oneof(fc.nat(255), fc.constantFrom(13, 10, 59, 32, 34)));
    fc.assert(
      fc.property(
        fc.constantFrom(...valid.map(([text]) => text)),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(80), { maxLength: 5 }),
        (text, damages, cuts) => {
          let damaged = text;
          for (const [position, removed, byte] of damages) {
            const at = position % damaged.length;
            damaged = damaged.slice(0, at) + String.fromCharCode(byte) + damaged.slice(at + removed);
          }
          const sorted = [...new Set(cuts)].filter((cut) => cut > 0 && cut < damaged.length).sort((a, b) => a - b);
          const { result, consumed } = decode(damaged);
          expect(decode(damaged, sorted)).toMatchObject({ result, consumed });
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("ChunkedDecoder.reset", () => {
  test("starts afresh after a body that was refused, ended or left half-way", () => {
    for (const text of ["5;a", "5\r\nhe", "0\r\nX: y", "zz", "0\r\n\r\n", `1;${"a".repeat(29)}\r\nx\r\n`]) {
      decode(text);
      expect(decode('1;a="b"\r\nx\r\n0\r\na:b\r\n\r\n')).toMatchObject({ result: "end", body: "x" });
    }
  });

  test("sets the limit of this body", () => {
    expect(decode("5", [], 5).result).toBe("more");
    expect(decode("5", [], 4).result).toBe("413 ERR_HTTP_BODY_TOO_LARGE");
    expect(decode("0\r\n\r\n", [], 0).result).toBe("end");
  });
});
