// What a handler can ask a request: method, target, query, host, headers.

import { describe, expect, test } from "bun:test";
import { type HttpRequest, json } from "../../src/http/index.ts";
import { bodiesOf, request, withServer } from "./support.ts";

/** What `look` sees of each raw request. */
async function seen(look: (incoming: HttpRequest) => unknown, ...raw: string[]): Promise<unknown[]> {
  let all: unknown[] = [];
  await withServer(
    (incoming) => json({ seen: look(incoming) }),
    function* (world) {
      const peer = yield* world.ask(...raw.map((text) => Buffer.from(text, "latin1")));
      all = bodiesOf(peer).map(
        (body) => (JSON.parse(Buffer.from(body, "latin1").toString()) as { seen: unknown }).seen,
      );
      expect(world.errors).toEqual([]);
    },
  );
  return all;
}

describe("HttpRequest", () => {
  test("HttpRequest.method is the method as sent", async () => {
    const methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get", "M-SEARCH"];
    expect(await seen(({ method }) => method, ...methods.map((method) => request(`${method} /`)))).toEqual(methods);
  });

  test("HttpRequest.target, path and query come as sent, without scheme and host", async () => {
    const look = ({ target, path, query }: HttpRequest): unknown => [
      target,
      path,
      query.get("q"),
      query.getAll("r").length,
    ];
    const raw = [
      "/",
      "/a%20b//c?q=1%202&r=&r=2",
      "/?q",
      "/?",
      "//x/y",
      "http://h/p?q=3",
      "http://h?q=4",
      "http://h",
      "/a?b?q=5",
    ].map((target) => request(`GET ${target}`));
    expect(await seen(look, ...raw)).toEqual([
      ["/", "/", null, 0],
      ["/a%20b//c?q=1%202&r=&r=2", "/a%20b//c", "1 2", 2],
      ["/?q", "/", "", 0],
      ["/?", "/", null, 0],
      ["//x/y", "//x/y", null, 0],
      ["/p?q=3", "/p", "3", 0],
      ["/?q=4", "/", "4", 0],
      ["/", "/", null, 0],
      ["/a?b?q=5", "/a", null, 0],
    ]);
    expect(await seen(look, request("OPTIONS *"))).toEqual([["*", "*", null, 0]]);
  });

  test("HttpRequest.host is what was asked for: that of an absolute target before the Host field", async () => {
    const raw = [
      request("GET /", ["Host: example.org"]),
      request("GET /", ["Host: [::1]:8080"]),
      request("GET http://other:81/x", ["Host: example.org"]),
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ];
    expect(await seen(({ host }) => host, ...raw)).toEqual(["example.org", "[::1]:8080", "other:81", ""]);
  });

  test("HttpRequest.headers finds fields in any case, joins those of one name, and keeps their order", async () => {
    const raw = request("GET /", ["X-One: 1", "x-many: a", "X-MANY:  b, c ", "Empty:", "X-many: d", "Latin: \xe9"]);
    const look = ({ headers }: HttpRequest): unknown => ({
      one: [headers.get("x-one"), headers.get("X-ONE"), headers.has("X-one"), headers.getAll("x-One")],
      many: [headers.get("x-many"), headers.getAll("X-Many")],
      empty: [headers.get("empty"), headers.has("empty")],
      none: [headers.get("x-on"), headers.has("x-ones"), headers.getAll("nothing")],
      latin: headers.get("latin"),
      all: [...headers],
    });
    expect(await seen(look, raw)).toEqual([
      {
        one: ["1", "1", true, ["1"]],
        many: ["a, b, c, d", ["a", "b, c", "d"]],
        empty: ["", true],
        none: [null, false, []],
        latin: "\u00e9",
        all: [
          ["host", "example.org"],
          ["x-one", "1"],
          ["x-many", "a"],
          ["x-many", "b, c"],
          ["empty", ""],
          ["x-many", "d"],
          ["latin", "\u00e9"],
        ],
      },
    ]);
  });

  test("HttpRequest.headers and remoteAddress stay right for the second request of a connection", async () => {
    const look = ({ headers, remoteAddress }: HttpRequest): unknown => [
      headers.get("x-a"),
      headers.has("x-b"),
      remoteAddress,
    ];
    expect(await seen(look, request("GET /", ["X-A: 1", "X-B: 2"]) + request("GET /", ["X-A: 3"]))).toEqual([
      ["1", true, "127.0.0.1"],
      ["3", false, "127.0.0.1"],
    ]);
  });

  test("HttpRequest.hasBody tells whether a body follows", async () => {
    const raw = [
      request("GET /"),
      request("POST /", ["Content-Length: 0"]),
      request("POST /", ["Content-Length: 1"], "x"),
      request("POST /", ["Transfer-Encoding: chunked"], "0\r\n\r\n"),
    ];
    expect(await seen(({ hasBody }) => hasBody, ...raw)).toEqual([false, false, true, true]);
  });

  test("HttpRequest.params is empty without a router", async () => {
    expect(await seen(({ params }) => params, request("GET /"))).toEqual([{}]);
  });
});
