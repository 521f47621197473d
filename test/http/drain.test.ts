// The end of a server: it accepts no more, lets go of idle connections at once, answers what it has begun, and cuts short what takes too long.

import { describe, expect, test } from "bun:test";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { stream, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

describe("serveHttp when it is cancelled", () => {
  test("serveHttp closes idle connections at once, used ones and new ones", () =>
    withServer(
      () => text("hello"),
      function* (world) {
        const used = yield* world.ask(request("GET /"));
        const fresh = yield* world.ask();
        const start = world.now();
        world.server.cancel();
        yield* sleep(SOON_MS);
        expect([used.ended, fresh.ended, used.wasReset]).toEqual([true, true, false]);
        used.end();
        fresh.end();
        yield* sleep(SOON_MS);
        expect(world.server.ending).toBe("cancelled");
        expect(world.now() - start).toBeLessThan(100);
      },
    ));

  test("serveHttp counts a connection with only empty lines behind its last request as idle", () =>
    withServer(
      (incoming) => text(incoming.target),
      function* (world) {
        const peer = yield* world.ask(`${request("POST /", ["Content-Length: 2"], "hi")}\r\n`);
        world.server.cancel();
        yield* sleep(SOON_MS);
        expect(peer.ended).toBe(true);
        peer.end();
      },
    ));

  test("serveHttp gives a half-sent head two seconds, so that no client can hold a deploy up with one", () =>
    withServer(
      () => text("hello"),
      function* (world) {
        const peer = yield* world.ask("GET / HT");
        world.server.cancel();
        yield* sleep(1_900);
        expect(peer.ended).toBe(false);
        yield* sleep(200);
        expect([peer.ended, peer.text.slice(0, 12)]).toEqual([true, "HTTP/1.1 408"]);
        peer.end();
      },
    ));

  test("serveHttp accepts no more connections", () =>
    withServer(
      () => text("hello"),
      function* (world) {
        world.server.cancel();
        yield* sleep(1);
        const late = yield* world.ask(request("GET /"));
        expect([late.opened, late.closed]).toEqual([false, true]);
      },
    ));

  test("serveHttp answers what is in flight with Connection: close, and nothing behind it", () =>
    withServer(
      function* (incoming) {
        const body = yield* incoming.text();
        yield* sleep(3_000);
        return text(`${incoming.target} ${body}`);
      },
      function* (world) {
        const waiting = yield* world.ask(request("GET /waiting") + request("GET /behind"));
        const reading = yield* world.ask(request("POST /reading", ["Content-Length: 4"], "bo"));
        const sending = yield* world.ask("GET /sending HTTP/1.1\r\n");
        world.server.cancel();
        yield* sleep(1_000);
        expect([waiting, reading, sending].map(({ ended }) => ended)).toEqual([false, false, false]);
        reading.send("dy");
        sending.send("Host: a\r\n\r\n");
        yield* sleep(4_000);
        for (const [peer, body] of [
          [waiting, "/waiting "],
          [reading, "/reading body"],
          [sending, "/sending "],
        ] as const) {
          expect(bodiesOf(peer)).toEqual([body]);
          expect(responsesOf(peer).all[0]?.headers.get("connection")).toBe("close");
          expect([peer.ended, peer.wasReset]).toEqual([true, false]);
        }
      },
    ));

  test("serveHttp may be cancelled from outside of every task, as by a signal, while all its connections are idle", () =>
    withServer(
      () => text("hello"),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        world.simulation.host.schedule(1, () => world.server.cancel("a signal"));
        yield* sleep(SOON_MS);
        expect([peer.ended, world.server.ending]).toEqual([true, "cancelled"]);
      },
    ));

  test("serveHttp answers a request that has arrived in the moment of the cancel", () =>
    withServer(
      () => text("just in time"),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        const { host } = world.simulation;
        // Behind the events of this moment, the arrival of the request among them, and before the pass that would read it.
        peer.send(request("GET /"));
        host.schedule(0.1, () => host.schedule(0, () => world.server.cancel()));
        yield* sleep(SOON_MS);
        expect(responsesOf(peer).statuses.length).toBe(2);
      },
    ));

  test("serveHttp lets a stream end within the grace, then closes", () =>
    withServer(
      () =>
        stream(function* (writer) {
          for (let i = 0; i < 5; i++) {
            yield* writer.write(`${i}`);
            yield* sleep(1_000);
          }
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        world.server.cancel();
        yield* sleep(5_500);
        expect([bodiesOf(peer), peer.ended]).toEqual([["01234"], true]);
      },
    ));

  test("serveHttp cancels what is left after graceMs", () => {
    const log: string[] = [];
    return withServer(
      function* ({ signal }) {
        signal.addEventListener("abort", () => log.push("aborted"));
        try {
          yield* sleepForever();
        } finally {
          log.push("finally");
        }
        return text("never");
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        world.server.cancel();
        yield* sleep(950);
        expect(log).toEqual([]);
        yield* sleep(100);
        expect(log.toSorted()).toEqual(["aborted", "finally"]);
        expect([world.errors, peer.text, peer.ended]).toEqual([[], "", true]);
        expect(world.server.ending).toBe("cancelled");
        expect(world.simulation.scheduler.gracesExpired).toBe(1);
      },
      { graceMs: 1_000 },
    );
  });

  test("serveHttp has a handler that swallows the cancel answer once, and closes", () =>
    withServer(
      function* () {
        try {
          yield* sleepForever();
        } catch {
          // On purpose.
        }
        return text("stubborn");
      },
      function* (world) {
        const peer = yield* world.ask(request("GET /") + request("GET /"));
        world.server.cancel();
        yield* sleep(1_100);
        expect(bodiesOf(peer)).toEqual(["stubborn"]);
        expect([responsesOf(peer).all[0]?.headers.get("connection"), peer.ended]).toEqual(["close", true]);
        expect(world.simulation.host.reports.splice(0)).toEqual([
          expect.stringContaining("it was caught and not rethrown"),
        ]);
      },
      { graceMs: 1_000 },
    ));
});
