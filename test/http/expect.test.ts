// Expect: 100-continue. The client holds its body back until it is asked for: by the first read, and by nothing else.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpRequest, stream, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

const HEAD = request("POST /", ["Content-Length: 4", "Expect: 100-continue"]);
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

function* echo(incoming: HttpRequest) {
  return text(yield* incoming.text());
}

/** Echoes while it reads: the head of the answer comes before the body is read, if nobody takes care. */
const streamedEcho = (incoming: HttpRequest) =>
  stream(function* (writer) {
    for (let data: Uint8Array | null; (data = yield* incoming.read()) !== null;) yield* writer.write(data);
  });

describe("serveHttp with Expect: 100-continue", () => {
  test("serveHttp sends 100 at the first read, once, and goes on", () =>
    withServer(echo, function* (world) {
      const peer = yield* world.ask(HEAD);
      expect(peer.text).toBe(CONTINUE);
      peer.send("bo");
      yield* sleep(SOON_MS);
      expect(peer.text).toBe(CONTINUE);
      peer.send(`dy${HEAD}`);
      yield* sleep(SOON_MS);
      peer.send("more");
      yield* sleep(SOON_MS);
      expect(responsesOf(peer).statuses).toEqual([100, 200, 100, 200]);
      expect(bodiesOf(peer)).toEqual(["body", "more"]);
    }));

  test("serveHttp sends no 100 before the handler reads", () =>
    withServer(
      function* (incoming) {
        yield* sleep(500);
        return yield* echo(incoming);
      },
      function* (world) {
        const peer = yield* world.ask(HEAD);
        expect(peer.text).toBe("");
        yield* sleep(500);
        expect(peer.text).toBe(CONTINUE);
      },
    ));

  test("serveHttp sends no 100 for a handler that does not read, and closes, as nobody knows whether the body comes", () =>
    withServer(
      () => text("no, thanks", { status: 403 }),
      function* (world) {
        const peer = yield* world.ask(HEAD);
        const { statuses, all } = responsesOf(peer);
        expect([statuses, all[0]?.headers.get("connection"), peer.ended]).toEqual([[403], "close", true]);
        peer.send(`body${request("GET /smuggled")}`);
        yield* sleep(SOON_MS);
        expect(responsesOf(peer).statuses).toEqual([403]);
      },
    ));

  test("serveHttp sends no 100 for a handler that fails before it reads", () =>
    withServer(
      () => {
        throw new Error("secret");
      },
      function* (world) {
        const peer = yield* world.ask(HEAD);
        expect([responsesOf(peer).statuses, peer.ended]).toEqual([[500], true]);
      },
    ));

  test("serveHttp refuses a body over the limit without asking for it", () =>
    withServer(
      echo,
      function* (world) {
        const peer = yield* world.ask(HEAD);
        expect([responsesOf(peer).statuses, peer.ended]).toEqual([[413], true]);
      },
      { bodyBytesMax: 3 },
    ));

  test("serveHttp asks a client for its body before the head of a stream that reads it", () =>
    withServer(streamedEcho, function* (world) {
      const peer = yield* world.ask(HEAD);
      expect(peer.text).toBe(CONTINUE);
      peer.send(`body${HEAD}`);
      yield* sleep(SOON_MS);
      peer.send("next");
      yield* sleep(SOON_MS);
      expect(responsesOf(peer).statuses).toEqual([100, 200, 100, 200]);
      expect(bodiesOf(peer)).toEqual(["body", "next"]);
    }));

  test("serveHttp sends no 100 for a stream that writes before it reads, nor for one that does neither", () =>
    withServer(
      ({ target }) =>
        stream(function* (writer) {
          if (target === "/write") yield* writer.write("first");
          if (target === "/flush") yield* writer.flush();
        }),
      function* (world) {
        for (const target of ["/write", "/flush", "/nothing"]) {
          const peer = yield* world.ask(HEAD.replace("POST /", `POST ${target}`));
          expect([responsesOf(peer).statuses, responsesOf(peer).all[0]?.headers.get("connection")]).toEqual([
            [200],
            "close",
          ]);
          expect(peer.ended).toBe(true);
        }
      },
    ));

  test("serveHttp gives 500 when the late head of such a stream cannot be sent", () =>
    withServer(
      () =>
        stream(
          function* (writer) {
            yield* writer.write("x");
          },
          { headers: { "x-bad": "a\r\nb: c" } },
        ),
      function* (world) {
        expect(responsesOf(yield* world.ask(HEAD)).statuses).toEqual([500]);
      },
    ));

  test("serveHttp sends no 100 to HTTP/1.0, nor without a body", () =>
    withServer(echo, function* (world) {
      const old = yield* world.ask(request("POST / HTTP/1.0", ["Content-Length: 4", "Expect: 100-continue"], "body"));
      const bodiless = yield* world.ask(request("GET /", ["Expect: 100-continue"]));
      expect([responsesOf(old).statuses, responsesOf(bodiless).statuses]).toEqual([[200], [200]]);
      expect(bodiesOf(old)).toEqual(["body"]);
    }));

  test("serveHttp refuses an expectation that it does not know", () =>
    withServer(echo, function* (world) {
      const peer = yield* world.ask(request("GET /", ["Expect: tea"]));
      expect([responsesOf(peer).statuses, peer.ended]).toEqual([[417], true]);
    }));
});
