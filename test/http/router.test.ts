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
      [405, "Method Not Allowed\n", "GET, HEAD"],
      [405, "Method Not Allowed\n", "GET, DELETE, HEAD"],
      [405, "Method Not Allowed\n", "POST"],
      [405, "", "POST"],
      [405, "Method Not Allowed\n", "GET, HEAD"],
      [405, "Method Not Allowed\n", "GET, HEAD"],
      [405, "Method Not Allowed\n", "GET, HEAD"],
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

  test("router answers OPTIONS with Allow, and for * with what there is at all", async () => {
    expect(await answers(["OPTIONS /", "OPTIONS /users/7"])).toEqual([
      [204, "", "GET, HEAD"],
      [204, "", "GET, DELETE, HEAD"],
    ]);
    const [[status] = []] = await answers(["OPTIONS *"]);
    expect(status).toBe(204);
  });

  test("router nests: a router is a handler", () =>
    withServer(
      router([
        ["GET", "/api/**", router([["GET", "/api/:what", named("inner")]])],
        ["GET", "/", named("outer")],
      ]),
      function* (world) {
        const peer = yield* world.ask(["/", "/api/x", "/api/x/y"].map((path) => request(`GET ${path}`)).join(""));
        expect(bodiesOf(peer)).toEqual(["outer {}", 'inner {"what":"x"}', "Not Found\n"]);
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
