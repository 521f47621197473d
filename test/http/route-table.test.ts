// What is wrong with routes is said when a router is made of them.

import { describe, expect, test } from "bun:test";
import {
  type HttpHandler,
  type Route,
  type RouteMethod,
  type RouteOptions,
  router,
  text,
} from "../../src/http/index.ts";
import { RouteTable } from "../../src/http/route-table.ts";
import { METHOD_GET, METHOD_HEAD, METHOD_OTHER, METHOD_POST } from "../../src/http/wire/methods.ts";

const ok: HttpHandler = () => text("ok");

/** What making a router of these routes throws; null for nothing. */
function faultOf(...routes: [method: RouteMethod, pattern: string, options?: RouteOptions][]): unknown {
  const list = routes.map(([method, pattern, options = {}]): Route => [method, pattern, ok, options]);
  try {
    router(list);
    return null;
  } catch (error) {
    return error;
  }
}

describe("router, when it is made,", () => {
  test.each<[string, RouteMethod, string, string]>([
    ["no slash", "GET", "users", "GET users: its pattern does not begin with a slash"],
    ["an empty pattern", "GET", "", "GET : its pattern does not begin with a slash"],
    ["a group first", "GET", "{/a}?", "GET {/a}?: its pattern does not begin with a slash"],
    ["an empty name", "GET", "/a/:", 'GET /a/:: invalid param name ""'],
    ["an empty name within", "GET", "/:/b", 'GET /:/b: invalid param name ""'],
    ["a name twice", "GET", "/:a/:a", 'GET /:a/:a: duplicate param name "a"'],
    ["a name that is a number", "GET", "/:1", 'GET /:1: invalid param name "1"'],
    ["small letters", "get", "/", "get /: a method is a token in capitals"],
    ["a space", "GET /", "/", '"GET /" /: a method is a token in capitals'],
    ["methods in one string", "GET,POST", "/", '"GET,POST" /: a method is a token in capitals'],
    ["no method", "", "/", '"" /: a method is a token in capitals'],
    ["an empty list", [], "/", "of no method /: it would never answer"],
    ["a star among others", ["GET", "*"], "/", 'GET,* /: "*" takes all methods and stands alone'],
  ])("refuses %s", (_title, method, pattern, found) => {
    const fault = faultOf([method, pattern]);
    expect(fault).toBeInstanceOf(TypeError);
    expect((fault as Error).message.replace(/"get"/, "get")).toBe(`Cannot add the route ${found}`);
  });

  test("refuses what rou3 does not take, with rou3's reason", () => {
    const fault = faultOf(["GET", "/a/**/b/**"]) as Error;
    expect(fault.message).toStartWith("Cannot add the route GET /a/**/b/**: a route can have only one `*`");
    expect(fault.cause).toBeInstanceOf(Error);
  });

  test.each<[RouteMethod, string, RouteMethod, string]>([
    ["GET", "/users/:id", "GET", "/users/:name"],
    ["GET", "/users", "GET", "/users/"],
    ["GET", "/users", ["POST", "GET"], "/users"],
    ["*", "/**", "*", "/*"],
    ["GET", "/files/**:a", "GET", "/files/:b+"],
    ["GET", "/:a-:b", "GET", "/:c-:d"],
    ["GET", "/caf\u00e9", "GET", "/caf%C3%A9"],
  ])("refuses %p %p beside %p %p: they match the same paths", (method, pattern, otherMethod, other) => {
    const fault = faultOf([method, pattern], [otherMethod, other]) as Error;
    const shared = otherMethod === "*" ? "*" : "GET";
    expect(fault).toBeInstanceOf(TypeError);
    expect(fault.message).toBe(`Cannot add the route ${shared} ${other}: ${shared} ${pattern} matches the same paths`);
  });

  test("refuses one method twice in a route", () => {
    expect((faultOf([["PUT", "PUT"], "/a"]) as Error).message).toBe(
      "Cannot add the route PUT /a: PUT /a matches the same paths",
    );
  });

  test.each([
    ["/a/:x?", "/a"],
    ["/a/:x?", "/a/:y"],
    ["/a", "/a{/b}?"],
    ["/a", "/a/:x*"],
  ])("refuses %p beside %p: only their order would tell", (pattern, other) => {
    for (const [first, second] of [
      [pattern, other],
      [other, pattern],
    ] as const)
      expect((faultOf(["GET", first], ["GET", second]) as Error).message).toBe(
        `Cannot add the route GET ${second}: GET ${first} matches some of the same paths, and neither is more specific`,
      );
  });

  test.each<[RouteMethod, string, RouteMethod, string]>([
    ["GET", "/a", "POST", "/a"],
    ["GET", "/a", "*", "/a"],
    ["GET", "/a", "HEAD", "/a"],
    ["GET", "/a", "GET", "/A"],
    ["GET", "/a/:x", "GET", "/a/b"],
    ["GET", "/a/**", "GET", "/a/**:rest"],
    ["GET", "/a/**", "GET", "/a"],
    ["GET", "/:id(\\d+)", "GET", "/:name"],
    ["GET", "/:id(\\d+)", "GET", "/:name([a-z]+)"],
    ["GET", "/:name.json", "GET", "/:name"],
  ])("takes %p %p beside %p %p", (method, pattern, otherMethod, other) => {
    expect(faultOf([method, pattern], [otherMethod, other])).toBeNull();
    expect(faultOf([otherMethod, other], [method, pattern])).toBeNull();
  });

  test("refuses a body limit that is none, and takes none at all", () => {
    for (const bodyBytesMax of [-1, Number.NaN]) {
      const fault = faultOf(["GET", "/", { bodyBytesMax }]) as Error;
      expect([fault instanceof RangeError, fault.message]).toEqual([
        true,
        `Cannot add the route GET /: bodyBytesMax is ${bodyBytesMax}, not a number from 0 on`,
      ]);
    }
    for (const bodyBytesMax of [0, Number.POSITIVE_INFINITY])
      expect(faultOf(["GET", "/", { bodyBytesMax }])).toBeNull();
  });

  test("takes a thousand routes without comparing each with each", () => {
    const routes = Array.from({ length: 1_000 }, (_, i): [string, string] => ["GET", `/r${i}/:id/items/:item`]);
    expect(faultOf(...routes)).toBeNull();
    expect(faultOf(...routes, ["GET", "/r500/:a/items/:b"])).toBeInstanceOf(TypeError);
  });
});

describe("RouteTable", () => {
  test("RouteTable keeps the handlers of paths without parameters at hand, by method", () => {
    const routes: Route[] = [
      ["GET", "/users", ok],
      ["GET", "/users/:id", ok],
      ["*", "/any", ok],
      ["POST", "/caf\u00e9", ok],
    ];
    const { exact } = new RouteTable(routes);
    const pathsOf = (code: number): string[] => [...(exact[code]?.keys() ?? [])];
    expect([METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST].map(pathsOf)).toEqual([
      [],
      ["/users", "/any"],
      ["/users", "/any"],
      ["/any"],
    ]);
  });
});
