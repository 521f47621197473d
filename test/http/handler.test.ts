// What a handler may be and give, and what the client sees when it goes wrong: a 500 that says nothing.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpHandler, type HttpRequest, Reply, type ReplyInit, stream, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

const ERROR_BODY = "500 Internal Server Error\n";

describe("HttpHandler", () => {
  const kinds: readonly [name: string, handler: HttpHandler][] = [
    ["a plain function", ({ target }) => text(target)],
    ["an async function", async ({ target }) => text(target)],
    [
      "an async function that waits",
      async ({ target }) => {
        await Promise.resolve();
        return text(target);
      },
    ],
    [
      "a generator function",
      function* ({ target }) {
        yield* sleep(1);
        return text(target);
      },
    ],
    [
      "a function that gives an operation",
      ({ target }) =>
        (function* () {
          yield* sleep(1);
          return text(target);
        })(),
    ],
  ];
  for (const [name, handler] of kinds) {
    test(`HttpHandler may be ${name}`, () =>
      withServer(handler, function* (world) {
        const peer = yield* world.ask(request("GET /a") + request("GET /b"));
        expect(bodiesOf(peer)).toEqual(["/a", "/b"]);
      }));
  }
});

describe("serveHttp when a handler fails", () => {
  const secret = new Error("secret");
  const failures: readonly [name: string, handler: HttpHandler][] = [
    [
      "a plain function that throws",
      () => {
        throw secret;
      },
    ],
    ["a promise that rejects", () => Promise.reject(secret)],
    [
      "a generator that throws",
      function* () {
        yield* sleep(1);
        throw secret;
      },
    ],
  ];
  for (const [name, handler] of failures) {
    test(`serveHttp answers ${name} with a 500 that says nothing, tells onError, and goes on`, () =>
      withServer(
        (incoming) => (incoming.target === "/fails" ? handler(incoming) : text("fine")),
        function* (world) {
          const peer = yield* world.ask(request("GET /fails") + request("GET /"));
          expect(responsesOf(peer).statuses).toEqual([500, 200]);
          expect(bodiesOf(peer)).toEqual([ERROR_BODY, "fine"]);
          expect(peer.text).not.toContain("secret");
          expect(world.errors).toEqual([secret]);
        },
      ));
  }

  test("serveHttp answers what is no reply with 500 and names it to onError", () => {
    const results: Record<string, unknown> = {
      "/undefined": undefined,
      "/null": null,
      "/string": "text",
      "/object": { status: 200 },
      "/array": [],
      "/promise": Promise.resolve("text"),
      "/operation": sleep(0),
    };
    return withServer(
      ({ target }) => (target === "/operation" ? sleep(1) : results[target]) as Reply,
      function* (world) {
        const paths = Object.keys(results);
        const peer = yield* world.ask(paths.map((path) => request(`GET ${path}`)).join(""));
        expect(responsesOf(peer).statuses).toEqual(paths.map(() => 500));
        expect(world.errors).toHaveLength(paths.length);
        expect(String(world.errors[0])).toBe(
          'TypeError: Cannot send a reply: expected one, such as text("..."), and found undefined: is a return missing?',
        );
      },
    );
  });

  test("serveHttp answers a failing HEAD without a body, and drops the body of a failing POST", () =>
    withServer(
      () => {
        throw secret;
      },
      function* (world) {
        const peer = yield* world.ask(
          request("HEAD /") + request("POST /", ["Content-Length: 4"], "body") + request("GET /"),
        );
        expect(responsesOf(peer, "HEAD", "POST", "GET")).toMatchObject({ statuses: [500, 500, 500], rest: "" });
      },
    ));

  test("serveHttp reports a handler's error through the host when there is no onError", () =>
    withServer(
      () => {
        throw secret;
      },
      function* (world) {
        yield* world.ask(request("GET /"));
        const { reports } = world.simulation.host;
        expect(reports.splice(0)).toMatchObject([
          expect.stringContaining("the handler of GET / failed: Error: secret"),
        ]);
      },
      { onError: undefined as never },
    ));

  const unsendable: readonly [name: string, reply: () => Reply, code: string][] = [
    ["CR and LF in a value", () => text("x", { headers: { "x-a": "b\r\nset-cookie: c" } }), "ERR_HTTP_HEADER_VALUE"],
    ["LF in a value", () => text("x", { headers: { "x-a": "b\nc" } }), "ERR_HTTP_HEADER_VALUE"],
    ["NUL in a value", () => text("x", { headers: { "x-a": "b\0c" } }), "ERR_HTTP_HEADER_VALUE"],
    ["a character above U+00FF", () => text("x", { headers: { "x-a": "b\u010ac" } }), "ERR_HTTP_HEADER_VALUE"],
    ["a long value", () => text("x", { headers: { "x-a": `${"b".repeat(50)}\r\n` } }), "ERR_HTTP_HEADER_VALUE"],
    ["CR in a name", () => text("x", { headers: { "x\r\ny": "z" } }), "ERR_HTTP_HEADER_NAME"],
    ["an empty name", () => text("x", { headers: [["", "z"]] }), "ERR_HTTP_HEADER_NAME"],
    ["CR in a type", () => new Reply("text/plain\r\nx: y", "x"), "ERR_HTTP_HEADER_VALUE"],
    [
      "CR in the head of a stream",
      () => stream(function* () {}, { headers: { "x-a": "\r" } }),
      "ERR_HTTP_HEADER_VALUE",
    ],
    ["a length of its own", () => text("x", { headers: { "Content-Length": "5" } }), "ERR_HTTP_HEADER_RESERVED"],
    ["chunks of its own", () => text("x", { headers: { "transfer-encoding": "chunked" } }), "ERR_HTTP_HEADER_RESERVED"],
    ["a Connection of its own", () => text("x", { headers: { Connection: "close" } }), "ERR_HTTP_HEADER_RESERVED"],
    ...[0, 99, 600, 200.5, Number.NaN, 100, 101, 103, 199].map((status): [string, () => Reply, string] => [
      `the status ${status}`,
      () => text("x", { status }),
      "ERR_HTTP_STATUS",
    ]),
  ];
  for (const [name, reply, code] of unsendable) {
    test(`serveHttp sends no reply with ${name}: 500, nothing injected, and the connection goes on`, () =>
      withServer(
        ({ target }) => (target === "/bad" ? reply() : text("fine")),
        function* (world) {
          const peer = yield* world.ask(request("GET /") + request("GET /bad") + request("GET /"));
          expect([responsesOf(peer).statuses, responsesOf(peer).rest]).toEqual([[200, 500, 200], ""]);
          expect(bodiesOf(peer)).toEqual(["fine", ERROR_BODY, "fine"]);
          expect(world.errors).toMatchObject([{ code }]);
        },
      ));
  }

  test("serveHttp sends headers beyond a gather buffer", () =>
    withServer(
      () => text("x", { headers: { "x-long": "v".repeat(40_000) } }),
      function* (world) {
        const peer = yield* world.ask(request("GET /").repeat(2));
        expect(responsesOf(peer).final.map(({ headers, body }) => [headers.get("x-long")?.length, body])).toEqual([
          [40_000, "x"],
          [40_000, "x"],
        ]);
      },
    ));

  test("Reply may be given again and again", () => {
    const init: ReplyInit = { headers: { "x-a": "b" } };
    const reply = text("again", init);
    return withServer(
      () => reply,
      function* (world) {
        expect(bodiesOf(yield* world.ask(request("GET /").repeat(3)))).toEqual(["again", "again", "again"]);
      },
    );
  });
});

describe("HttpRequest after its answer", () => {
  const uses: Record<string, (incoming: HttpRequest) => unknown> = {
    method: (incoming) => incoming.method,
    target: (incoming) => incoming.target,
    path: (incoming) => incoming.path,
    query: (incoming) => incoming.query,
    host: (incoming) => incoming.host,
    headers: (incoming) => incoming.headers,
    hasBody: (incoming) => incoming.hasBody,
    signal: (incoming) => incoming.signal,
    read: (incoming) => incoming.read(),
    bytes: (incoming) => incoming.bytes(),
    limitBody: (incoming) => incoming.limitBody(1),
  };

  test("HttpRequest throws RequestOverError for all that it has not given before", () => {
    let old: HttpRequest | undefined;
    return withServer(
      (incoming) => {
        if (old === undefined) {
          old = incoming;
          return text("first");
        }
        for (const [name, use] of Object.entries(uses)) {
          expect(() => use(old as HttpRequest), name).toThrow(
            expect.objectContaining({ code: "ERR_HTTP_REQUEST_OVER" }) as Error,
          );
        }
        return text(incoming.target);
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /first") + request("GET /second"));
        expect([bodiesOf(peer), world.errors]).toEqual([["first", "/second"], []]);
      },
    );
  });

  test("HttpRequest's headers and operations that were kept throw too, and never read from the next request", () => {
    let kept: { headers: HttpRequest["headers"]; read: () => ReturnType<HttpRequest["bytes"]> } | undefined;
    return withServer(
      function* (incoming) {
        if (kept === undefined) {
          const all = incoming.bytes();
          kept = { headers: incoming.headers, read: () => all };
          return text("first");
        }
        const { headers, read } = kept;
        for (const use of [
          () => headers.get("host"),
          () => headers.has("host"),
          () => headers.getAll("host"),
          () => [...headers],
        ]) {
          expect(use).toThrow(expect.objectContaining({ code: "ERR_HTTP_REQUEST_OVER" }) as Error);
        }
        try {
          yield* read();
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_HTTP_REQUEST_OVER" });
        }
        return text(yield* incoming.text());
      },
      function* (world) {
        const peer = yield* world.ask(
          request("POST /", ["Content-Length: 3"], "one") + request("POST /", ["Content-Length: 3"], "two"),
        );
        expect([bodiesOf(peer), world.errors.map(String)]).toEqual([["first", "two"], []]);
      },
    );
  });

  test("HttpRequest gives again what it gave before", () => {
    const old: HttpRequest[] = [];
    return withServer(
      (incoming) => {
        void incoming.target;
        void incoming.query;
        old.push(incoming);
        return text(`${old[0]?.target} ${old[0]?.query.get("b")}`);
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /a?b=c") + request("GET /"));
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["/a?b=c c", "/a?b=c c"]);
      },
    );
  });
});
