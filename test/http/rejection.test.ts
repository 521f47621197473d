// Requests that break a rule: each gets its status, then the connection closes, and nothing behind the fault is ever a request.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpHandler, text } from "../../src/http/index.ts";
import { request, responsesOf, SOON_MS, withServer } from "./support.ts";

const CHUNKED = ["Transfer-Encoding: chunked"];
const SMUGGLED = request("GET /smuggled");

/** Name, request, status. Behind each a second request follows. */
const FAULTS: readonly [name: string, raw: string, status: number][] = [
  ["no method", " / HTTP/1.1\r\n\r\n", 400],
  ["a byte that is none of a method's", request("GE\x00T /"), 400],
  ["a method without end", request(`${"M".repeat(40)} /`), 501],
  ["two spaces in the request line", request("GET  / HTTP/1.1"), 400],
  ["no version", "GET /\r\nHost: a\r\n\r\n", 400],
  ["another protocol", "GET / HTTQ/1.1\r\nHost: a\r\n\r\n", 400],
  ["HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
  ["a bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400],
  ["a bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400],
  ["a bare CR in a field", request("GET /", ["X: a\rb"]), 400],
  ["a NUL in a field", request("GET /", ["X: a\x00b"]), 400],
  ["a space before a colon", request("GET /", ["X : a"]), 400],
  ["a folded line", request("GET /", ["X: a", " b"]), 400],
  ["a field without a colon", request("GET /", ["X"]), 400],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["two Hosts", request("GET /", ["Host: a", "Host: a"]), 400],
  ["a Host that is none", request("GET /", ["Host: a b"]), 400],
  ["a target without a slash", request("GET foo"), 400],
  ["a fragment", request("GET /a#b"), 400],
  ["CONNECT", request("CONNECT a:443"), 501],
  ["TRACE", request("TRACE /"), 501],
  ["* for GET", request("GET *"), 400],
  ["a target that is too long", request(`GET /${"a".repeat(8_192)}`), 414],
  ["a head that is too large", request("GET /", [`X: ${"a".repeat(16_384)}`]), 431],
  ["too many fields", request("GET /", new Array<string>(101).fill("X: a")), 431],
  ["two lengths", request("POST /", ["Content-Length: 4", "Content-Length: 4"], "body"), 400],
  ["a length with a sign", request("POST /", ["Content-Length: +4"], "body"), 400],
  ["a length that is a list", request("POST /", ["Content-Length: 4, 4"], "body"), 400],
  ["a length beyond all numbers", request("POST /", ["Content-Length: 99999999999999999999"], "body"), 413],
  ["a length beside chunks", request("POST /", ["Content-Length: 4", ...CHUNKED], "0\r\n\r\n"), 400],
  ["chunks in HTTP/1.0", request("POST / HTTP/1.0", CHUNKED, "0\r\n\r\n"), 400],
  ["an unknown coding", request("POST /", ["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"), 501],
  ["chunked not last", request("POST /", ["Transfer-Encoding: chunked, gzip"], "0\r\n\r\n"), 400],
  ["a coding that looks like chunked", request("POST /", ["Transfer-Encoding: xchunked"], "0\r\n\r\n"), 400],
  ["a chunk size that is none", request("POST /", CHUNKED, "zz\r\n"), 400],
  ["a chunk size with 0x", request("POST /", CHUNKED, "0x4\r\nbody\r\n0\r\n\r\n"), 400],
  ["a chunk longer than its size", request("POST /", CHUNKED, "3\r\nbody\r\n0\r\n\r\n"), 400],
  ["a bare LF behind a chunk size", request("POST /", CHUNKED, "4\nbody\r\n0\r\n\r\n"), 400],
  ["a chunk size beyond all numbers", request("POST /", CHUNKED, "fffffffffffffffff\r\n"), 413],
  ["a chunk extension that is none", request("POST /", CHUNKED, "4;=\r\nbody\r\n0\r\n\r\n"), 400],
  ["too many chunk extensions", request("POST /", CHUNKED, `4;${"x".repeat(17_000)}\r\nbody\r\n0\r\n\r\n`), 413],
  ["a faulty trailer", request("POST /", CHUNKED, "0\r\nX y\r\n\r\n"), 400],
  ["a trailer section that is too large", request("POST /", CHUNKED, `0\r\nX: ${"y".repeat(17_000)}\r\n\r\n`), 431],
];

/** Reads every body and notes each request; a request for /smuggled must never get here. */
function recorder(): { seen: string[]; handler: HttpHandler } {
  const seen: string[] = [];
  const handler: HttpHandler = function* (incoming) {
    seen.push(incoming.target);
    yield* incoming.bytes();
    return text("ok");
  };
  return { seen, handler };
}

describe("serveHttp with a faulty request", () => {
  for (const [name, raw, status] of FAULTS) {
    test(`serveHttp answers ${name} with ${status}, closes, and parses nothing behind it`, () => {
      const { seen, handler } = recorder();
      return withServer(handler, function* (world) {
        const peer = yield* world.ask(raw, SMUGGLED);
        const { statuses, rest, all } = responsesOf(peer);
        expect([statuses, rest, all[0]?.headers.get("connection")]).toEqual([[status], "", "close"]);
        expect(seen).not.toContain("/smuggled");
        expect(world.rejections.map((rejection) => rejection.status as number)).toEqual([status]);
        expect([peer.ended, peer.wasReset, world.errors]).toEqual([true, false, []]);
      });
    });
  }

  test("serveHttp answers a faulty request behind good ones, after their answers", () => {
    const { seen, handler } = recorder();
    return withServer(handler, function* (world) {
      for (const [name, raw, status] of FAULTS) {
        const peer = yield* world.ask(request("GET /good").repeat(2), raw, SMUGGLED);
        expect([name, responsesOf(peer).statuses]).toEqual([name, [200, 200, status]]);
      }
      expect(seen).not.toContain("/smuggled");
    });
  });

  test("serveHttp answers a faulty request behind a HEAD with a body", () =>
    withServer(
      () => text("ok"),
      function* (world) {
        const peer = yield* world.ask(`${request("HEAD /")}\x00`);
        expect(responsesOf(peer, "HEAD", "GET")).toMatchObject({ statuses: [200, 400], rest: "" });
        expect(responsesOf(peer, "HEAD", "GET").final[1]?.body).toBe("400 Bad Request\n");
      },
    ));

  test("serveHttp answers a faulty HEAD without a body", () =>
    withServer(
      () => text("ok"),
      function* (world) {
        const peer = yield* world.ask(request("HEAD /", ["X y"]));
        expect(responsesOf(peer, "HEAD")).toMatchObject({ statuses: [400], rest: "" });
      },
    ));

  test("serveHttp answers alike when each byte comes alone", () => {
    const { seen, handler } = recorder();
    return withServer(handler, function* (world) {
      for (const [name, raw, status] of FAULTS.filter(([, { length }]) => length < 500)) {
        const peer = world.connect();
        for (const byte of raw + SMUGGLED) {
          peer.send(Buffer.from(byte, "latin1"));
          yield* sleep(0.25);
        }
        yield* sleep(SOON_MS);
        expect([name, responsesOf(peer).statuses, peer.wasReset]).toEqual([name, [status], false]);
      }
      expect(seen).not.toContain("/smuggled");
    });
  });

  test("serveHttp lets a client that goes on sending get its answer", () =>
    withServer(
      () => text("ok"),
      function* (world) {
        const peer = yield* world.ask("BAD\r\n\r\n");
        for (let i = 0; i < 50; i++) {
          peer.send(new Uint8Array(10_000));
          yield* sleep(20);
        }
        expect([responsesOf(peer).statuses, peer.wasReset, peer.closed]).toEqual([[400], false, false]);
        // It does not wait for ever: a client that keeps its side open is closed on.
        yield* sleep(10_000);
        expect(world.simulation.scheduler.lingering.size).toBe(0);
      },
    ));

  test("serveHttp tells onRejection of a fault behind an answer, and sends no second one", () =>
    withServer(
      () => text("early"),
      function* (world) {
        const peer = yield* world.ask(request("POST /", CHUNKED, "4\r\nbodyX"), SMUGGLED);
        expect([responsesOf(peer).statuses, peer.ended]).toEqual([[200], true]);
        expect(world.rejections).toMatchObject([{ status: 400, code: "ERR_HTTP_CHUNK" }]);
      },
    ));

  test("serveHttp keeps to limits of its own", () =>
    withServer(
      () => text("ok"),
      function* (world) {
        const asked: [string, number][] = [
          [request("GET /12345678"), 200],
          [request("GET /123456789"), 414],
          [request("GET /", ["A: b", "C: d"]), 200],
          [request("GET /", ["A: b", "C: d", "E: f"]), 431],
          [request("GET /", [`A: ${"x".repeat(100)}`]), 431],
        ];
        for (const [raw, status] of asked) expect(responsesOf(yield* world.ask(raw)).statuses).toEqual([status]);
      },
      { targetBytesMax: 9, fieldsMax: 3, headBytesMax: 100 },
    ));
});
