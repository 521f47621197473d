// How long a connection lives, and in which order it answers.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import { bytes, empty, html, json, type Reply, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, serverSocket, SOON_MS, withServer } from "./support.ts";

const hello = (): Reply => text("hello");

/** What the first of two requests, sent together, makes of the connection. */
const PERSISTENCE: readonly [line: string, fields: string[], lives: boolean, connection: string | undefined][] = [
  ["GET / HTTP/1.1", [], true, undefined],
  ["GET / HTTP/1.1", ["Connection: keep-alive"], true, undefined],
  ["GET / HTTP/1.1", ["Connection: close"], false, "close"],
  ["GET / HTTP/1.1", ["connection: CLOSE"], false, "close"],
  ["GET / HTTP/1.1", ["Connection: keep-alive, close"], false, "close"],
  ["GET / HTTP/1.1", ["Connection: foo", "Connection: , close ,"], false, "close"],
  ["GET / HTTP/1.1", ["Connection: closed"], true, undefined],
  ["GET / HTTP/1.1", ["Connection: upgrade", "Upgrade: h2c"], true, undefined],
  ["GET / HTTP/1.0", [], false, "close"],
  ["GET / HTTP/1.0", ["Connection: keep-alive"], true, "keep-alive"],
  ["GET / HTTP/1.0", ["Connection: Keep-Alive, close"], false, "close"],
  ["GET / HTTP/1.2", [], true, undefined],
];

describe("serveHttp's persistence", () => {
  for (const [line, fields, lives, connection] of PERSISTENCE) {
    test(`serveHttp ${lives ? "keeps" : "closes"} the connection after ${line} with [${fields.join("; ")}]`, () =>
      withServer(hello, function* (world) {
        const peer = yield* world.ask(request(line, fields) + request("GET /second"));
        expect(responsesOf(peer).statuses).toEqual(lives ? [200, 200] : [200]);
        expect(responsesOf(peer).all[0]?.headers.get("connection")).toBe(connection as string);
        expect(peer.ended).toBe(!lives);
      }));
  }

  test("serveHttp closes with a FIN and lets a client that still sends read its answer", () =>
    withServer(hello, function* (world) {
      const peer = yield* world.ask(request("GET /", ["Connection: close"]), "x".repeat(300_000));
      peer.send("more".repeat(10_000));
      yield* sleep(SOON_MS);
      expect(bodiesOf(peer)).toEqual(["hello"]);
      expect([peer.ended, peer.wasReset]).toEqual([true, false]);
      peer.shutdown();
      yield* sleep(SOON_MS);
      expect([peer.closed, peer.wasReset]).toEqual([true, false]);
    }));

  test("serveHttp passes over an empty line before a request", () =>
    withServer(hello, function* (world) {
      const peer = yield* world.ask(`${request("GET /")}\r\n${request("GET /")}`);
      expect(responsesOf(peer).statuses).toEqual([200, 200]);
    }));
});

describe("serveHttp's order of answers", () => {
  test("serveHttp answers in order and runs one handler at a time, a slow one between fast ones", () => {
    let running = 0;
    return withServer(
      function* ({ target }) {
        expect(++running).toBe(1);
        if (target === "/slow") yield* sleep(1_000);
        running--;
        return text(target);
      },
      function* (world) {
        const peer = yield* world.ask(["/a", "/b", "/slow", "/c"].map((path) => request(`GET ${path}`)).join(""));
        // What is finished never waits behind a handler that parks.
        expect(bodiesOf(peer)).toEqual(["/a", "/b"]);
        expect(serverSocket(peer).writes).toBe(1);
        yield* sleep(1_000);
        expect(bodiesOf(peer)).toEqual(["/a", "/b", "/slow", "/c"]);
        expect(serverSocket(peer).writes).toBe(2);
      },
    );
  });

  test("serveHttp delivers large answers of a pipeline whole and in order", () =>
    withServer(
      ({ target }) => (target === "/small" ? text("s") : bytes(new Uint8Array(300_000).fill(target.charCodeAt(1)))),
      function* (world) {
        const peer = yield* world.ask(["/a", "/small", "/b"].map((path) => request(`GET ${path}`)).join(""));
        yield* sleep(1_000);
        const bodies = bodiesOf(peer);
        expect(bodies.map((body) => body.length)).toEqual([300_000, 1, 300_000]);
        expect(bodies.map((body) => body[0])).toEqual(["a", "s", "b"]);
      },
    ));
});

describe("serveHttp's replies", () => {
  test("serveHttp sends status, date, type and length, and the fields of the reply in their order", () =>
    withServer(
      () =>
        text("grün", {
          status: 201,
          headers: [
            ["X-B", "2"],
            ["X-A", "1"],
            ["X-B", "3"],
          ],
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect(peer.text).toBe(
          "HTTP/1.1 201 Created\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
            "X-B: 2\r\nX-A: 1\r\nX-B: 3\r\nContent-Length: 5\r\n\r\ngrün",
        );
      },
    ));

  test("serveHttp keeps the date of the present second", () =>
    withServer(hello, function* (world) {
      const peer = yield* world.ask(request("GET /"));
      yield* sleep(61_000);
      peer.send(request("GET /"));
      yield* sleep(SOON_MS);
      const dates = responsesOf(peer).final.map(({ headers }) => headers.get("date") ?? "");
      expect(dates).toEqual(["Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:01:01 GMT"]);
    }));

  test("json, html, bytes and empty set their types", () => {
    const replies: Record<string, Reply> = {
      "/json": json({ a: [1, null] }),
      "/html": html("<p>"),
      "/bytes": bytes(Buffer.from([1, 2])),
      "/typed": bytes(Buffer.from([1]), { type: "image/png", headers: { "x-y": "z" } }),
      "/empty": empty(),
      "/own": text("x", { headers: { "content-type": "text/csv" } }),
    };
    return withServer(
      ({ target }) => replies[target] as Reply,
      function* (world) {
        const peer = yield* world.ask(
          Object.keys(replies)
            .map((path) => request(`GET ${path}`))
            .join(""),
        );
        const { final } = responsesOf(peer);
        expect(final.map(({ status, headers, body }) => [status, headers.get("content-type"), body])).toEqual([
          [200, "application/json", '{"a":[1,null]}'],
          [200, "text/html; charset=utf-8", "<p>"],
          [200, "application/octet-stream", "\x01\x02"],
          [200, "image/png", "\x01"],
          [204, undefined, ""],
          [200, "text/csv", "x"],
        ]);
        expect(final[3]?.headers.get("x-y")).toBe("z");
      },
    );
  });

  test("json refuses what JSON cannot hold", () => {
    expect(() => json(undefined)).toThrow(TypeError);
    expect(() => json(() => {})).toThrow("Cannot reply with JSON: function has no JSON form");
  });

  test("serveHttp answers HEAD with the head that GET would get and no body", () =>
    withServer(
      ({ target }) =>
        target === "/big" ? text("ä".repeat(10_000)) : target === "/bytes" ? bytes(new Uint8Array(9)) : hello(),
      function* (world) {
        const paths = ["/", "/big", "/bytes"];
        const heads = yield* world.ask(paths.map((path) => request(`HEAD ${path}`)).join("") + request("GET /"));
        const gets = yield* world.ask(paths.map((path) => request(`GET ${path}`)).join(""));
        const headed = responsesOf(heads, "HEAD", "HEAD", "HEAD", "GET");
        expect(headed.rest).toBe("");
        expect(headed.final.slice(0, 3).map(({ headers }) => headers)).toEqual(
          responsesOf(gets).final.map(({ headers }) => headers),
        );
        expect(headed.final.map(({ body }) => body)).toEqual(["", "", "", "hello"]);
      },
    ));

  for (const status of [204, 304]) {
    test(`serveHttp sends no body with ${status}, whatever the reply holds`, () => {
      const replies: Record<string, Reply> = {
        "/text": text("no", { status }),
        "/long": text("no".repeat(20_000), { status }),
        "/bytes": bytes(new Uint8Array(9), { status }),
      };
      return withServer(
        ({ target }) => replies[target] ?? hello(),
        function* (world) {
          const peer = yield* world.ask([...Object.keys(replies), "/"].map((path) => request(`GET ${path}`)).join(""));
          const { statuses, rest, final } = responsesOf(peer);
          expect([statuses, rest]).toEqual([[status, status, status, 200], ""]);
          expect(final[0]?.headers.has("content-length")).toBe(false);
        },
      );
    });
  }
});
