// The four clocks of a connection, in virtual time: each ends what it is there to end, and none disturbs anything else.

import { describe, expect, test } from "bun:test";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type HttpRequest, stream, text } from "../../src/http/index.ts";
import type { SimPeer } from "../../src/sim/index.ts";
import { bodiesOf, request, responsesOf, SOON_MS, withServer } from "./support.ts";

const hello = () => text("hello");

function* echo(incoming: HttpRequest) {
  return text(yield* incoming.text());
}

/** When the server's FIN came, in virtual ms. */
const endedAt = (peer: SimPeer): number => Math.round(peer.events.find(({ event }) => event === "ended")?.at ?? -1);

describe("serveHttp's head deadline", () => {
  test("serveHttp closes a connection that says nothing, without an answer", () =>
    withServer(hello, function* (world) {
      const peer = world.connect();
      yield* sleep(29_900);
      expect(peer.ended).toBe(false);
      yield* sleep(200);
      expect([peer.ended, peer.text, world.timeouts]).toEqual([true, "", 0]);
    }));

  test("serveHttp gives a head 30 s from its first byte, however steadily it trickles, then 408", () =>
    withServer(hello, function* (world) {
      const peer = world.connect("GET / HTTP/1.1\r\n");
      const start = world.now();
      for (let i = 0; i < 29; i++) {
        yield* sleep(1_000);
        peer.send(`X-${i}: y\r\n`);
      }
      expect(peer.text).toBe("");
      yield* sleep(2_000);
      expect([responsesOf(peer).statuses, peer.ended, world.timeouts]).toEqual([[408], true, 1]);
      expect(responsesOf(peer).all[0]?.headers.get("connection")).toBe("close");
      expect(endedAt(peer) - start).toBeWithin(30_000, 30_010);
    }));

  test("serveHttp gives a head on a used connection its own 30 s, and answers 408 there too", () =>
    withServer(hello, function* (world) {
      const peer = yield* world.ask(request("GET /"));
      yield* sleep(40_000);
      const start = world.now();
      peer.send("GET / HT");
      yield* sleep(29_900);
      expect(responsesOf(peer).statuses).toEqual([200]);
      yield* sleep(200);
      expect(responsesOf(peer).statuses).toEqual([200, 408]);
      expect(endedAt(peer) - start).toBeWithin(30_000, 30_010);
    }));
});

describe("serveHttp's idle clock", () => {
  test("serveHttp closes an idle connection after 75 s without a word", () =>
    withServer(hello, function* (world) {
      const peer = yield* world.ask(request("GET /"));
      yield* sleep(74_900);
      expect(peer.ended).toBe(false);
      yield* sleep(200);
      expect([peer.ended, responsesOf(peer).statuses, world.timeouts]).toEqual([true, [200], 0]);
    }));

  test("serveHttp starts it anew with each answer", () =>
    withServer(echo, function* (world) {
      const peer = yield* world.ask(request("GET /"));
      for (let i = 0; i < 5; i++) {
        yield* sleep(70_000);
        peer.send(request("POST /", ["Transfer-Encoding: chunked"], "1\r\nx\r\n0\r\n\r\n"));
      }
      yield* sleep(74_000);
      expect([peer.ended, responsesOf(peer).statuses]).toEqual([false, [200, 200, 200, 200, 200, 200]]);
      yield* sleep(2_000);
      expect(peer.ended).toBe(true);
    }));

  test("serveHttp's keepAliveMs sets it", () =>
    withServer(
      hello,
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* sleep(1_000);
        expect(endedAt(peer)).toBeWithin(500, 530);
      },
      { keepAliveMs: 500 },
    ));
});

describe("serveHttp's body clock", () => {
  test("serveHttp answers 408 to a body that stands still for 30 s, and cancels the handler", () => {
    const ended: string[] = [];
    return withServer(
      function* (incoming) {
        const { signal } = incoming;
        try {
          return yield* echo(incoming);
        } finally {
          ended.push(signal.reason.code);
        }
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 10"], "12345"));
        yield* sleep(29_900);
        expect([peer.text, ended]).toEqual(["", []]);
        yield* sleep(200);
        expect([responsesOf(peer).statuses, peer.ended, world.timeouts, ended]).toEqual([
          [408],
          true,
          1,
          ["ERR_HTTP_CLIENT_GONE"],
        ]);
      },
    );
  });

  test("serveHttp waits for as long as a body keeps coming", () =>
    withServer(echo, function* (world) {
      const peer = yield* world.ask(request("POST /", ["Content-Length: 200000"]));
      for (let i = 0; i < 20; i++) {
        yield* sleep(20_000);
        peer.send("x".repeat(10_000));
      }
      yield* sleep(SOON_MS);
      expect(bodiesOf(peer).map(({ length }) => length)).toEqual([200_000]);
    }));

  for (const whole of [true, false]) {
    test(`serveHttp counts every chunk of those that come together, read ${whole ? "whole" : "in pieces"}`, () =>
      withServer(
        function* (incoming) {
          if (whole) return text(`${(yield* incoming.bytes()).length}`);
          let bytes = 0;
          for (let piece: Uint8Array | null; (piece = yield* incoming.read()) !== null;) bytes += piece.length;
          return text(`${bytes}`);
        },
        function* (world) {
          const peer = yield* world.ask(request("POST /", ["Transfer-Encoding: chunked"]));
          for (let i = 0; i < 70; i++) {
            yield* sleep(1_000);
            peer.send("1\r\nx\r\n".repeat(300));
          }
          peer.send("0\r\n\r\n");
          yield* sleep(SOON_MS);
          expect([bodiesOf(peer), world.timeouts]).toEqual([["21000"], 0]);
        },
      ));
  }

  test("serveHttp ends a body that comes in a trickle", () =>
    withServer(echo, function* (world) {
      const peer = yield* world.ask(request("POST /", ["Content-Length: 200000"]));
      for (let i = 0; i < 40; i++) {
        yield* sleep(1_000);
        peer.send("x");
      }
      expect([responsesOf(peer).statuses, world.timeouts]).toEqual([[408], 1]);
      expect(endedAt(peer)).toBeWithin(30_000, 30_100);
    }));

  test("serveHttp ends a body below its own minimum rate, and with none takes each byte for progress", async () => {
    const outcomes: unknown[] = [];
    for (const bodyBytesPerSecondMin of [0, 0.5, 2]) {
      await withServer(
        echo,
        function* (world) {
          const peer = yield* world.ask(request("POST /", ["Content-Length: 100"]));
          for (let i = 0; i < 100; i++) {
            yield* sleep(1_000);
            peer.send("x");
          }
          yield* sleep(SOON_MS);
          outcomes.push([bodyBytesPerSecondMin, ...responsesOf(peer).statuses]);
        },
        { bodyBytesPerSecondMin, bodyStallMs: 10_000 },
      );
    }
    expect(outcomes).toEqual([
      [0, 200],
      [0.5, 200],
      [2, 408],
    ]);
  });

  test("serveHttp counts only the time in which a handler waits for the body", () =>
    withServer(
      function* (incoming) {
        const all: string[] = [];
        for (let data: Uint8Array | null; (data = yield* incoming.read()) !== null; yield* sleep(100_000))
          all.push(data.length.toString());
        yield* sleep(100_000);
        return text(all.join(" "));
      },
      function* (world) {
        for (const fields of [["Content-Length: 4"], ["Transfer-Encoding: chunked"]]) {
          const chunked = fields[0]?.startsWith("T");
          const peer = yield* world.ask(request("POST /", fields, chunked ? "2\r\nbo\r\n" : "bo"));
          yield* sleep(110_000);
          peer.send(chunked ? "2\r\ndy\r\n0\r\n\r\n" : "dy");
          yield* sleep(210_000);
          expect([bodiesOf(peer), world.timeouts]).toEqual([["2 2"], 0]);
        }
      },
    ));

  test("serveHttp leaves a handler alone that gave up reading", () =>
    withServer(
      function* (incoming) {
        yield* moveOnAfter(1_000, incoming.read());
        yield* sleep(100_000);
        return text("patient");
      },
      function* (world) {
        const peer = yield* world.ask(request("POST /", ["Content-Length: 4"]));
        yield* sleep(105_000);
        expect([bodiesOf(peer), world.timeouts]).toEqual([["patient"], 0]);
      },
    ));

  test("serveHttp's clock of a body that is dropped ends the connection without a second answer", () =>
    withServer(hello, function* (world) {
      const peer = yield* world.ask(request("POST /", ["Content-Length: 4"], "bo"));
      yield* sleep(31_000);
      expect([responsesOf(peer).statuses, responsesOf(peer).rest, peer.ended]).toEqual([[200], "", true]);
    }));
});

describe("serveHttp with a silent handler", () => {
  test("serveHttp disturbs no handler that takes its time, with or without a body before", () =>
    withServer(
      function* (incoming) {
        const body = yield* incoming.text();
        yield* sleep(600_000);
        return text(`late ${body}`);
      },
      function* (world) {
        const bodies = ["", "4\r\nbody\r\n0\r\n\r\n"];
        const peers = bodies.map((body) =>
          world.connect(request("POST /", body === "" ? [] : ["Transfer-Encoding: chunked"], body)),
        );
        yield* sleep(600_100);
        expect(peers.map((peer) => bodiesOf(peer))).toEqual([["late "], ["late body"]]);
        expect(world.timeouts).toBe(0);
      },
    ));

  test("serveHttp leaves an open stream alone that says nothing for hours", () =>
    withServer(
      () =>
        stream(function* (writer) {
          for (let hour = 0; hour < 3; hour++) {
            yield* writer.write(`${hour}`);
            yield* sleep(3_600_000);
          }
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        yield* sleep(3 * 3_600_000);
        expect(bodiesOf(peer)).toEqual(["012"]);
      },
    ));

  test("serveHttp arms few timers meanwhile, and none once the connection is over", () =>
    withServer(
      function* () {
        yield* sleep(75_000);
        return text("late");
      },
      function* (world) {
        const { timers } = world.simulation.scheduler;
        const peer = world.connect(request("GET /", ["Connection: close"]));
        const before = timers.arms;
        yield* sleep(80_000);
        expect(bodiesOf(peer)).toEqual(["late"]);
        expect(timers.arms - before).toBeLessThan(20);
      },
    ));
});
