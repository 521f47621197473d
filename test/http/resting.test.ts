// Connections at rest: after two idle seconds the task of a connection has ended and its memory is given back, and nobody but a counter of tasks can
// tell. Every way out of rest is here: a request, whole and in pieces, the client's FIN and its reset, the deadline, the end of the server.

import { describe, expect, test } from "bun:test";
import { KEEP_ALIVE_MS, REST_AFTER_MS } from "../../src/config.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { serveHttp, text } from "../../src/http/index.ts";
import { CALM_NETWORK, SimPeer, Simulation } from "../../src/sim/index.ts";
import { bodiesOf, type HttpWorld, request, responsesOf, SOON_MS, withServer } from "./support.ts";

const target = ({ target }: { target: string }): ReturnType<typeof text> => text(target);

/** Tasks of connections that live: those there are when this is called are to be none. */
function countTasks(world: HttpWorld): { live: number; begun: number } {
  const count = { live: 0, begun: 0 };
  world.simulation.scheduler.instrument = {
    taskSpawned: ({ name }) => {
      if (name === "http") {
        count.live++;
        count.begun++;
      }
    },
    taskExited: ({ name }) => {
      if (name === "http") count.live--;
    },
  };
  return count;
}

/** A client whose connection has answered one request and is at rest. */
function* atRest(world: HttpWorld): Steps<SimPeer> {
  const peer = yield* world.ask(request("GET /first"));
  yield* sleep(REST_AFTER_MS + SOON_MS);
  return peer;
}

describe("serveHttp's connections at rest", () => {
  test("serveHttp ends the task of a connection after two idle seconds and begins another with the next request", () =>
    withServer(target, function* (world) {
      const count = countTasks(world);
      const peer = yield* world.ask(request("GET /first"));
      yield* sleep(REST_AFTER_MS - 2 * SOON_MS);
      expect(count).toEqual({ live: 1, begun: 1 });
      yield* sleep(3 * SOON_MS);
      expect([count.live, peer.ended, peer.closed]).toEqual([0, false, false]);
      peer.send(request("GET /second") + request("GET /third"));
      yield* sleep(SOON_MS);
      expect(bodiesOf(peer)).toEqual(["/first", "/second", "/third"]);
      expect(count).toEqual({ live: 1, begun: 2 });
    }));

  test("serveHttp never puts a connection to rest that says something every second", () =>
    withServer(target, function* (world) {
      const count = countTasks(world);
      const peer = yield* world.ask();
      for (let i = 0; i < 20; i++) {
        peer.send(request(`GET /${i}`));
        yield* sleep(1_000);
      }
      expect(responsesOf(peer).final).toHaveLength(20);
      expect(count.begun).toBe(1);
    }));

  test("serveHttp reads a request that comes byte by byte to a connection at rest", () =>
    withServer(
      function* (incoming) {
        return text(yield* incoming.text());
      },
      function* (world) {
        const peer = yield* atRest(world);
        for (const byte of request("POST /", ["Content-Length: 4"], "body")) {
          peer.send(byte);
          yield* sleep(2);
        }
        yield* sleep(SOON_MS);
        expect(bodiesOf(peer)).toEqual(["", "body"]);
      },
    ));

  test("serveHttp does not put a connection to rest that has sent part of a head, or an empty line", () =>
    withServer(target, function* (world) {
      const count = countTasks(world);
      const part = yield* world.ask(request("GET /"), "GET /par");
      const line = yield* world.ask(`${request("GET /")}\r\n`);
      yield* sleep(2 * REST_AFTER_MS);
      expect(count.live).toBe(2);
      part.send("t HTTP/1.1\r\nHost: a\r\n\r\n");
      line.send(request("GET /line"));
      yield* sleep(SOON_MS);
      expect([bodiesOf(part).at(-1), bodiesOf(line).at(-1)]).toEqual(["/part", "/line"]);
    }));

  test("serveHttp closes a connection at rest when its time is over, counted from its last request", () =>
    withServer(target, function* (world) {
      const early = yield* world.ask(request("GET /"));
      yield* sleep(10_000);
      const late = yield* world.ask(request("GET /"));
      yield* sleep(KEEP_ALIVE_MS - 10_000 - 3 * SOON_MS);
      expect([early.ended, late.ended]).toEqual([false, false]);
      yield* sleep(4 * SOON_MS);
      expect([early.ended, early.wasReset, late.ended]).toEqual([true, false, false]);
      yield* sleep(10_000);
      expect([late.ended, late.wasReset]).toEqual([true, false]);
      for (const peer of [early, late]) peer.end();
    }));

  test("serveHttp closes with a client that sends FIN while its connection rests", () =>
    withServer(target, function* (world) {
      const peer = yield* atRest(world);
      peer.shutdown();
      yield* sleep(SOON_MS);
      expect([peer.closed, peer.wasReset]).toEqual([true, false]);
    }));

  test("serveHttp closes connections at rest when it is cancelled, with a FIN, and waits for them", () =>
    withServer(target, function* (world) {
      const peers = [yield* atRest(world), yield* atRest(world)];
      world.server.cancel();
      yield* sleep(SOON_MS);
      for (const peer of peers) expect([peer.ended, peer.wasReset]).toEqual([true, false]);
      for (const peer of peers) peer.end();
      yield* sleep(SOON_MS);
      expect(world.server.ending).toBe("cancelled");
    }));

  test("serveHttp keeps the number of a connection that has rested", () => {
    const numbers: number[] = [];
    return withServer(
      target,
      function* (world) {
        const [first, second] = [yield* world.ask("GET / HTTP/1.1\r\n\r\n"), yield* atRest(world)];
        second.send("GET / HTTP/1.1\r\n\r\n");
        yield* sleep(SOON_MS);
        expect([first, second].map((peer) => responsesOf(peer).statuses.at(-1))).toEqual([400, 400]);
        expect(numbers[1]).toBe((numbers[0] as number) + 1);
      },
      { onRejection: (_rejection, conn) => numbers.push(conn.id) },
    );
  });

  test("serveHttp's listener counts connections at rest as open, and not those that were reset meanwhile", async () => {
    const simulation = new Simulation({ network: CALM_NETWORK });
    const address = { port: 8_080 };
    let listener: Listener | null = null;
    const server = simulation.start(function* () {
      listener = yield* listen(address);
      yield* serveHttp(listener, target);
    });
    const open = (): number => (listener as unknown as Listener).statistics().open;
    const { host } = simulation;
    const wait = (ms: number): void => {
      const until = host.now() + ms;
      host.schedule(ms, () => {});
      while (host.now() < until) host.advance();
    };
    wait(1);
    const peers = Array.from({ length: 3 }, () => SimPeer.connect(host, address));
    for (const peer of peers) peer.send(request("GET /"));
    wait(REST_AFTER_MS + SOON_MS);
    expect(open()).toBe(3);
    peers[1]?.reset();
    wait(SOON_MS);
    expect(open()).toBe(2);
    peers[0]?.send(request("GET /again"));
    wait(SOON_MS);
    expect([open(), bodiesOf(peers[0] as SimPeer)]).toEqual([2, ["/", "/again"]]);
    server.cancel();
    server.promise.catch(() => {});
    for (const peer of peers) peer.end();
    await simulation.settle();
    expect([host.transport.sockets, host.reports, simulation.scheduler.timers.armed]).toEqual([[], [], 0]);
  });
});
