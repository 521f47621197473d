// The client leaves: by a reset, which is at once the end, or by a FIN, behind which it may still want its answer.

import { describe, expect, test } from "bun:test";
import { shield } from "../../src/concurrency/shield.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { bytes, type HttpRequest, stream, text } from "../../src/http/index.ts";
import { CALM_NETWORK } from "../../src/sim/index.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

/** A handler that waits for ever, and what became of it. */
function waiter() {
  const log: string[] = [];
  function* handler(incoming: HttpRequest) {
    const { signal } = incoming;
    signal.addEventListener("abort", () => log.push(`aborted ${signal.reason.code}`));
    try {
      yield* sleepForever();
    } finally {
      log.push("finally");
      yield* shield(sleep(100), 1_000);
      log.push("cleaned up");
    }
    return text("never");
  }
  return { log, handler };
}

const GONE = ["aborted ERR_HTTP_CLIENT_GONE", "finally", "cleaned up"];

describe("serveHttp when the client resets", () => {
  test("serveHttp cancels the handler at once: its finally runs and request.signal aborts", () => {
    const { log, handler } = waiter();
    return withServer(handler, function* (world) {
      const peer = yield* world.ask(request("GET /"));
      peer.reset();
      yield* sleep(SOON_MS);
      expect(log).toEqual(GONE.slice(0, 2));
      yield* sleep(100);
      expect([log, world.errors]).toEqual([GONE, []]);
    });
  });

  test("serveHttp cancels a handler that reads the body, and one that streams", () => {
    const log: string[] = [];
    return withServer(
      (incoming) =>
        stream(function* (writer) {
          try {
            if (incoming.hasBody) yield* incoming.bytes();
            for (;;) {
              yield* writer.write("tick");
              yield* sleep(1_000);
            }
          } finally {
            log.push(incoming.target);
          }
        }),
      function* (world) {
        const reading = yield* world.ask(request("POST /reading", ["Content-Length: 10"], "123"));
        const streaming = yield* world.ask(request("GET /streaming"));
        yield* sleep(5_000);
        reading.reset();
        yield* sleep(SOON_MS);
        streaming.reset();
        yield* sleep(SOON_MS);
        expect([log, world.errors, world.rejections]).toEqual([["/reading", "/streaming"], [], []]);
      },
    );
  });

  test("serveHttp cancels a handler that waits for a promise, and hears nothing of it later", () => {
    let refuse: ((error: Error) => void) | undefined;
    return withServer(
      () =>
        new Promise((_, reject) => {
          refuse = reject;
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        peer.reset();
        yield* sleep(SOON_MS);
        refuse?.(new Error("too late"));
        yield* sleep(SOON_MS);
        expect(world.errors).toEqual([]);
      },
    );
  });

  test("serveHttp is quiet about a reset in the middle of a head, between requests, and within a large answer", () =>
    withServer(
      () => bytes(new Uint8Array(2_000_000)),
      function* (world) {
        for (const raw of ["GET / HT", "", request("GET /"), request("GET /").repeat(10)]) {
          const peer = world.connect(raw);
          yield* sleep(1);
          peer.reset();
          yield* sleep(SOON_MS);
        }
        expect([world.errors, world.rejections]).toEqual([[], []]);
      },
    ));

  test("serveHttp still tells of an error of the handler's own", () =>
    withServer(
      function* () {
        try {
          yield* sleepForever();
        } finally {
          JSON.parse("a bug in finally");
        }
        return text("never");
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        peer.reset();
        yield* sleep(SOON_MS);
        expect(world.errors).toEqual([expect.any(SyntaxError)]);
      },
    ));
});

describe("serveHttp when the client sends FIN", () => {
  test("serveHttp answers a client that half-closed, then closes", () =>
    withServer(
      function* ({ target }) {
        yield* sleep(1_500);
        return text(target);
      },
      function* (world) {
        const peer = world.connect(request("GET /a") + request("GET /b"));
        peer.shutdown();
        yield* sleep(4_000);
        expect(bodiesOf(peer)).toEqual(["/a", "/b"]);
        expect([peer.closed, peer.wasReset]).toEqual([true, false]);
      },
    ));

  test("serveHttp counts a client as gone 2 s after its FIN", () => {
    const { log, handler } = waiter();
    return withServer(handler, function* (world) {
      const { host } = world.simulation;
      const peer = world.connect(request("GET /"));
      const early: number[] = [];
      // Nothing runs in between: a time read with the request is six seconds old when the FIN comes. The grace counts from the FIN.
      host.schedule(6_000, () => peer.shutdown());
      host.schedule(7_990, () => early.push(log.length));
      yield* sleep(8_200);
      expect(early).toEqual([0]);
      expect([log, peer.text]).toEqual([GONE, ""]);
      expect(peer.closed).toBe(true);
    });
  });

  test("serveHttp's halfCloseGraceMs sets that time", () => {
    const { log, handler } = waiter();
    return withServer(
      handler,
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        peer.shutdown();
        yield* sleep(450);
        expect(log).toEqual([]);
        yield* sleep(200);
        expect(log).toEqual(GONE);
      },
      { halfCloseGraceMs: 500 },
    );
  });

  test("serveHttp sends a half-closed client all of a large answer that takes longer than the grace", () =>
    withServer(
      ({ target }) =>
        target === "/bytes"
          ? bytes(new Uint8Array(400_000))
          : stream(function* (writer) {
              for (let i = 0; i < 40; i++) yield* writer.write(new Uint8Array(10_000));
            }),
      function* (world) {
        for (const target of ["/bytes", "/stream"]) {
          const peer = world.connect(request(`GET ${target}`));
          peer.shutdown();
          for (let i = 0; i < 60; i++) {
            peer.pause();
            yield* sleep(900);
            peer.resume();
            yield* sleep(1);
          }
          yield* sleep(1_000);
          expect(bodiesOf(peer).map(({ length }) => length)).toEqual([400_000]);
        }
      },
      { network: { ...CALM_NETWORK, sendBufferBytes: [4_000, 4_000], receiveBufferBytes: 4_000 } },
    ));

  test("serveHttp closes at a FIN between requests and in the middle of a head, without an answer", () =>
    withServer(
      () => text("hello"),
      function* (world) {
        for (const [raw, statuses] of [
          ["", []],
          ["GET / HT", []],
          ["\r\n", []],
          [request("GET /"), [200]],
          [`${request("GET /")}GET /`, [200]],
        ] as const) {
          const peer = world.connect(raw);
          peer.shutdown();
          yield* sleep(SOON_MS);
          expect([responsesOf(peer).statuses, peer.closed, peer.wasReset]).toEqual([[...statuses], true, false]);
        }
        expect(world.rejections).toEqual([]);
      },
    ));
});

describe("HttpRequest.signal", () => {
  test("HttpRequest.signal belongs to one request: a later one's end does not abort it", () => {
    const signals: AbortSignal[] = [];
    return withServer(
      function* (incoming) {
        signals.push(incoming.signal);
        expect(incoming.signal).toBe(signals.at(-1) as AbortSignal);
        if (incoming.target === "/slow") yield* sleepForever();
        return text("ok");
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /") + request("GET /slow"));
        peer.reset();
        yield* sleep(SOON_MS);
        expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
      },
    );
  });
});
