// `file`: heads, bodies and what happens to the file, in virtual time.

import { describe, expect, test } from "bun:test";
import { FILE_BLOCK_BYTES } from "../../../src/config.ts";
import { FileError } from "../../../src/core/files.ts";
import type { Steps } from "../../../src/core/operation.ts";
import { sleep } from "../../../src/core/sleep.ts";
import {
  BodyLengthError,
  empty,
  file,
  type FileOptions,
  type HttpHandler,
  text,
  UnsendableError,
  withHeaders,
} from "../../../src/http/index.ts";
import type { SimFiles } from "../../../src/sim/index.ts";
import { request, responsesOf, serverSocket, SOON_MS } from "../support.ts";
import { pattern, THEN, THEN_TEXT, withFiles } from "./support.ts";

const PATH = "/srv/a.txt";
const sends =
  (options?: FileOptions, path = PATH): HttpHandler =>
  (request) =>
    file(request, path, options);

describe("file", () => {
  test("sends a small file in one write, with its type, length and validators", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, "hello", THEN);
      const peer = yield* world.ask(request("GET /"));
      const [response] = responsesOf(peer).final;
      expect(response?.status).toBe(200);
      expect(response?.body).toBe("hello");
      expect(response?.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(response?.headers.get("content-length")).toBe("5");
      expect(response?.headers.get("last-modified")).toBe(THEN_TEXT);
      expect(response?.headers.get("etag")).toMatch(/^"[\w-]+"$/);
      expect(response?.headers.get("accept-ranges")).toBe("bytes");
      expect(response?.headers.has("cache-control")).toBe(false);
      expect(serverSocket(peer).writes).toBe(1);
    }));

  test.each([0, 1, FILE_BLOCK_BYTES - 1, FILE_BLOCK_BYTES, FILE_BLOCK_BYTES + 1, 3 * FILE_BLOCK_BYTES + 7])(
    "sends %d bytes as they are",
    (bytes) =>
      withFiles(sends(), function* ({ files, ask }) {
        const content = pattern(bytes);
        files.put(PATH, content, THEN);
        const response = yield* ask("GET /");
        expect(response.headers.get("content-length")).toBe(String(bytes));
        expect(response.body === content).toBe(true);
        expect(files.statistics.bytesRead).toBe(bytes);
      }),
  );

  test("keeps the connection behind a file, small or large", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, pattern(FILE_BLOCK_BYTES + 5), THEN);
      const peer = yield* world.ask(request("GET /1"), request("GET /2"), request("HEAD /3"), request("GET /4"));
      yield* sleep(100 * SOON_MS);
      const { final, rest } = responsesOf(peer, "GET", "GET", "HEAD", "GET");
      expect(final.map(({ body }) => body.length)).toEqual([
        FILE_BLOCK_BYTES + 5,
        FILE_BLOCK_BYTES + 5,
        0,
        FILE_BLOCK_BYTES + 5,
      ]);
      expect(rest).toBe("");
    }));

  test.each([5, FILE_BLOCK_BYTES + 5])("answers HEAD with the head of GET for %d bytes, and reads nothing", (bytes) =>
    withFiles(sends(), function* ({ files, ask }) {
      files.put(PATH, pattern(bytes), THEN);
      const get = yield* ask("GET /");
      const { reads } = files.statistics;
      const head = yield* ask("HEAD /", "Range: bytes=0-1");
      expect(head.status).toBe(200);
      const heads = [get, head].map(({ headers }) => [...headers].filter(([name]) => name !== "date"));
      expect(heads[1]).toEqual(heads[0] as [string, string][]);
      expect(files.statistics.reads).toBe(reads);
    }),
  );

  test("answers 404 where no regular file is", () =>
    withFiles(sends({ headers: { "x-own": "1" } }), function* ({ files, ask }) {
      files.put("/srv/a.txt/b", "a folder", THEN);
      expect((yield* ask("GET /", "If-Match: *", "Range: bytes=0-1")).status).toBe(404);
    }));

  test("takes type, Cache-Control, download and headers, and lets headers replace its own", () =>
    withFiles(
      sends({
        type: "text/x-own",
        cacheControl: "max-age=60",
        download: "né.txt",
        headers: [
          ["X-Own", "1"],
          ["last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"],
        ],
      }),
      function* ({ files, ask }) {
        files.put(PATH, "hello", THEN);
        const { headers } = yield* ask("GET /");
        expect(headers.get("content-type")).toBe("text/x-own");
        expect(headers.get("cache-control")).toBe("max-age=60");
        expect(headers.get("content-disposition")).toBe(
          "attachment; filename=\"n_.txt\"; filename*=UTF-8''n%C3%A9.txt",
        );
        expect(headers.get("x-own")).toBe("1");
        expect(headers.get("last-modified")).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
      },
    ));

  test("takes download: true for the file's own name, and etag: false for no tag", () =>
    withFiles(sends({ download: true, etag: false }), function* ({ files, ask }) {
      files.put(PATH, "hello", THEN);
      const { headers } = yield* ask("GET /");
      expect(headers.get("content-disposition")).toBe('attachment; filename="a.txt"');
      expect(headers.has("etag")).toBe(false);
      expect((yield* ask("GET /", `If-Modified-Since: ${THEN_TEXT}`)).status).toBe(304);
    }));

  test.each([
    ["/srv/a.HTML", "text/html; charset=utf-8"],
    ["/srv/a.js", "text/javascript; charset=utf-8"],
    ["/srv/a.json", "application/json"],
    ["/srv/a.svg", "image/svg+xml"],
    ["/srv/a.woff2", "font/woff2"],
    ["/srv/a", "application/octet-stream"],
    ["/srv/a.unheardof", "application/octet-stream"],
    ["/srv/a.constructor", "application/octet-stream"],
    ["/srv.html/a", "application/octet-stream"],
  ])("knows the type of %s", (path, type) =>
    withFiles(sends({}, path), function* ({ files, ask }) {
      files.put(path, "x", THEN);
      expect((yield* ask("GET /")).headers.get("content-type")).toBe(type);
    }),
  );

  test("sends the whole file to other methods, whatever their conditions", () =>
    withFiles(sends(), function* ({ files, ask }) {
      files.put(PATH, "hello", THEN);
      const response = yield* ask("POST /", "If-None-Match: *", 'If-Match: "other"', "Range: bytes=0-1");
      expect(response.status).toBe(200);
      expect(response.body).toBe("hello");
    }));

  test("dates a file of the future with the present", () =>
    withFiles(sends(), function* ({ files, ask }) {
      files.put(PATH, "hello", Date.UTC(2030, 0, 1));
      const { headers } = yield* ask("GET /");
      expect(headers.get("last-modified")).toBe(headers.get("date") as string);
      expect(headers.get("etag")).toStartWith("W/");
    }));

  test("sends a file from before 1970 without a date", () =>
    withFiles(sends(), function* ({ files, ask }) {
      files.put(PATH, "hello", -5_000);
      const { headers, body } = yield* ask("GET /", `If-Modified-Since: ${THEN_TEXT}`);
      expect(headers.has("last-modified")).toBe(false);
      expect(body).toBe("hello");
    }));
});

describe("file, when things go wrong,", () => {
  /** More than is sent in a few ms. */
  const LONG = 16 * FILE_BLOCK_BYTES;

  /** Until the first block was read. More follow. */
  function* firstRead(files: SimFiles): Steps<void> {
    while (files.statistics.reads === 0) yield* sleep(0.1);
    expect(files.statistics.bytesRead).toBeLessThan(LONG);
  }

  test("cuts the connection when the file shrinks while it is sent", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, pattern(LONG), THEN);
      const peer = world.connect(request("GET /"));
      yield* firstRead(files);
      files.overwrite(PATH, pattern(LONG - 100));
      yield* sleep(2_000);
      expect(peer.ended || peer.closed).toBe(true);
      const { final, rest } = responsesOf(peer);
      expect(final).toEqual([]);
      const body = rest.slice(rest.indexOf("\r\n\r\n") + 4);
      expect(body.length).toBeLessThan(LONG);
      expect(pattern(LONG).startsWith(body)).toBe(true);
      expect(world.errors).toEqual([expect.any(BodyLengthError)]);
      expect(String(world.errors[0])).toContain("it has shrunk, and 100 bytes");
    }));

  test("sends what it announced of a file that grows while it is sent", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, pattern(LONG), THEN);
      const peer = world.connect(request("GET /"));
      yield* firstRead(files);
      files.overwrite(PATH, pattern(2 * LONG));
      yield* sleep(2_000);
      const { final, rest } = responsesOf(peer);
      expect(final[0]?.body === pattern(LONG)).toBe(true);
      expect(rest).toBe("");
    }));

  test("answers 500 when a small file shrinks between opening and reading", () =>
    withFiles(sends(), function* ({ world, files }) {
      let looks = 0;
      const size = (): number => (looks++ === 0 ? 5 : 2);
      files.put(PATH, Object.defineProperty({ size: 5, read: () => {} }, "size", { get: size }), THEN);
      const peer = yield* world.ask(request("GET /"));
      expect(responsesOf(peer).statuses).toEqual([500]);
      expect(world.errors).toEqual([expect.any(BodyLengthError)]);
    }));

  test("sends the old file whole when another takes its path meanwhile", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, pattern(LONG), THEN);
      const peer = world.connect(request("GET /"));
      yield* firstRead(files);
      files.put(PATH, "new", THEN);
      yield* sleep(2_000);
      expect(responsesOf(peer).final[0]?.body === pattern(LONG)).toBe(true);
    }));

  test("answers 500 and tells of a file that cannot be opened or read", () =>
    withFiles(sends(), function* ({ world, files, ask }) {
      files.put(PATH, "hello", THEN);
      files.fail(PATH, "open", "EACCES");
      expect((yield* ask("GET /")).status).toBe(500);
      files.fail(PATH, "open", null);
      files.fail(PATH, "read", "EIO");
      expect((yield* ask("GET /")).status).toBe(500);
      expect(world.errors).toEqual([expect.any(FileError), expect.any(FileError)]);
      expect(world.errors).toMatchObject([{ reason: "EACCES" }, { reason: "EIO" }]);
    }));

  test("cuts the connection when the disk fails half-way", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, pattern(LONG), THEN);
      const peer = world.connect(request("GET /"));
      yield* firstRead(files);
      files.fail(PATH, "read", "EIO");
      yield* sleep(2_000);
      expect(peer.ended || peer.closed).toBe(true);
      expect(responsesOf(peer).final).toEqual([]);
      expect(world.errors).toMatchObject([{ code: "ERR_FILE" }]);
    }));

  test("closes the file when the client goes, at whatever moment", async () => {
    for (let at = 0; at < 60; at++) {
      await withFiles(
        sends(),
        function* ({ world, files }) {
          files.put(PATH, { size: LONG, read: (into) => void into.fill(0x61) }, THEN);
          const peer = world.connect(request("GET /"));
          // Finer than timers, and from the request on.
          world.simulation.host.schedule(0.2 + at * 0.05, () => peer.reset());
          yield* sleep(2 * SOON_MS);
          expect(files.statistics.open, `after ${at} steps`).toBe(0);
          expect(files.statistics.bytesRead).toBeLessThan(LONG);
          expect(world.errors).toEqual([]);
        },
        { seed: at },
      );
    }
  });

  test("holds one block for a client that does not read, and closes the file when its clock has run out", () =>
    withFiles(sends(), function* ({ world, files }) {
      files.put(PATH, { size: 2 ** 40, read: (into) => void into.fill(0x61) }, THEN);
      const peer = yield* world.ask(request("GET /"));
      peer.pause();
      yield* sleep(1_000);
      const { bytesRead } = files.statistics;
      const { bytesWritten } = serverSocket(peer);
      expect(bytesRead - bytesWritten).toBeLessThanOrEqual(FILE_BLOCK_BYTES);
      yield* sleep(20_000);
      expect(files.statistics).toMatchObject({ bytesRead, open: 1 });
      yield* sleep(60_000);
      expect(files.statistics.open).toBe(0);
    }));

  test("closes the file when its head cannot be sent, is for HEAD, or gets a status without a body", async () => {
    const broken: HttpHandler = (request) => file(request, PATH, { headers: { "x-own": "a\nb" } });
    const changed = function* (request: Parameters<HttpHandler>[0]): Steps<ReturnType<typeof text>> {
      return withHeaders(yield* file(request, PATH), { "x-own": "a\nb" });
    };
    for (const handler of [broken, changed]) {
      await withFiles(handler, function* ({ world, files, ask }) {
        files.put(PATH, pattern(LONG), THEN);
        expect((yield* ask("GET /")).status).toBe(500);
        expect((yield* ask("HEAD /")).status).toBe(500);
        expect(world.errors).toEqual([expect.any(UnsendableError), expect.any(UnsendableError)]);
      });
    }
  });

  test("answers over a disk that fails at random either whole or not at all", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      await withFiles(
        sends(),
        function* ({ world, files }) {
          const content = pattern(3 * FILE_BLOCK_BYTES);
          files.put(PATH, content, THEN);
          const peers = [request("GET /"), request("GET /", ["Range: bytes=1-9,99-999"])].map((sent) =>
            world.connect(sent),
          );
          yield* sleep(100);
          if (seed % 3 === 0) files.fail(PATH, "read", "EIO");
          peers.push(world.connect(request("GET /")));
          yield* sleep(2_000);
          for (const peer of peers) {
            const { final } = responsesOf(peer);
            for (const { status, body } of final)
              expect(status === 200 ? body === content : status === 206 || status === 500, `seed ${seed}`).toBe(true);
          }
        },
        { seed },
      );
    }
  });
});

describe("file in the worlds of others", () => {
  test("can be the last of several things a handler does", () =>
    withFiles(
      function* (request) {
        yield* sleep(1);
        if (request.path === "/none") return empty(204);
        return yield* file(request, PATH);
      },
      function* ({ files, ask }) {
        files.put(PATH, "hello", THEN);
        expect((yield* ask("GET /")).body).toBe("hello");
        expect((yield* ask("GET /none")).status).toBe(204);
      },
    ));
});
