// Parts of files: 206 with one range and with several, and 416.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FILE_BLOCK_BYTES, RANGES_MAX } from "../../../src/config.ts";
import { file } from "../../../src/http/index.ts";
import type { Response } from "../support.ts";
import { pattern, THEN, withFiles } from "./support.ts";

const PATH = "/srv/a.txt";

/** The parts of a multipart/byteranges body, by a reader that knows only RFC 2046. */
function partsOf({ body, headers }: Response): { type: string; range: string; content: string }[] {
  const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{32})$/.exec(headers.get("content-type") ?? "")?.[1];
  expect(boundary).toBeDefined();
  expect(headers.has("content-range")).toBe(false);
  const [before, ...pieces] = `\r\n${body}`.split(`\r\n--${boundary}`);
  expect(before).toBe("");
  expect(pieces.pop()).toBe("--\r\n");
  return pieces.map((piece) => {
    const match = /^\r\nContent-Type: (.*)\r\nContent-Range: (.*)\r\n\r\n/.exec(piece);
    return { type: match?.[1] ?? "", range: match?.[2] ?? "", content: piece.slice(match?.[0].length) };
  });
}

describe("file", () => {
  test.each([
    ["bytes=0-0", "bytes 0-0/10", "0"],
    ["bytes=2-4", "bytes 2-4/10", "234"],
    ["bytes=7-", "bytes 7-9/10", "789"],
    ["bytes=-3", "bytes 7-9/10", "789"],
    ["bytes=-300", "bytes 0-9/10", "0123456789"],
    ["bytes=0-", "bytes 0-9/10", "0123456789"],
    ["bytes=5-99", "bytes 5-9/10", "56789"],
    // Ranges that touch are one part, and one part needs no multipart.
    ["bytes=0-1,2-3", "bytes 0-3/10", "0123"],
    ["bytes=0-1,99-", "bytes 0-1/10", "01"],
  ])("answers %s with one part", (range, contentRange, body) =>
    withFiles(
      (request) => file(request, PATH, { cacheControl: "no-cache" }),
      function* ({ files, ask }) {
        files.put(PATH, "0123456789", THEN);
        const response = yield* ask("GET /", `Range: ${range}`);
        expect(response.status).toBe(206);
        expect(response.headers.get("content-range")).toBe(contentRange);
        expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
        expect(response.headers.get("etag")).toBeString();
        expect(response.headers.get("cache-control")).toBe("no-cache");
        expect(response.body).toBe(body);
        expect(files.statistics.bytesRead).toBe(body.length);
      },
    ),
  );

  test("answers several ranges with multipart/byteranges, in the order they were asked for", () =>
    withFiles(
      (request) => file(request, PATH, { headers: { "X-Own": "1", "content-type": "text/x-own" } }),
      function* ({ files, ask }) {
        files.put(PATH, "0123456789", THEN);
        const response = yield* ask("GET /", "Range: bytes=7-, 0-1, 4-4");
        expect(response.status).toBe(206);
        expect(response.headers.get("x-own")).toBe("1");
        expect(partsOf(response)).toEqual([
          { type: "text/x-own", range: "bytes 7-9/10", content: "789" },
          { type: "text/x-own", range: "bytes 0-1/10", content: "01" },
          { type: "text/x-own", range: "bytes 4-4/10", content: "4" },
        ]);
      },
    ));

  test("draws another boundary for each answer", () =>
    withFiles(
      (request) => file(request, PATH),
      function* ({ files, ask }) {
        files.put(PATH, "0123456789", THEN);
        const first = yield* ask("GET /", "Range: bytes=0-1,4-5");
        const second = yield* ask("GET /", "Range: bytes=0-1,4-5");
        expect(first.headers.get("content-type")).not.toBe(second.headers.get("content-type") as string);
      },
    ));

  test("answers 416 with the size when no such bytes are there", () =>
    withFiles(
      (request) => file(request, PATH, { headers: { "access-control-allow-origin": "*", "content-language": "en" } }),
      function* ({ files, ask }) {
        files.put(PATH, "0123456789", THEN);
        for (const range of ["bytes=10-", "bytes=-0", "bytes=20-30,10-"]) {
          const { status, headers } = yield* ask("GET /", `Range: ${range}`);
          expect(status).toBe(416);
          expect(headers.get("content-range")).toBe("bytes */10");
          expect(headers.get("access-control-allow-origin")).toBe("*");
          expect(headers.has("content-language")).toBe(false);
          expect(headers.has("etag")).toBe(false);
        }
        expect(files.statistics.reads).toBe(0);
      },
    ));

  test.each(["lines=0-1", "bytes=x-y", "bytes=3-2", `bytes=${"0-0,".repeat(RANGES_MAX + 1)}`])(
    "sends the whole for %s",
    (range) =>
      withFiles(
        (request) => file(request, PATH),
        function* ({ files, ask }) {
          files.put(PATH, "0123456789", THEN);
          const response = yield* ask("GET /", `Range: ${range}`);
          expect(response.status).toBe(200);
          expect(response.body).toBe("0123456789");
          expect(response.headers.has("content-range")).toBe(false);
        },
      ),
  );

  test.each(["bytes=0-", "bytes=-5", "bytes=0-0,5-5"])("sends an empty file whole for %s", (range) =>
    withFiles(
      (request) => file(request, PATH),
      function* ({ files, ask }) {
        files.put(PATH, "", THEN);
        const { status, body } = yield* ask("GET /", `Range: ${range}`);
        expect({ status, body }).toEqual({ status: 200, body: "" });
      },
    ),
  );

  test("sends parts behind 4 GiB, with exact offsets", () =>
    withFiles(
      (request) => file(request, PATH, { type: "" }),
      function* ({ files, ask }) {
        const size = 2 ** 45 + 3;
        const read = (into: Uint8Array, from: number): void => {
          for (let i = 0; i < into.length; i++) into[i] = 0x61 + ((from + i) % 26);
        };
        files.put(PATH, { size, read }, THEN);
        const at = (offset: number): string => String.fromCharCode(0x61 + (offset % 26));
        const last = yield* ask("GET /", "Range: bytes=-1");
        expect(last.headers.get("content-range")).toBe(`bytes ${size - 1}-${size - 1}/${size}`);
        expect(last.body).toBe(at(size - 1));
        const from = 2 ** 32 - 1;
        const middle = yield* ask("GET /", `Range: bytes=${from}-${from + FILE_BLOCK_BYTES + 1}`);
        expect(middle.body.length).toBe(FILE_BLOCK_BYTES + 2);
        expect(middle.body[0]).toBe(at(from));
        expect(middle.body.at(-1)).toBe(at(from + FILE_BLOCK_BYTES + 1));
        expect((yield* ask("HEAD /")).headers.get("content-length")).toBe(String(size));
      },
    ));

  test("gives a client that asks in parts, however it cuts them, exactly the file", async () => {
    const size = 3 * FILE_BLOCK_BYTES;
    const content = pattern(size);
    const offset = fc.integer({ min: 0, max: size - 1 });
    const ranges = fc.array(fc.tuple(offset, offset), { minLength: 1, maxLength: 5 });
    await withFiles(
      (request) => file(request, PATH),
      function* ({ files, ask }) {
        files.put(PATH, content, THEN);
        for (const wanted of fc.sample(ranges, { numRuns: 40, seed: 7 })) {
          const field = wanted.map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`).join(",");
          const response = yield* ask("GET /", `Range: bytes=${field}`);
          const single = response.headers.get("content-range");
          const parts = single === undefined ? partsOf(response) : [{ range: single, content: response.body }];
          for (const { range, content: part } of parts) {
            const [, from, last] = /^bytes (\d+)-(\d+)\//.exec(range) ?? [];
            expect(part === content.slice(Number(from), Number(last) + 1), `${field}: ${range}`).toBe(true);
          }
        }
      },
    );
  });
});
