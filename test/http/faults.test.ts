// Faults around the answer and the Fetch bridge: failures that nobody waits for, reads that nobody wants any more, clocks of
// reads that were made between two passes, and what a late or unwanted answer holds.

import { describe, expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { until } from "../../src/concurrency/until.ts";
import { sleep } from "../../src/core/sleep.ts";
import { fromFetch, type HttpHandler, replyOf, stream, text } from "../../src/http/index.ts";
import { Simulation } from "../../src/sim/index.ts";
import { bodiesOf, request, responsesOf, settle, SOON_MS, withServer } from "./support.ts";

/** Lets the real event loop turn: only then does an engine tell of rejections that nobody handles. */
const realTurns = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** Runs `body` until rejections in it that nobody handles would end a process: Bun then fails the test by itself, listeners or not. */
async function withoutUnhandled(body: () => Promise<unknown>): Promise<void> {
  await body();
  await realTurns();
}

const broken = (): ReadableStream =>
  new ReadableStream({
    start(controller) {
      controller.error(new Error("upstream"));
    },
  });

describe("a Response with a stream that has failed", () => {
  for (const [method, status] of [
    ["HEAD", 200],
    ["GET", 204],
  ] as const)
    test(`to ${method} with ${status} it is no unhandled rejection: nobody reads the stream`, async () => {
      await withoutUnhandled(() =>
        withServer(
          fromFetch(() => new Response(broken(), { status })),
          function* (world) {
            const peer = yield* world.ask(request(`${method} /`));
            yield* settle();
            expect(responsesOf(peer, method).statuses).toEqual([status]);
          },
        ),
      );
    });

  test("it is none either when the stream fails before the answer is sent", async () => {
    let fail!: (error: Error) => void;
    const source = new ReadableStream({ start: (controller) => void (fail = (error) => controller.error(error)) });
    const inner = fromFetch(() => new Response(source));
    const slow: HttpHandler = function* (incoming) {
      const reply = yield* replyOf(incoming, inner(incoming));
      fail(new Error("upstream"));
      yield* until(realTurns());
      return reply;
    };
    await withoutUnhandled(() =>
      withServer(slow, function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* until(realTurns());
        yield* settle();
        expect([responsesOf(peer).statuses, world.errors.length]).toEqual([[], 1]);
      }),
    );
  });
});

describe("until", () => {
  test("it ignores the rejection of a promise that it never got to wait for, as its scope was cancelled", async () => {
    await withoutUnhandled(() =>
      new Simulation()
        .run(() =>
          scope(function* (inner) {
            inner.cancel();
            yield* until(Promise.reject(new Error("late")));
          }),
        )
        .catch(() => {}),
    );
  });

  test("it throws what a then throws, and the world goes on", () =>
    withServer(
      (() => ({
        // oxlint-disable-next-line unicorn/no-thenable
        then(): void {
          throw new Error("no then");
        },
      })) as unknown as HttpHandler,
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        expect([responsesOf(peer).statuses, world.errors.map(String)]).toEqual([[500], ["Error: no then"]]);
      },
    ));
});

describe("an answer that nobody wants", () => {
  test("a stream in a Response that comes after its client has gone is cancelled", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let cancels = 0;
    await withServer(
      fromFetch(async () => {
        await promise;
        return new Response(new ReadableStream({ cancel: () => void cancels++ }));
      }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        peer.socket?.terminate();
        yield* sleep(SOON_MS);
        resolve();
        yield* settle();
      },
    );
    expect(cancels).toBe(1);
  });

  test("a stream in a Response with 205, which has no body, is cancelled", async () => {
    let cancels = 0;
    await withServer(
      fromFetch(() => new Response(new ReadableStream({ cancel: () => void cancels++ }), { status: 205 })),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* settle();
        expect(responsesOf(peer).statuses).toEqual([205]);
      },
    );
    expect(cancels).toBe(1);
  });

  test("a stream with a chunk at hand that is no bytes is cancelled", async () => {
    let cancels = 0;
    await withServer(
      fromFetch(() => {
        const source = new ReadableStream({
          start: (controller) => controller.enqueue({}),
          cancel: () => void cancels++,
        });
        return new Response(source);
      }),
      function* (world) {
        // As Bun does it: the chunks that are there are looked at before the head is sent.
        Object.assign(world.simulation.host, {
          peek: (promise: Promise<unknown>) =>
            Bun.peek.status(promise) === "fulfilled" ? Bun.peek(promise) : undefined,
        });
        const peer = yield* world.ask(request("GET /"));
        yield* settle();
        expect(responsesOf(peer).statuses).toEqual([500]);
      },
    );
    expect(cancels).toBe(1);
  });
});

describe("the clock of a body that promises read", () => {
  test("it stops when the body turns out to be faulty", () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return withServer(
      fromFetch(async (incoming) => {
        await incoming.text().catch(() => {});
        await promise;
        return new Response("never mind");
      }),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Transfer-Encoding: chunked"], "2\r\n"));
        peer.send("zz");
        yield* sleep(SOON_MS);
        peer.send("zz");
        yield* sleep(2_000);
        resolve();
        yield* settle();
        expect([responsesOf(peer).statuses, world.timeouts]).toEqual([[400], 0]);
      },
      { bodyStallMs: 1_000 },
    );
  });

  test("it stops when the stream of the body is cancelled", () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return withServer(
      fromFetch(async (incoming) => {
        const reader = (incoming.body as ReadableStream<Uint8Array>).getReader();
        const read = reader.read();
        await Promise.resolve();
        await reader.cancel();
        await read;
        await promise;
        return new Response("enough");
      }),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 5"]));
        yield* sleep(2_000);
        resolve();
        yield* settle();
        expect([responsesOf(peer).statuses, world.timeouts]).toEqual([[200], 0]);
      },
      { bodyStallMs: 1_000 },
    );
  });

  test("it begins at the read, however long ago the last pass was", () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return withServer(
      fromFetch(async (incoming) => {
        if (incoming.method === "GET") return new Response("another");
        await promise;
        return new Response(await incoming.text());
      }),
      function* (world) {
        const { host } = world.simulation;
        const peer = world.connect(request("POST /", ["Content-Length: 5"]));
        const another = world.connect();
        host.schedule(5_000, resolve);
        host.schedule(5_100, () => another.send(request("GET /")));
        host.schedule(6_000, () => peer.send("hello"));
        yield* sleep(7_000);
        yield* settle();
        expect([bodiesOf(peer), world.timeouts]).toEqual([["hello"], 0]);
      },
      { bodyStallMs: 3_000 },
    );
  });

  test("it ends on time, also where nothing else happens", () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let endedAt = 0;
    return withServer(
      fromFetch(async (incoming) => {
        await promise;
        return new Response(await incoming.text());
      }),
      function* (world) {
        world.connect(request("POST /", ["Content-Length: 5"]));
        world.simulation.host.schedule(100, resolve);
        yield* sleep(20_000);
        expect(endedAt).toBeGreaterThanOrEqual(1_100);
        expect(endedAt).toBeLessThan(1_200);
        yield* settle();
      },
      { bodyStallMs: 1_000, onTimeout: (conn) => void (endedAt = conn.scheduler.now()) },
    );
  });
});

describe("FetchRequest", () => {
  test("bytes() are its own: whoever transfers their buffer takes neither the head nor the next request along", () =>
    withServer(
      fromFetch(async (incoming) => {
        const body = await incoming.bytes();
        structuredClone(body, { transfer: [body.buffer as ArrayBuffer] });
        return new Response(`${incoming.headers.get("x-mark")} ${body.length}`);
      }),
      function* (world) {
        const post = request("POST /", ["X-Mark: here", "Content-Length: 8192"], "x".repeat(8192));
        const peer = yield* world.ask(post, post);
        yield* settle();
        yield* settle();
        expect(bodiesOf(peer)).toEqual(["here 0", "here 0"]);
      },
    ));

  test("bytes() of a body whose stream is locked rejects, and does not throw", () =>
    withServer(
      fromFetch(async (incoming) => {
        (incoming.body as ReadableStream<Uint8Array>).getReader();
        const read = incoming.bytes();
        return new Response(await read.then(String, (error: Error) => error.name));
      }),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 2"], "ab"));
        yield* settle();
        expect(bodiesOf(peer)).toEqual(["TypeError"]);
      },
    ));
});

describe("serveHttp", () => {
  test("it drains without waiting for the rest of a body that nobody reads", () =>
    withServer(
      () => text("no need"),
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Transfer-Encoding: chunked"], "2\r\nab\r\n"));
        expect(bodiesOf(peer)).toEqual(["no need"]);
        world.server.cancel();
        yield* sleep(SOON_MS);
        expect(peer.ended).toBe(true);
      },
    ));

  test("it takes trailers without a limit", () =>
    withServer(
      function* (incoming) {
        return text(yield* incoming.text());
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Transfer-Encoding: chunked"], "1\r\na\r\n0\r\nx: y\r\n\r\n"));
        expect(bodiesOf(peer)).toEqual(["a"]);
      },
      { trailerBytesMax: Number.POSITIVE_INFINITY },
    ));

  test("a stream to an HTTP/1.0 client that is cancelled with the server ends with a reset: a FIN would say that it is whole", () =>
    withServer(
      () =>
        stream(function* (writer) {
          yield* writer.write("half");
          yield* sleep(60_000);
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET / HTTP/1.0"));
        world.server.cancel();
        yield* sleep(1_000);
        expect(peer.wasReset).toBe(true);
      },
      { graceMs: 500 },
    ));

  test("the same for a client that has half-closed and counts as gone in the middle of its answer", () =>
    withServer(
      () =>
        stream(function* (writer) {
          yield* writer.write("half");
          yield* sleep(60_000);
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET / HTTP/1.0"));
        peer.shutdown();
        yield* sleep(10_000);
        expect(peer.wasReset).toBe(true);
      },
    ));
});
