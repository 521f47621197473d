// Routing: which handler, which parameters, and what is said to a path or method that has none.

import { describe, expect, test } from "bun:test";
import { type HttpHandler, type Route, router, serveHttp, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, withServer } from "./support.ts";

const named =
  (name: string): HttpHandler =>
  ({ params }) =>
    text(`${name} ${JSON.stringify(params)}`);

const ROUTES: readonly Route[] = [
  ["GET", "/", named("root")],
  ["GET", "/users/:id", named("user")],
  ["DELETE", "/users/:id", named("delete")],
  ["GET", "/users/me", named("me")],
  ["GET", "/files/**:path", named("file")],
  ["POST", "/only-post", named("post")],
  ["HEAD", "/own-head", named("own head")],
  ["GET", "/own-head", named("own get")],
  ["M-SEARCH", "/odd", named("odd")],
];

/** Status, body and Allow of the answer to each request line. */
async function answers(lines: readonly string[], routes = ROUTES): Promise<[number, string, string | undefined][]> {
  const all: [number, string, string | undefined][] = [];
  await withServer(router(routes), function* (world) {
    for (const line of lines) {
      const peer = yield* world.ask(request(line));
      const [method = ""] = line.split(" ");
      const { final, rest } = responsesOf(peer, method);
      expect([line, final.length, rest]).toEqual([line, 1, ""]);
      for (const { status, body, headers } of final) all.push([status, body, headers.get("allow")]);
    }
    expect(world.errors).toEqual([]);
  });
  return all;
}

describe("router", () => {
  test("router finds the handler by method and path and gives it the parameters", async () => {
    const lines = [
      "GET /",
      "GET /users/7",
      "GET /users/7?a=/b",
      "DELETE /users/a%20b",
      "GET /users/me",
      "GET /files/a/b.txt",
      "M-SEARCH /odd",
      "GET http://other/users/8",
    ];
    expect((await answers(lines)).map(([, body]) => body)).toEqual([
      "root {}",
      'user {"id":"7"}',
      'user {"id":"7"}',
      'delete {"id":"a b"}',
      "me {}",
      'file {"path":"a/b.txt"}',
      "odd {}",
      'user {"id":"8"}',
    ]);
  });

  test("router decodes parameters, and leaves one that cannot be decoded as it was sent", async () => {
    const asked: [path: string, params: object][] = [
      ["/pair/a%20b/%C3%A9", { first: "a b", second: "é" }],
      ["/pair/a%2Fb/%252F", { first: "a/b", second: "%2F" }],
      ["/pair/%/%20", { first: "%", second: " " }],
      ["/pair/%zz/%C3", { first: "%zz", second: "%C3" }],
      ["/pair/a+b/%2", { first: "a+b", second: "%2" }],
      ["/files/a%20b/%63", { path: "a b/c" }],
      ["/files/a%20b/%FF", { path: "a%20b/%FF" }],
    ];
    const seen: object[] = [];
    const note: HttpHandler = ({ params }) => {
      seen.push({ ...params });
      return text("ok");
    };
    const routes: readonly Route[] = [
      ["GET", "/pair/:first/:second", note],
      ["GET", "/files/**:path", note],
    ];
    await answers(
      asked.map(([path]) => `GET ${path}`),
      routes,
    );
    expect(seen).toEqual(asked.map(([, params]) => params));
  });

  test("router takes the most specific route, whatever the order", async () => {
    const routes: readonly Route[] = [
      ["GET", "/**", named("wildcard")],
      ["GET", "/:a/:b", named("parameters")],
      ["GET", "/:a/x", named("parameter first")],
      ["GET", "/x/:b", named("literal first")],
      ["GET", "/x/x", named("literals")],
    ];
    const lines = ["/x/x", "/x/y", "/y/x", "/y/y", "/x", "/x/y/z"];
    for (const order of [routes, routes.toReversed()]) {
      const bodies = (
        await answers(
          lines.map((path) => `GET ${path}`),
          order,
        )
      ).map(([, body]) => body.split(" {")[0]);
      expect(bodies).toEqual(["literals", "literal first", "parameter first", "parameters", "wildcard", "wildcard"]);
    }
  });

  test("router answers a path that it does not know with 404", async () => {
    const lines = [
      "GET /nothing",
      "POST /nothing",
      "HEAD /nothing",
      "GET /users",
      "GET /users/7/x",
      "GET /__proto__",
      "GET /constructor",
      "OPTIONS /nothing",
      "__proto__ /nothing",
    ];
    for (const [status, , allow] of await answers(lines)) expect([status, allow]).toEqual([404, undefined]);
  });

  test("router answers a method that a path does not have with 405 and Allow", async () => {
    expect(
      await answers([
        "POST /",
        "PUT /users/7",
        "GET /only-post",
        "HEAD /only-post",
        "POST /own-head",
        "toString /",
        "get /",
      ]),
    ).toEqual([
      [405, "Method Not Allowed\n", "GET, HEAD, OPTIONS"],
      [405, "Method Not Allowed\n", "GET, HEAD, DELETE, OPTIONS"],
      [405, "Method Not Allowed\n", "POST, OPTIONS"],
      [405, "", "POST, OPTIONS"],
      [405, "Method Not Allowed\n", "GET, HEAD, OPTIONS"],
      [405, "Method Not Allowed\n", "GET, HEAD, OPTIONS"],
      [405, "Method Not Allowed\n", "GET, HEAD, OPTIONS"],
    ]);
  });

  test("router gives HEAD to GET's handler unless it has one of its own", () =>
    withServer(router([...ROUTES]), function* (world) {
      const peer = yield* world.ask(request("HEAD /users/7") + request("HEAD /own-head"));
      const { final, rest } = responsesOf(peer, "HEAD", "HEAD");
      expect([rest, final.map(({ headers }) => headers.get("content-length"))]).toEqual([
        "",
        [`${'user {"id":"7"}'.length}`, `${"own head {}".length}`],
      ]);
    }));

  test("router shows a 405 to the server's onRejection", () =>
    withServer(router(ROUTES), function* (world) {
      yield* world.ask(request("POST /") + request("GET /nothing") + request("OPTIONS /"));
      expect(world.rejections.map(({ status, code }) => [status, code])).toEqual([
        [405, "ERR_HTTP_METHOD_NOT_ALLOWED"],
      ]);
    }));

  test("router gives HEAD to the most specific route, be it for HEAD or for GET", async () => {
    const seen: string[] = [];
    const note =
      (name: string): HttpHandler =>
      () => {
        seen.push(name);
        return text("");
      };
    const routes: readonly Route[] = [
      ["GET", "/a/:x", note("GET /a/:x")],
      ["HEAD", "/a/b", note("HEAD /a/b")],
      ["HEAD", "/c/:x", note("HEAD /c/:x")],
      ["GET", "/c/d", note("GET /c/d")],
      ["GET", "/e/:x", note("GET /e/:x")],
      ["HEAD", "/e/:y", note("HEAD /e/:y")],
      ["HEAD", "/f", note("HEAD /f")],
      ["GET", "/f", note("GET /f")],
      ["*", "/**", note("* /**")],
      ["*", "/g", note("* /g")],
      ["GET", "/g", note("GET /g")],
    ];
    const paths = ["/a/b", "/a/x", "/c/d", "/c/x", "/e/x", "/f", "/g", "/other"];
    for (const order of [routes, routes.toReversed()]) {
      seen.length = 0;
      await answers(
        paths.map((path) => `HEAD ${path}`),
        order,
      );
      expect(seen).toEqual([
        "HEAD /a/b",
        "GET /a/:x",
        "GET /c/d",
        "HEAD /c/:x",
        "HEAD /e/:y",
        "HEAD /f",
        "GET /g",
        "* /**",
      ]);
    }
  });

  test("router takes several methods in one route, and * for all", async () => {
    const routes: readonly Route[] = [
      [["PUT", "PATCH"], "/two", named("two")],
      ["*", "/any", named("any")],
      ["POST", "/any", named("post")],
      ["*", "/any/:x", named("any x")],
    ];
    const lines = ["PUT /two", "PATCH /two", "GET /two", "GET /any", "POST /any", "FOO /any", "OPTIONS /any/1"];
    expect(await answers(lines, routes)).toEqual([
      [200, "two {}", undefined],
      [200, "two {}", undefined],
      [405, "Method Not Allowed\n", "PUT, PATCH, OPTIONS"],
      [200, "any {}", undefined],
      [200, "post {}", undefined],
      [200, "any {}", undefined],
      [200, 'any x {"x":"1"}', undefined],
    ]);
  });

  test("router answers OPTIONS with Allow, unless there is a route for it", async () => {
    const own: Route = ["OPTIONS", "/own/**", named("own")];
    expect(await answers(["OPTIONS /", "OPTIONS /users/7", "OPTIONS /own/x", "GET /own/x"], [...ROUTES, own])).toEqual([
      [204, "", "GET, HEAD, OPTIONS"],
      [204, "", "GET, HEAD, DELETE, OPTIONS"],
      [200, 'own {"0":"x","_":"x"}', undefined],
      [405, "Method Not Allowed\n", "OPTIONS"],
    ]);
  });

  test("router answers OPTIONS * for all of its routes, whatever they match", async () => {
    const all = "GET, HEAD, DELETE, POST, M-SEARCH, OPTIONS";
    expect(await answers(["OPTIONS *"])).toEqual([[204, "", all]]);
    const anywhere = (method: string): readonly Route[] => [[method, "/**", named("anywhere")]];
    expect(await answers(["OPTIONS *"], anywhere("OPTIONS"))).toEqual([[204, "", "OPTIONS"]]);
    expect(await answers(["OPTIONS *"], anywhere("*"))).toEqual([
      [204, "", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"],
    ]);
  });

  test("router answers what it has no path for as notFound says", () =>
    withServer(
      router([["GET", "/", named("root")]], {
        notFound: ({ method, path }) => text(`${method} ${path}?`, { status: 410 }),
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /x") + request("OPTIONS /y") + request("POST /"));
        const { final } = responsesOf(peer);
        expect(final.map(({ status, body }) => [status, body])).toEqual([
          [410, "GET /x?"],
          [410, "OPTIONS /y?"],
          [405, "Method Not Allowed\n"],
        ]);
      },
    ));

  test("router matches paths as they were sent, but for one slash at the end", async () => {
    const routes: readonly Route[] = [
      ["GET", "/", named("root")],
      ["GET", "/users", named("users")],
      ["GET", "/users/:id", named("user")],
      ["GET", "/slash/", named("slash")],
      ["GET", "/caf\u00e9/a b", named("encoded")],
      ["GET", "/rest/**", named("rest")],
      ["GET", "/rest-of/**:path", named("rest of")],
    ];
    const asked: [path: string, answer: string][] = [
      ["/users/", "users {}"],
      ["/users/7/", 'user {"id":"7"}'],
      ["/slash", "slash {}"],
      ["/slash/", "slash {}"],
      ["/users//", "Not Found\n"],
      ["//users", "Not Found\n"],
      ["//", "Not Found\n"],
      ["/Users", "Not Found\n"],
      ["/%75sers", "Not Found\n"],
      ["/users/.", 'user {"id":"."}'],
      ["/x/../users", "Not Found\n"],
      ["/users%2F7", "Not Found\n"],
      ["/users/7%2F8", 'user {"id":"7/8"}'],
      ["/caf%C3%A9/a%20b", "encoded {}"],
      ["/caf%c3%a9/a%20b", "Not Found\n"],
      ["/rest", "rest {}"],
      ["/rest//x/", 'rest {"0":"/x","_":"/x"}'],
      ["/rest-of/a/b/", 'rest of {"path":"a/b"}'],
      ["/rest-of", "Not Found\n"],
      ["/rest-of/a//b", "Not Found\n"],
    ];
    const lines = asked.map(([path]) => `GET ${path}`);
    expect((await answers(lines, routes)).map(([, body], i) => [asked[i]?.[0], body])).toEqual(asked);
  });

  test("router's parameters hold nothing but the parameters, whatever their names", async () => {
    const seen: unknown[] = [];
    const note: HttpHandler = ({ params }) => {
      seen.push(["toString" in params, Object.keys(params), params["constructor"], params["__proto__"]]);
      return text("ok");
    };
    const routes: readonly Route[] = [
      ["GET", "/plain", note],
      ["GET", "/:__proto__", note],
      ["GET", "/a/:constructor", note],
    ];
    await answers(["GET /plain", "GET /__proto__", "GET /a/x"], routes);
    expect(seen).toEqual([
      [false, [], undefined, undefined],
      [false, ["__proto__"], undefined, "__proto__"],
      [false, ["constructor"], "x", undefined],
    ]);
    expect("x" in {}).toBe(false);
  });

  test("router refuses a body without a length where the route requires one, with 411", () =>
    withServer(
      router([
        [
          "POST",
          "/",
          function* (incoming) {
            return text(`${incoming.bodyLength} ${yield* incoming.text()}`);
          },
          { lengthRequired: true },
        ],
      ]),
      function* (world) {
        const sized = yield* world.ask(request("POST /", ["Content-Length: 3"], "abc") + request("POST /"));
        expect(bodiesOf(sized)).toEqual(["3 abc", "0 "]);
        const fields = ["Transfer-Encoding: chunked", "Expect: 100-continue"];
        const chunked = yield* world.ask(request("POST /", fields));
        expect([responsesOf(chunked).statuses, chunked.ended]).toEqual([[411], true]);
        expect(world.rejections).toMatchObject([{ status: 411, code: "ERR_HTTP_LENGTH_REQUIRED" }]);
        expect(world.errors).toEqual([]);
      },
    ));

  test("router nests: a router is a handler, and its parameters join those around it", () =>
    withServer(
      router([
        ["GET", "/api/:version/**:path", router([["GET", "/api/:v/:what", named("inner")]])],
        ["GET", "/", named("outer")],
      ]),
      function* (world) {
        const peer = yield* world.ask(["/", "/api/1/x", "/api/1/x/y"].map((path) => request(`GET ${path}`)).join(""));
        const [outer = "", inner = "", none] = bodiesOf(peer);
        expect([outer, none]).toEqual(["outer {}", "Not Found\n"]);
        expect(JSON.parse(inner.slice("inner ".length))).toEqual({ version: "1", path: "x", v: "1", what: "x" });
      },
    ));

  test("serveHttp says where it cannot listen", async () => {
    let found: unknown;
    await withServer(named("x"), function* () {
      try {
        yield* serveHttp({ port: 8_080 }, named("y"));
      } catch (error) {
        found = error;
      }
    });
    expect(found).toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE" });
  });
});
