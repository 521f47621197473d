// Streamed replies: how their end is told, what happens when they go wrong, and that a client that does not read bounds them.

import { describe, expect, test } from "bun:test";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type BodyWriter, type Reply, stream, type StreamInit, text } from "../../src/http/index.ts";
import { CALM_NETWORK } from "../../src/sim/index.ts";
import { bodiesOf, request, responsesOf, withServer } from "./support.ts";

const abc = (init?: StreamInit): Reply =>
  stream(function* (writer) {
    for (const part of ["a", "", Buffer.from("bb"), "ccc"]) yield* writer.write(part);
  }, init);

describe("stream", () => {
  test("stream sends a body of unknown length in chunks, and the connection goes on", () =>
    withServer(
      () => abc(),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        expect(peer.text).toContain(
          "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbb\r\n3\r\nccc\r\n0\r\n\r\nHTTP/1.1 200",
        );
        expect(bodiesOf(peer)).toEqual(["abbccc", "abbccc"]);
        expect(responsesOf(peer).all[0]?.headers.get("content-length")).toBeUndefined();
      },
    ));

  test("stream sends a body of known length as it comes", () =>
    withServer(
      () => abc({ length: 6, type: "text/x", status: 203, headers: { "x-a": "b" } }),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        const { final, rest } = responsesOf(peer);
        expect([final.map(({ body, status }) => [status, body]), rest]).toEqual([
          [
            [203, "abbccc"],
            [203, "abbccc"],
          ],
          "",
        ]);
        expect(final[0]?.headers.get("content-length")).toBe("6");
        expect(final[0]?.headers.get("content-type")).toBe("text/x");
      },
    ));

  test("stream ends a body of unknown length to an HTTP/1.0 client with the connection, even if that asked to keep it", () =>
    withServer(
      () => abc(),
      function* (world) {
        const peer = yield* world.ask(request("GET / HTTP/1.0", ["Connection: keep-alive"]));
        const [response] = responsesOf(peer).all;
        expect(response?.body).toBe("abbccc");
        expect(response?.headers.has("transfer-encoding")).toBe(false);
        expect(response?.headers.get("connection")).toBe("close");
        expect([peer.ended, peer.wasReset]).toEqual([true, false]);
      },
    ));

  test("stream keeps an HTTP/1.0 connection when the length is known", () =>
    withServer(
      () => abc({ length: 6 }),
      function* (world) {
        const peer = yield* world.ask(request("GET / HTTP/1.0", ["Connection: keep-alive"]).repeat(2));
        expect(bodiesOf(peer)).toEqual(["abbccc", "abbccc"]);
      },
    ));

  test("stream does not run its body for HEAD", () => {
    let runs = 0;
    const counted = (init?: StreamInit): Reply =>
      stream(function* (writer) {
        runs++;
        yield* writer.write("x");
      }, init);
    return withServer(
      ({ target }) => (target === "/known" ? counted({ length: 1 }) : counted()),
      function* (world) {
        const peer = yield* world.ask(request("HEAD /") + request("HEAD /known"));
        const { final, rest } = responsesOf(peer, "HEAD", "HEAD");
        expect([runs, rest]).toEqual([0, ""]);
        expect(final.map(({ headers }) => [headers.get("content-length"), headers.get("transfer-encoding")])).toEqual([
          [undefined, undefined],
          ["1", undefined],
        ]);
      },
    );
  });

  test("stream sends no body with 204", () =>
    withServer(
      () => abc({ status: 204 }),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        expect(responsesOf(peer)).toMatchObject({ statuses: [204, 204], rest: "" });
        expect(responsesOf(peer).final[0]?.headers.has("transfer-encoding")).toBe(false);
      },
    ));

  test("stream sends its head at once, and each part at the end of its pass", () =>
    withServer(
      () =>
        stream(function* (writer) {
          yield* sleep(100);
          yield* writer.write("late");
          yield* sleep(100);
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect(peer.text).toEndWith("\r\n\r\n");
        yield* sleep(100);
        expect(peer.text).toEndWith("4\r\nlate\r\n");
        yield* sleep(100);
        expect(bodiesOf(peer)).toEqual(["late"]);
      },
    ));
});

describe("stream when the body is not what it should be", () => {
  test("stream refuses a write beyond the announced length, and cuts the connection behind what was announced", () =>
    withServer(
      () =>
        stream(
          function* (writer) {
            yield* writer.write("abc");
            yield* writer.write("de");
          },
          { length: 4 },
        ),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        expect(responsesOf(peer)).toMatchObject({ statuses: [], rest: expect.stringMatching(/abc$/) as string });
        expect(world.errors).toMatchObject([
          { code: "ERR_HTTP_BODY_LENGTH", message: "Cannot write the body: it is 1 bytes longer than announced" },
        ]);
        expect(peer.ended).toBe(true);
      },
    ));

  test("stream cuts the connection when it writes less than it announced", () =>
    withServer(
      () => abc({ length: 7 }),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        expect(responsesOf(peer).statuses).toEqual([]);
        expect(world.errors).toMatchObject([
          { message: "Cannot end the body: 1 bytes that were announced are missing" },
        ]);
        expect(peer.ended).toBe(true);
      },
    ));

  test("stream counts a write that was cancelled as not written", () =>
    withServer(
      () =>
        stream(
          function* (writer) {
            yield* writer.write("x".repeat(100_000));
            yield* moveOnAfter(10, writer.write("never"));
          },
          { length: 100_005 },
        ),
      function* (world) {
        const peer = world.connect(request("GET /"));
        peer.pause();
        yield* sleep(1_000);
        peer.resume();
        yield* sleep(1_000);
        expect(responsesOf(peer).statuses).toEqual([]);
        expect(world.errors).toMatchObject([
          { message: "Cannot end the body: 5 bytes that were announced are missing" },
        ]);
      },
      { network: { ...CALM_NETWORK, sendBufferBytes: [1_000, 1_000], receiveBufferBytes: 1_000 } },
    ));

  test("stream that throws midway cuts the connection, and leaves alone the answers before it", () =>
    withServer(
      ({ target }) =>
        target === "/"
          ? text("fine")
          : stream(function* (writer) {
              yield* writer.write("half");
              throw new Error("secret");
            }),
      function* (world) {
        const peer = yield* world.ask(request("GET /") + request("GET /throws") + request("GET /"));
        const { final, rest } = responsesOf(peer);
        expect(final.map(({ body }) => body)).toEqual(["fine"]);
        expect(rest).toEndWith("\r\n\r\n4\r\nhalf\r\n");
        expect([peer.ended, world.errors.map(String)]).toEqual([true, ["Error: secret"]]);
      },
    ));

  test("stream that throws midway resets an HTTP/1.0 client, which could not tell the end otherwise", () =>
    withServer(
      () =>
        stream(function* (writer) {
          yield* writer.write("half");
          yield* sleep(50);
          throw new Error("secret");
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET / HTTP/1.0"));
        yield* sleep(100);
        expect(peer.text).toEndWith("half");
        expect(peer.wasReset).toBe(true);
      },
    ));

  test("BodyWriter.write after the end of the reply throws and never lands in the next one", () => {
    let writer: BodyWriter | undefined;
    return withServer(
      ({ target }) =>
        target === "/first"
          ? stream(function* (given) {
              writer = given;
              yield* given.write("first");
            })
          : stream(function* (own) {
              yield* own.write("second ");
              yield* (writer as BodyWriter).write("intruder");
            }),
      function* (world) {
        const peer = yield* world.ask(request("GET /first") + request("GET /second"));
        expect(bodiesOf(peer)).toEqual(["first"]);
        expect(peer.text).not.toContain("intruder");
        expect(world.errors).toMatchObject([{ code: "ERR_HTTP_REQUEST_OVER" }]);
      },
    );
  });
});
