// The life of a Fetch handler's request: its body at the client's pace, its stream while the client stays, its signal when the client goes.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../../src/core/sleep.ts";
import { type FetchHandler, fromFetch, Rejection, RequestOverError } from "../../../src/http/index.ts";
import { bodiesOf, request, responsesOf, settle, SOON_MS, withServer } from "../support.ts";

const handle = (handler: FetchHandler): ReturnType<typeof fromFetch> => fromFetch(handler);

describe("fromFetch's request body", () => {
  test("it comes piece by piece to a reader of the stream, and no piece is asked for before it is wanted", () => {
    const pieces: string[] = [];
    return withServer(
      handle(async ({ body }) => {
        for await (const piece of body as unknown as AsyncIterable<Uint8Array>)
          pieces.push(Buffer.from(piece).toString());
        return new Response(pieces.join("|"));
      }),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 9"], "one"));
        yield* settle();
        expect(pieces).toEqual(["one"]);
        peer.send("two");
        yield* sleep(SOON_MS);
        yield* settle();
        expect(pieces).toEqual(["one", "two"]);
        peer.send(`end${request("GET /")}`);
        yield* sleep(SOON_MS);
        yield* settle();
        expect(bodiesOf(peer)[0]).toBe("one|two|end");
      },
    );
  });

  test("it is text, JSON, bytes, a buffer, a blob and a form, and gone after that", () => {
    const readers: Record<string, (incoming: Request) => Promise<unknown>> = {
      "/text": (incoming) => incoming.text(),
      "/json": (incoming) => incoming.json(),
      "/bytes": async (incoming) => [...(await incoming.bytes())],
      "/buffer": async (incoming) => (await incoming.arrayBuffer()).byteLength,
      "/blob": async (incoming) => (await incoming.blob()).type,
      "/form": async (incoming) => [...(await incoming.formData())],
      "/twice": async (incoming) => {
        await incoming.text();
        return [incoming.bodyUsed, await incoming.text().catch((error: Error) => error.message)];
      },
      "/none": async (incoming) => [incoming.body, await incoming.text(), incoming.bodyUsed],
    };
    return withServer(
      handle(async (incoming) => {
        const path = new URL(incoming.url).pathname;
        return new Response(JSON.stringify(await readers[path]?.(incoming)));
      }),
      function* (world) {
        const sent: [path: string, body: string, expected: unknown][] = [
          ["/text", "a=1", "a=1"],
          ["/json", '{"a":1}', { a: 1 }],
          ["/bytes", "\x01\x7f", [1, 127]],
          ["/buffer", "12345", 5],
          ["/blob", "x", "application/x-www-form-urlencoded;charset=UTF-8"],
          [
            "/form",
            "a=1&b=%20",
            [
              ["a", "1"],
              ["b", " "],
            ],
          ],
          ["/twice", "x", [true, "Cannot read the body of the request: it was read before"]],
        ];
        const peer = world.connect();
        const type = "Content-Type: application/x-www-form-urlencoded";
        for (const [path, body] of sent) {
          peer.send(request(`POST ${path}`, [type, `Content-Length: ${body.length}`], body));
          yield* settle();
        }
        peer.send(request("GET /none"));
        yield* settle();
        const expected = [...sent.map(([, , value]) => value), [null, "", true]];
        expect(bodiesOf(peer).map((body) => JSON.parse(body))).toEqual(expected);
      },
    );
  });

  test("it is asked for with a 100 when it is read, and not before", () =>
    withServer(
      handle(async (incoming) => {
        await until100;
        return new Response(await incoming.text());
      }),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 2", "Expect: 100-continue"]));
        yield* settle();
        expect(peer.received.length).toBe(0);
        go();
        yield* settle();
        expect(responsesOf(peer).statuses).toEqual([100]);
        peer.send("ok");
        yield* sleep(SOON_MS);
        yield* settle();
        expect(bodiesOf(peer)).toEqual(["ok"]);
      },
    ));
  const { promise: until100, resolve: go } = Promise.withResolvers<void>();

  test("it fails where it breaks a rule or the limit, and the client is told so whatever the handler makes of it", () => {
    const caught: unknown[] = [];
    const handler = handle(async (incoming) => {
      await incoming.text().catch((error: unknown) => caught.push(error));
      return new Response("never mind");
    });
    return withServer(
      handler,
      function* (world) {
        const long = yield* world.ask(request("POST /", ["Content-Length: 17"]));
        const faulty = yield* world.ask(request("POST /", ["Transfer-Encoding: chunked"], "2\r\nabc"));
        const cut = yield* world.ask(request("POST /", ["Content-Length: 4"], "ab"));
        cut.shutdown();
        yield* sleep(SOON_MS);
        yield* settle();
        const statuses = [long, faulty, cut].map((peer) => responsesOf(peer).statuses);
        expect(statuses).toEqual([[413], [400], [400]]);
        expect(caught.map((error) => error instanceof Rejection)).toEqual([true, true, false]);
      },
      { bodyBytesMax: 16 },
    );
  });

  test("it that nobody reads is dropped, and the connection goes on; a read that is out then fails", () => {
    const late: unknown[] = [];
    return withServer(
      handle((incoming) => {
        if (incoming.method === "GET") return new Response("next");
        incoming.text().catch((error: unknown) => late.push(error));
        return new Response("early");
      }),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 6"], "abc"));
        yield* settle();
        peer.send(`def${request("GET /")}`);
        yield* settle();
        expect(bodiesOf(peer)).toEqual(["early", "next"]);
        expect(late).toMatchObject([expect.any(RequestOverError)]);
      },
    );
  });

  test("it that stands still is answered with 408", () =>
    withServer(
      handle(async (incoming) => new Response(await incoming.text())),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 6"], "abc"));
        yield* settle();
        yield* sleep(31_000);
        expect([responsesOf(peer).statuses, peer.ended, world.timeouts]).toEqual([[408], true, 1]);
      },
    ));
});

describe("fromFetch's response stream", () => {
  test("it is pulled at the client's pace and cancelled when the client goes", () => {
    let pulled = 0;
    let cancelled = 0;
    const block = new Uint8Array(64 * 1024);
    const handler = handle(() => {
      const body = new ReadableStream({
        pull(controller) {
          pulled++;
          controller.enqueue(block);
        },
        cancel() {
          cancelled++;
        },
      });
      return new Response(body);
    });
    return withServer(handler, function* (world) {
      const peer = world.connect(request("GET /"));
      peer.pause();
      for (let i = 0; i < 5; i++) yield* settle();
      const before = pulled;
      for (let i = 0; i < 5; i++) yield* settle();
      expect([pulled, cancelled]).toEqual([before, 0]);
      peer.reset();
      yield* settle();
      expect(cancelled).toBe(1);
    });
  });

  test("it is cancelled, and never pulled, for HEAD", () => {
    const seen: string[] = [];
    return withServer(
      handle(() => {
        const source = { pull: () => void seen.push("pulled"), cancel: () => void seen.push("cancelled") };
        const headers = { "content-length": "12", "content-type": "text/x" };
        return new Response(new ReadableStream(source, { highWaterMark: 0 }), { headers });
      }),
      function* (world) {
        const peer = yield* world.ask(request("HEAD /"));
        yield* settle();
        const [answer] = responsesOf(peer, "HEAD").all;
        expect([answer?.headers.get("content-length"), answer?.headers.get("content-type")]).toEqual(["12", "text/x"]);
        expect(seen.includes("cancelled")).toBe(true);
      },
    );
  });

  test("it that fails in the middle cuts the answer and is reported", () =>
    withServer(
      handle(() => {
        let pulls = 0;
        const pull = (controller: ReadableStreamDefaultController): void => {
          if (pulls++ > 0) throw new Error("the race ran dry");
          controller.enqueue(new TextEncoder().encode("half"));
        };
        return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* settle();
        expect([peer.ended, peer.text.endsWith("0\r\n\r\n")]).toEqual([true, false]);
        expect(world.errors).toMatchObject([{ message: "the race ran dry" }]);
      },
    ));
});

describe("fromFetch's request", () => {
  test("its signal aborts when the client goes", () => {
    const signals: AbortSignal[] = [];
    return withServer(
      handle(({ signal }) => {
        signals.push(signal);
        return new Promise(() => {});
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
        peer.reset();
        yield* sleep(SOON_MS);
        expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
      },
    );
  });

  test("its URL, method and headers are those of the request, and it counts as a Request", () =>
    withServer(
      handle((incoming, server) => {
        const { method, url, headers } = incoming;
        headers.set("x-b", "2");
        const names = [...headers.keys()].filter((name) => name.startsWith("x-"));
        const kinds = [incoming instanceof Request, headers instanceof Headers];
        const ip = server.requestIP(incoming)?.family ?? null;
        const foreign = server.requestIP(new Request(url));
        return new Response(JSON.stringify([method, url, headers.get("X-A"), names, kinds, ip, foreign]));
      }),
      function* (world) {
        const peer = yield* world.ask(request("PATCH /a%20b?c", ["Host: mill.example:81", "x-a: 1", "X-A: 2"]));
        const old = yield* world.ask("GET /old HTTP/1.0\r\n\r\n");
        yield* settle();
        const [answer = "null"] = bodiesOf(peer);
        const url = "http://mill.example:81/a%20b?c";
        expect(JSON.parse(answer)).toEqual(["PATCH", url, "1, 2", ["x-a", "x-b"], [true, true], "IPv4", null]);
        expect(JSON.parse(bodiesOf(old)[0] ?? "null")[1]).toBe("http://localhost/old");
      },
    ));
});
