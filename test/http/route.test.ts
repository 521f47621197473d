// Routes apart from their router: route, group and mount.

import { describe, expect, test } from "bun:test";
import {
  fromFetch,
  group,
  type HttpHandler,
  type HttpRequest,
  type Middleware,
  mapReply,
  mount,
  type Route,
  route,
  router,
  text,
  use,
  withHeaders,
} from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, withServer } from "./support.ts";

/** Says what a handler sees of the path. */
const seen =
  (name: string): HttpHandler =>
  ({ params, path, localPath }) =>
    text(`${name} ${path} ${localPath} ${JSON.stringify(Object.fromEntries(Object.entries(params).toSorted()))}`);

const stamp =
  (value: string): Middleware =>
  (next) =>
  (incoming) =>
    mapReply(incoming, next(incoming), (reply) => withHeaders(reply, { "x-stamp": value }));

/** Bodies of the answers to GET of each path. */
async function get(routes: readonly Route[], ...paths: string[]): Promise<string[]> {
  let bodies: string[] = [];
  await withServer(router(routes), function* (world) {
    bodies = bodiesOf(yield* world.ask(paths.map((path) => request(`GET ${path}`)).join("")));
    expect(world.errors).toEqual([]);
  });
  return bodies;
}

describe("route", () => {
  test("route makes a route of a list that stands alone, with its options", async () => {
    const routes: Route[] = [
      route("GET", "/users/:id", ({ params }) => text(`user ${params.id}`)),
      route(["PUT", "GET"], "/generator/:id", function* (incoming: HttpRequest<{ readonly id: string }>) {
        return text(`${incoming.params.id} ${yield* incoming.text()}.`);
      }),
    ];
    expect(await get(routes, "/users/7", "/generator/8")).toEqual(["user 7", "8 ."]);
    expect(route("POST", "/", seen("x"), { bodyBytesMax: 1 })[3]).toEqual({ bodyBytesMax: 1 });
  });
});

describe("group", () => {
  test("group puts a prefix before patterns; handlers have the parameters of both", async () => {
    const routes: Route[] = [
      ["GET", "/shops", seen("shops")],
      ...group("/shops/:shop", [
        ["GET", "/", ({ params }) => text(`shop ${params.shop}`)],
        ["GET", "/items/:item", ({ params }) => text(`${params.item} of ${params.shop}`)],
        ...group("/staff", [["GET", "/:name", seen("staff")]]),
      ]),
      ...group("/", [["GET", "/top", seen("top")]]),
    ];
    expect(
      await get(routes, "/shops", "/shops/1", "/shops/1/items/2", "/shops/1/staff/3", "/shops/1/x", "/top"),
    ).toEqual([
      "shops /shops /shops {}",
      "shop 1",
      "2 of 1",
      'staff /shops/1/staff/3 /shops/1/staff/3 {"name":"3","shop":"1"}',
      "Not Found\n",
      "top /top /top {}",
    ]);
  });

  test("group is part of the router around it: one Allow, one order of what is more specific", () =>
    withServer(
      router([["POST", "/a/:x", seen("post")], ...group("/a", [["GET", "/:x", seen("get")]])]),
      function* (world) {
        const peer = yield* world.ask(request("DELETE /a/1"));
        expect(responsesOf(peer).final[0]?.headers.get("allow")).toBe("POST, GET, HEAD, OPTIONS");
      },
    ));

  test("group's middleware stands around its handlers and nothing else", () =>
    withServer(
      router([
        ["GET", "/", seen("outside")],
        ...group("/in", [["GET", "/", seen("inside")], mount("/deep", seen("deep"))], [stamp("outer"), stamp("inner")]),
      ]),
      function* (world) {
        const peer = yield* world.ask(
          ["/", "/in", "/in/deep/x", "/in/no"].map((path) => request(`GET ${path}`)).join(""),
        );
        expect(responsesOf(peer).final.map(({ body, headers }) => [body, headers.get("x-stamp")])).toEqual([
          ["outside / / {}", undefined],
          ["inside /in /in {}", "inner, outer"],
          ["deep /in/deep/x /x {}", "inner, outer"],
          ["Not Found\n", undefined],
        ]);
      },
    ));

  test("group refuses a prefix that is none", () => {
    expect(() => group("a", [])).toThrow("Cannot group routes under a: it does not begin with a slash");
    expect(() => group("/a/", [])).toThrow("Cannot group routes under /a/: it ends with a slash");
  });

  test("group refuses a pattern that would grow together with its prefix", () => {
    for (const prefix of ["/api", "/"])
      expect(() => group(prefix, [["GET", "users", seen("users")]])).toThrow(
        new TypeError(`Cannot group the route users under ${prefix}: it does not begin with a slash`),
      );
  });
});

describe("mount", () => {
  const inner = router([
    ["GET", "/", seen("inner root")],
    ["GET", "/x/:id", seen("inner")],
  ]);

  test("mount gives a router the rest of the path, and its handlers the parameters of both", async () => {
    const routes: Route[] = [
      mount("/api", inner),
      mount("/t/:tenant/api", inner),
      ["GET", "/api/health", seen("outer")],
    ];
    const paths = [
      "/api",
      "/api/",
      "/api/x/1",
      "/api/x/1/?q=/a",
      "/t/a%2Fb/api/x/%31",
      "/api/health",
      "/api//",
      "/apix",
    ];
    expect(await get(routes, ...paths)).toEqual([
      "inner root /api / {}",
      "inner root /api/ / {}",
      'inner /api/x/1 /x/1 {"id":"1"}',
      'inner /api/x/1/ /x/1/ {"id":"1"}',
      'inner /t/a%2Fb/api/x/%31 /x/%31 {"id":"1","tenant":"a/b"}',
      "outer /api/health /api/health {}",
      "Not Found\n",
      "Not Found\n",
    ]);
  });

  test("mount nests, decodes each parameter once, and lets the inner one win", async () => {
    const deepest = router([mount("/:id/deeper", inner)]);
    const routes: Route[] = [mount("/", router([mount("/a/:id", router([mount("/b", deepest)]))]))];
    expect(await get(routes, "/a/%2531/b/%2532/deeper", "/a/1/b/%2532/deeper/x/%2533/")).toEqual([
      'inner root /a/%2531/b/%2532/deeper / {"id":"%32"}',
      'inner /a/1/b/%2532/deeper/x/%2533/ /x/%2533/ {"id":"%33"}',
    ]);
  });

  test("mount leaves 404, 405 and OPTIONS to what is mounted, for every method", () =>
    withServer(
      router([mount("/api", inner), ["GET", "/**", seen("outer")]], { notFound: seen("never") }),
      function* (world) {
        const lines = ["GET /api/no", "POST /api/x/1", "OPTIONS /api/x/1", "HEAD /api", "PURGE /api", "GET /other"];
        const peer = yield* world.ask(lines.map((line) => request(line)).join(""));
        const { final } = responsesOf(peer, ...lines.map((line) => line.split(" ")[0] as string));
        expect(final.map(({ status, headers }) => [status, headers.get("allow")])).toEqual([
          [404, undefined],
          [405, "GET, HEAD, OPTIONS"],
          [204, "GET, HEAD, OPTIONS"],
          [200, undefined],
          [405, "GET, HEAD, OPTIONS"],
          [200, undefined],
        ]);
      },
    ));

  test("mount takes any handler, with middleware around it and options of the routes inside", () =>
    withServer(
      router([
        mount(
          "/t/:tenant",
          use([stamp("seen")], ({ params, localPath }) => text(`${params.tenant} ${localPath}`)),
        ),
        mount(
          "/fetch",
          fromFetch((incoming) => new Response(new URL(incoming.url).pathname)),
        ),
        mount(
          "/limited",
          router([
            [
              "POST",
              "/",
              function* (incoming) {
                return text(yield* incoming.text());
              },
              { bodyBytesMax: 2 },
            ],
          ]),
        ),
      ]),
      function* (world) {
        const peer = yield* world.ask(request("GET /t/1/a/b") + request("GET /fetch/x"));
        const { final } = responsesOf(peer);
        expect(final.map(({ body, headers }) => [body, headers.get("x-stamp")])).toEqual([
          ["1 /a/b", "seen"],
          ["/fetch/x", undefined],
        ]);
        const limited = yield* world.ask(request("POST /limited", ["Content-Length: 3"], "abc"));
        expect(responsesOf(limited).statuses).toEqual([413]);
      },
    ));

  test.each([
    ["api", "it does not begin with a slash"],
    ["", "it does not begin with a slash"],
    ["/api/", "it ends with a slash"],
    ["/a//b", '"" is neither a plain name nor a parameter'],
    ["/api/**", '"**" is neither a plain name nor a parameter'],
    ["/:a?", '":a?" is neither a plain name nor a parameter'],
    ["/:a-:b", '":a-:b" is neither a plain name nor a parameter'],
    ["/a/..", '".." is neither a plain name nor a parameter'],
    ["/%2E/a", '"%2E" is neither a plain name nor a parameter'],
    ["/:_", '":_" is neither a plain name nor a parameter'],
  ])("mount refuses %p", (prefix, found) => {
    expect(() => mount(prefix, inner)).toThrow(new TypeError(`Cannot mount a handler at ${prefix}: ${found}`));
  });

  test("mount refuses a prefix that has its handler, when the router is made", () => {
    expect(() => router([mount("/a/:x", inner), mount("/a/:y", inner)])).toThrow(
      "Cannot add the route * /a/:y/**: * /a/:x/** matches the same paths",
    );
  });
});
