// Trailers of a request, as a handler gets them.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpHandler, json } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, withServer } from "./support.ts";

const CHUNKED = ["Transfer-Encoding: chunked", "Trailer: X-Sum"];
const body = (trailers: string): string => `3\r\nabc\r\n0\r\n${trailers}\r\n`;

const handler: HttpHandler = function* (incoming) {
  const before = [...incoming.trailers];
  const content = yield* incoming.text();
  const { trailers } = incoming;
  return json([before, content, [...trailers], trailers.get("X-SUM"), trailers.has("x-none")]);
};

describe("HttpRequest.trailers", () => {
  test("HttpRequest.trailers holds the fields behind the body once that was read, and not before", () =>
    withServer(handler, function* (world) {
      const sent = request("POST /", CHUNKED, body("X-Sum: \t 12 3 \t\r\nx-sum:45\r\nX-Empty:\r\n"));
      const peer = yield* world.ask(sent + request("POST /", CHUNKED, body("")));
      const fields = [
        ["x-sum", "12 3"],
        ["x-sum", "45"],
        ["x-empty", ""],
      ];
      expect(bodiesOf(peer).map((text) => JSON.parse(text))).toEqual([
        [[], "abc", fields, "12 3, 45", false],
        [[], "abc", [], null, false],
      ]);
    }));

  test("HttpRequest.trailers come whole when each byte comes alone", () =>
    withServer(handler, function* (world) {
      const peer = world.connect();
      for (const byte of request("POST /", CHUNKED, body("X-Sum: 6\r\n"))) {
        peer.send(byte);
        yield* sleep(1);
      }
      expect(JSON.parse(bodiesOf(peer)[0] ?? "")).toEqual([[], "abc", [["x-sum", "6"]], "6", false]);
    }));

  test("HttpRequest.trailers never join the headers", () =>
    withServer(
      function* (incoming) {
        yield* incoming.bytes();
        return json([incoming.headers.get("x-sum"), incoming.headers.get("authorization")]);
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /", CHUNKED, body("X-Sum: 6\r\nAuthorization: Basic x\r\n")));
        expect(bodiesOf(peer)).toEqual(["[null,null]"]);
      },
    ));

  test("HttpRequest.trailers are read up to the limit to the byte, and one more is 431", () =>
    withServer(
      function* (incoming) {
        yield* incoming.bytes();
        return json(incoming.trailers.get("x")?.length);
      },
      function* (world) {
        const line = (bytes: number): string => `x:${"v".repeat(bytes - 4)}\r\n`;
        const fits = yield* world.ask(request("POST /", CHUNKED, body(line(64))));
        const over = yield* world.ask(request("POST /", CHUNKED, body(line(65))));
        expect([bodiesOf(fits), responsesOf(over).statuses]).toEqual([["60"], [431]]);
      },
      { trailerBytesMax: 64 },
    ));
});
