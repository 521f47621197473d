// Request bodies: read in pieces or whole, limited, not read at all, ending early.

import { describe, expect, test } from "bun:test";
import { Latch } from "../../src/concurrency/latch.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpRequest, json, type Rejection, type Reply, router, stream, text } from "../../src/http/index.ts";
import { firstOf } from "../concurrency/first-of.ts";
import { bodiesOf, request, responsesOf, settle, SOON_MS, withServer } from "./support.ts";

const CHUNKED = ["Transfer-Encoding: chunked"];
const lengthOf = (body: string): string[] => [`Content-Length: ${body.length}`];
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

function* echo(incoming: HttpRequest) {
  return text(yield* incoming.text());
}

/** Answers with the pieces of the body as they came. */
function* pieces(incoming: HttpRequest) {
  const all: string[] = [];
  for (let data: Uint8Array | null; (data = yield* incoming.read()) !== null;) all.push(Buffer.from(data).toString());
  return text(all.join("|"));
}

describe("HttpRequest's body", () => {
  test("HttpRequest.text, json and bytes give the whole body, of both framings", () =>
    withServer(
      function* (incoming) {
        if (incoming.target === "/json") return text(JSON.stringify(yield* incoming.json()));
        if (incoming.target === "/bytes") return text((yield* incoming.bytes()).join(","));
        return text(yield* incoming.text());
      },
      function* (world) {
        const json = '{"a": 1}';
        const peer = yield* world.ask(
          request("POST /json", lengthOf(json), json),
          request("POST /bytes", CHUNKED, `${chunk("ab")}${chunk("c")}0\r\n\r\n`),
          request("POST /text", CHUNKED, "3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"),
          request("POST /empty", ["Content-Length: 0"]),
          request("POST /none"),
          request("POST /bytes", CHUNKED, "0\r\n\r\n"),
          request("POST /last", lengthOf("x"), "x"),
        );
        expect(bodiesOf(peer)).toEqual(['{"a":1}', "97,98,99", "abc", "", "", "", "x"]);
      },
    ));

  test("HttpRequest.text replaces what is no UTF-8, and HttpRequest.json throws a rejection that the handler may answer", () =>
    withServer(
      function* (incoming) {
        if (incoming.target === "/text") return text(encodeURIComponent(yield* incoming.text()));
        try {
          yield* incoming.json();
        } catch (error) {
          const { name, cause } = error as Error;
          return text(`${name}: ${(cause as Error).name}`, { status: 422 });
        }
        return text("never");
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /text", ["Content-Length: 2"]), new Uint8Array([0xff, 0x41]));
        peer.send(request("POST /json", lengthOf("{"), "{"));
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["%EF%BF%BDA", "Rejection: SyntaxError"]);
      },
    ));

  test("HttpRequest.json that is none is answered with 400, told to the hook and to no error log, and the connection goes on", () =>
    withServer(
      function* (incoming) {
        return json(yield* incoming.json());
      },
      function* (world) {
        const peer = yield* world.ask(
          request("POST /", lengthOf("{"), "{") + request("POST /", lengthOf("[1]"), "[1]"),
        );
        expect(bodiesOf(peer)).toEqual(["400 Bad Request\n", "[1]"]);
        expect(world.rejections).toMatchObject([{ code: "ERR_HTTP_JSON" }]);
        expect([world.errors, peer.ended]).toEqual([[], false]);
      },
    ));

  test("HttpRequest.bytes that breaks a rule may be answered by a handler in its own way, and the connection ends behind it", () =>
    withServer(
      function* (incoming) {
        try {
          return text(yield* incoming.text());
        } catch (error) {
          const { status } = error as Rejection;
          return json({ error: status }, { status: incoming.target === "/fine" ? 200 : status });
        }
      },
      function* (world) {
        const long = yield* world.ask(request("POST /", lengthOf("12345"), "12345") + request("GET /"));
        const fine = yield* world.ask(request("POST /fine", lengthOf("12345"), "12345"));
        expect([bodiesOf(long), long.ended]).toEqual([['{"error":413}'], true]);
        expect(responsesOf(long).all[0]?.headers.get("connection")).toBe("close");
        // That all is well is not believed.
        expect([bodiesOf(fine), fine.ended]).toEqual([["413 Content Too Large\n"], true]);
        expect(world.rejections.map(({ status }) => status)).toEqual([413, 413]);
      },
      { bodyBytesMax: 4 },
    ));

  test("HttpRequest.json that nobody ran is no value: what is made of it fails, and does not look like an answer", () =>
    withServer(
      async (incoming) => {
        // Both are what somebody writes who comes from promises: await gives back what is no promise.
        if (incoming.path === "/text") return text(`hello ${await (incoming.text() as unknown as Promise<string>)}`);
        return json({ got: await (incoming.json() as unknown as Promise<unknown>) });
      },
      function* (world) {
        const peer = yield* world.ask(
          request("POST /text", lengthOf("a"), "a") + request("POST /", lengthOf("1"), "1"),
        );
        yield* settle();
        expect(responsesOf(peer).statuses).toEqual([500, 500]);
        const told = (name: string): unknown => ({
          message: expect.stringContaining(`the operation "request.${name}"`),
        });
        expect(world.errors).toMatchObject([told("text"), told("json")]);
        world.simulation.host.reports.splice(0);
      },
    ));

  test("HttpRequest.stream is the body as a web stream, and null without one", () =>
    withServer(
      async (incoming) => {
        const body = incoming.stream();
        return text(body === null ? "none" : await new Response(body).text());
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /", lengthOf("abcdef"), "abc") + "def" + request("GET /"));
        yield* settle();
        expect(bodiesOf(peer)).toEqual(["abcdef", "none"]);
      },
    ));

  test("HttpRequest.read gives each piece when it comes", () =>
    withServer(pieces, function* (world) {
      const peer = yield* world.ask(request("POST /", lengthOf("abcdef"), "ab"));
      peer.send("cd");
      yield* sleep(SOON_MS);
      peer.send(`ef${request("POST /", CHUNKED, "3\r\nab")}`);
      yield* sleep(SOON_MS);
      peer.send(`c\r\n${chunk("de")}${chunk("f")}0\r\n\r\n`);
      yield* sleep(SOON_MS);
      expect(bodiesOf(peer)).toEqual(["ab|cd|ef", "ab|c|de|f"]);
    }));

  test("HttpRequest.read leaves a large body with the client while the handler does not read", () =>
    withServer(
      function* (incoming) {
        yield* sleep(60_000);
        return text(`${(yield* incoming.bytes()).length}`);
      },
      function* (world) {
        const peer = world.connect(request("POST /", ["Content-Length: 4000000"]), new Uint8Array(4_000_000));
        yield* sleep(30_000);
        expect(peer.unsentBytes).toBeGreaterThan(1_000_000);
        yield* sleep(40_000);
        expect(bodiesOf(peer)).toEqual(["4000000"]);
        expect(world.timeouts).toBe(0);
      },
    ));

  test("HttpRequest.bytes gives what is left, and refuses a second reading", () =>
    withServer(
      function* (incoming) {
        const first = Buffer.from((yield* incoming.read()) ?? []).toString();
        const rest = Buffer.from(yield* incoming.bytes()).toString();
        if (incoming.target === "/twice") yield* incoming.text();
        return text(`${first}+${rest}+${yield* incoming.read()}`);
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /", CHUNKED, `${chunk("ab")}${chunk("cd")}0\r\n\r\n`));
        peer.send(request("POST /twice", CHUNKED, `${chunk("ab")}0\r\n\r\n`));
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["ab+cd+null", "500 Internal Server Error\n"]);
        expect(world.errors).toMatchObject([
          { code: "ERR_HTTP_REQUEST_OVER", message: "Cannot read the body of the request: it was read before" },
        ]);
      },
    ));

  test("HttpRequest.bytes gives what is left however the body was cut, also when that is nothing", () =>
    withServer(
      function* (incoming) {
        const first = Buffer.from((yield* incoming.read()) ?? []).toString();
        return text(`${first}+${yield* incoming.text()}`);
      },
      function* (world) {
        const cut = yield* world.ask(request("POST /", lengthOf("abcd"), "ab"));
        cut.send("cd");
        const [whole, chunked] = [
          yield* world.ask(request("POST /", lengthOf("abcd"), "abcd")),
          yield* world.ask(request("POST /", CHUNKED, `${chunk("abcd")}0\r\n\r\n`)),
        ];
        expect([cut, whole, chunked].map((peer) => bodiesOf(peer))).toEqual([["ab+cd"], ["abcd+"], ["abcd+"]]);
      },
    ));

  for (const { name, fields, parts } of [
    { name: "a length", fields: ["Content-Length: 6"], parts: ["ab", "cd", "ef"] },
    { name: "chunks", fields: CHUNKED, parts: [chunk("ab"), chunk("cd"), `${chunk("ef")}0\r\n\r\n`] },
  ]) {
    test(`HttpRequest.bytes that is given up loses nothing of a body with ${name}`, () =>
      withServer(
        function* (incoming) {
          const seen: string[] = [];
          const opened = new Latch();
          opened.open();
          const see = (bytes: Uint8Array | null | undefined): number =>
            seen.push(bytes ? Buffer.from(bytes).toString() : `${bytes}`);
          if (incoming.target === "/race") {
            yield* sleep(50);
            seen.push(`${(yield* firstOf([incoming.bytes(), opened.wait()])).index}`);
          } else see(yield* moveOnAfter(50, incoming.bytes()));
          if (incoming.target === "/drop") return text(seen.join());
          if (incoming.target === "/read") see(yield* incoming.read());
          else see(yield* moveOnAfter(50, incoming.bytes()));
          see(yield* incoming.bytes());
          return text(seen.join());
        },
        function* (world) {
          const outcomes: string[] = [];
          for (const path of ["/bytes", "/read", "/drop", "/race"]) {
            const peer = world.connect(request(`POST ${path}`, fields));
            for (const part of parts) {
              yield* sleep(40);
              peer.send(part);
            }
            yield* sleep(SOON_MS);
            peer.send(request("POST /drop", ["Content-Length: 1"], "x"));
            yield* sleep(SOON_MS);
            outcomes.push(...bodiesOf(peer));
          }
          const whole = ["undefined,undefined,abcdef", "x"];
          expect(outcomes).toEqual([...whole, "undefined,ab,cdef", "x", "undefined", "x", "1,undefined,abcdef", "x"]);
        },
      ));
  }
});

describe("serveHttp with a body that nobody reads", () => {
  const ignore = (incoming: HttpRequest): Reply => text(incoming.target);

  for (const [name, fields, body] of [
    ["a length", ["Content-Length: 200000"], "x".repeat(200_000)],
    ["chunks", CHUNKED, `${chunk("x".repeat(100_000)).repeat(2)}0\r\n\r\n`],
  ] as const) {
    test(`serveHttp drops up to 256 KiB of a body with ${name} and goes on behind it`, () =>
      withServer(ignore, function* (world) {
        const peer = yield* world.ask(request("POST /first", fields, body) + request("GET /next"));
        expect(bodiesOf(peer)).toEqual(["/first", "/next"]);
        expect(responsesOf(peer).all[0]?.headers.has("connection")).toBe(false);
      }));
  }

  test("serveHttp announces the close when the length of the body says that it will not be dropped", () =>
    withServer(ignore, function* (world) {
      const peer = yield* world.ask(
        request("POST /first", ["Content-Length: 300000"]),
        new Uint8Array(300_000),
        request("GET /next"),
      );
      expect(bodiesOf(peer)).toEqual(["/first"]);
      expect(responsesOf(peer).all[0]?.headers.get("connection")).toBe("close");
      expect([peer.ended, peer.wasReset]).toEqual([true, false]);
    }));

  test("serveHttp drops as much as its option says", () =>
    withServer(
      ignore,
      function* (world) {
        const small = yield* world.ask(request("POST /first", lengthOf("12345"), "12345") + request("GET /next"));
        const large = yield* world.ask(request("POST /first", lengthOf("123456"), "123456") + request("GET /next"));
        expect([bodiesOf(small), bodiesOf(large)]).toEqual([["/first", "/next"], ["/first"]]);
      },
      { drainBodyBytesMax: 5 },
    ));

  test("serveHttp keeps its promise behind a chunked body of 15 MiB, whose length it could not know", () =>
    withServer(ignore, function* (world) {
      const peer = world.connect(
        request("POST /first", CHUNKED, `${chunk("x".repeat(1 << 20)).repeat(15)}0\r\n\r\n`) + request("GET /next"),
      );
      yield* sleep(1_000);
      expect(bodiesOf(peer)).toEqual(["/first", "/next"]);
    }));

  test("serveHttp keeps its promise behind a long body that its stream might have read and did not", () =>
    withServer(
      ({ target }) =>
        stream(function* (writer) {
          yield* writer.write(target);
        }),
      function* (world) {
        const body = "x".repeat(300_000);
        const peer = world.connect(request("POST /first", lengthOf(body), body) + request("GET /next"));
        yield* sleep(1_000);
        expect(bodiesOf(peer)).toEqual(["/first", "/next"]);
      },
    ));

  test("serveHttp closes behind 16 MiB of a chunked body", () =>
    withServer(ignore, function* (world) {
      const peer = world.connect(
        request("POST /first", CHUNKED, `${chunk("x".repeat(1 << 20)).repeat(17)}0\r\n\r\n`) + request("GET /next"),
      );
      yield* sleep(1_000);
      expect(bodiesOf(peer)).toEqual(["/first"]);
      expect([peer.ended, peer.wasReset]).toEqual([true, false]);
    }));

  test("serveHttp drops what a handler left of a body that it had begun", () =>
    withServer(
      function* (incoming) {
        yield* incoming.read();
        return text(incoming.target);
      },
      function* (world) {
        const peer = yield* world.ask(
          request("POST /first", CHUNKED, `${chunk("a")}${chunk("GET /smuggled")}0\r\n\r\n`) +
            request("POST /next", lengthOf("xy"), "x"),
        );
        peer.send(`y${request("GET /last")}`);
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["/first", "/next", "/last"]);
      },
    ));

  test("serveHttp does not hold a body that is dropped to the limit of its route", () =>
    withServer(
      router([
        ["POST", "/small", ignore, { bodyBytesMax: 3 }],
        ["GET", "/next", ignore],
      ]),
      function* (world) {
        const peer = yield* world.ask(request("POST /small", lengthOf("12345"), "12345") + request("GET /next"));
        expect(bodiesOf(peer)).toEqual(["/small", "/next"]);
        expect(world.rejections).toEqual([]);
      },
    ));
});

describe("serveHttp with a body that ends early", () => {
  for (const [name, fields, body] of [
    ["a length", ["Content-Length: 10"], "12345"],
    ["chunks", CHUNKED, chunk("12345")],
    ["half a chunk", CHUNKED, "a\r\n12345"],
  ] as const) {
    test(`serveHttp answers a body with ${name} that ends early with 400, and no handler's fault is told`, () => {
      const codes: string[] = [];
      return withServer(
        function* (incoming) {
          try {
            return yield* echo(incoming);
          } catch (error) {
            codes.push((error as { code: string }).code);
            throw error;
          }
        },
        function* (world) {
          const peer = world.connect(request("POST /", fields, body));
          peer.shutdown();
          yield* sleep(SOON_MS);
          expect(responsesOf(peer).statuses).toEqual([400]);
          expect([peer.closed, codes, world.errors]).toEqual([true, ["ERR_UNEXPECTED_END"], []]);
          expect(world.rejections).toMatchObject([{ status: 400 }]);
        },
      );
    });
  }

  test("serveHttp answers as the handler wants when the handler did not read the body that ends early", () =>
    withServer(
      () => text("early"),
      function* (world) {
        const peer = world.connect(request("POST /", ["Content-Length: 10"], "12345"));
        peer.shutdown();
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["early"]);
        expect([peer.closed, world.errors, world.rejections]).toEqual([true, [], []]);
      },
    ));
});
