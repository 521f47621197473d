// Limits of request bodies: the server's, a route's, a request's own. What passes one gets 413 and is never read past.

import { describe, expect, test } from "bun:test";
import { type HttpHandler, type HttpRequest, router, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, withServer } from "./support.ts";

const CHUNKED = ["Transfer-Encoding: chunked"];
const lengthOf = (body: string): string[] => [`Content-Length: ${body.length}`];
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

function* echo(incoming: HttpRequest) {
  return text(yield* incoming.text());
}

describe("serveHttp's body limit", () => {
  for (const [name, fields, body] of [
    ["a length", ["Content-Length: 11"], "12345678901"],
    ["chunks", CHUNKED, `${chunk("12345678901")}0\r\n\r\n`],
    ["chunks that pass it together", CHUNKED, `${chunk("123456789")}${chunk("01")}0\r\n\r\n`],
  ] as const) {
    test(`serveHttp answers a body over the limit with ${name} with 413 and closes`, () =>
      withServer(
        echo,
        function* (world) {
          const peer = yield* world.ask(request("POST /", fields, body) + request("GET /next"));
          expect(responsesOf(peer).statuses).toEqual([413]);
          expect(responsesOf(peer).all[0]?.headers.get("connection")).toBe("close");
          expect([peer.ended, world.errors]).toEqual([true, []]);
          expect(world.rejections).toMatchObject([{ status: 413, code: "ERR_HTTP_BODY_TOO_LARGE" }]);
        },
        { bodyBytesMax: 10 },
      ));
  }

  test("serveHttp accepts a body of exactly the limit", () =>
    withServer(
      echo,
      function* (world) {
        const peer = yield* world.ask(
          request("POST /", lengthOf("1234567890"), "1234567890"),
          request("POST /", CHUNKED, `${chunk("1234567890")}0\r\n\r\n`),
        );
        expect(bodiesOf(peer)).toEqual(["1234567890", "1234567890"]);
      },
      { bodyBytesMax: 10 },
    ));

  test("router's route limit and HttpRequest.limitBody replace the server's, Infinity for none", () => {
    const unlimited: HttpHandler = (incoming) => {
      incoming.limitBody(Number.POSITIVE_INFINITY);
      return echo(incoming);
    };
    return withServer(
      router([
        ["POST", "/small", echo, { bodyBytesMax: 2 }],
        ["POST", "/large", echo, { bodyBytesMax: 100 }],
        ["POST", "/any", unlimited],
      ]),
      function* (world) {
        for (const [path, body, status] of [
          ["/small", "123", 413],
          ["/large", "x".repeat(100), 200],
          ["/large", "x".repeat(101), 413],
          ["/any", "x".repeat(100_000), 200],
        ] as const) {
          const sized = yield* world.ask(request(`POST ${path}`, lengthOf(body), body));
          const chunked = yield* world.ask(request(`POST ${path}`, CHUNKED, `${chunk(body)}0\r\n\r\n`));
          expect([path, responsesOf(sized).statuses, responsesOf(chunked).statuses]).toEqual([
            path,
            [status],
            [status],
          ]);
        }
      },
      { bodyBytesMax: 10 },
    );
  });

  test("HttpRequest.limitBody refuses what is no limit", () =>
    withServer(
      (incoming) => {
        for (const limit of [Number.NaN, -1]) expect(() => incoming.limitBody(limit)).toThrow(RangeError);
        return text("ok");
      },
      function* (world) {
        expect(bodiesOf(yield* world.ask(request("GET /")))).toEqual(["ok"]);
      },
    ));

  for (const [name, fields, body] of [
    ["a length", ["Content-Length: 11"], "12345678901"],
    ["chunks", CHUNKED, `${chunk("12345678901")}0\r\n\r\n`],
  ] as const) {
    test(`serveHttp gives a handler that catches the rejection of a body with ${name} neither the body nor another answer`, () => {
      const caught: string[] = [];
      return withServer(
        function* (incoming) {
          for (let i = 0; i < 3; i++) {
            try {
              yield* incoming.read();
            } catch (error) {
              caught.push((error as { code: string }).code);
            }
          }
          return text("all is well");
        },
        function* (world) {
          const peer = yield* world.ask(request("POST /", fields, body) + request("GET /next"));
          expect(responsesOf(peer).statuses).toEqual([413]);
          expect(caught).toEqual(new Array(3).fill("ERR_HTTP_BODY_TOO_LARGE"));
          expect(world.rejections).toHaveLength(1);
        },
        { bodyBytesMax: 10 },
      );
    });
  }
});
