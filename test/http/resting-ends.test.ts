// What meets a connection at rest in a bad moment: everything at once, a body, the client's end or the server's, crowds. And who can see them.

import { describe, expect, test } from "bun:test";
import { REST_AFTER_MS } from "../../src/config.ts";
import { printTaskTree } from "../../src/core/deadlock.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type AnswerRecord, stream, text } from "../../src/http/index.ts";
import { CALM_NETWORK, type SimPeer } from "../../src/sim/index.ts";
import { bodiesOf, type HttpWorld, request, responsesOf, serverSocket, SOON_MS, withServer } from "./support.ts";

const target = ({ target }: { target: string }): ReturnType<typeof text> => text(target);
const resting = ({ listener }: HttpWorld): number => listener.statistics().resting;
const CROWD = 1_000;

/** Clients whose connections have answered one request each and are at rest. */
function* atRest(world: HttpWorld, count = 1): Steps<[SimPeer, ...SimPeer[]]> {
  const peers = Array.from({ length: count }, () => world.connect(request("GET /")));
  yield* sleep(REST_AFTER_MS + 2 * SOON_MS);
  expect(resting(world)).toBe(count);
  return peers as [SimPeer, ...SimPeer[]];
}

describe("serveHttp's connections at rest", () => {
  test("serveHttp answers in one kernel write what comes to one in one chunk", () =>
    withServer(target, function* (world) {
      const [peer] = yield* atRest(world);
      const { writes } = serverSocket(peer);
      peer.send(request("GET /a") + request("GET /b") + request("GET /c"));
      yield* sleep(SOON_MS);
      expect(bodiesOf(peer)).toEqual(["/", "/a", "/b", "/c"]);
      expect(serverSocket(peer).writes - writes).toBe(1);
    }));

  test("serveHttp answers a request that comes to one together with the client's FIN, and closes", () =>
    withServer(target, function* (world) {
      const [peer] = yield* atRest(world);
      peer.send(request("GET /last"));
      peer.shutdown();
      yield* sleep(SOON_MS);
      expect([bodiesOf(peer).at(-1), peer.closed, peer.wasReset]).toEqual(["/last", true, false]);
    }));

  test("serveHttp lets a client at rest wait for 100 Continue, and reads a body above the high-water mark", () =>
    withServer(
      function* (incoming) {
        return text(String((yield* incoming.text()).length));
      },
      function* (world) {
        const [waiting, bulky] = yield* atRest(world, 2);
        waiting.send(request("POST /", ["Content-Length: 4", "Expect: 100-continue"]));
        bulky?.send(request("POST /", ["Content-Length: 500000"], "x".repeat(500_000)));
        yield* sleep(SOON_MS);
        expect(responsesOf(waiting).statuses).toEqual([200, 100]);
        waiting.send("body");
        yield* sleep(SOON_MS);
        expect([bodiesOf(waiting).at(-1), bodiesOf(bulky as SimPeer).at(-1)]).toEqual(["4", "500000"]);
      },
    ));

  test("serveHttp logs a request that wakes one with its own bytes and its own time", () => {
    const records: AnswerRecord[] = [];
    return withServer(
      target,
      function* (world) {
        const [peer] = yield* atRest(world);
        peer.send(request("GET /"));
        yield* sleep(SOON_MS);
        const bytes = peer.received.length / 2;
        expect(records.map((record) => [record.bytes, record.durationMs, record.status])).toEqual([
          [bytes, 0, 200],
          [bytes, 0, 200],
        ]);
      },
      { onAnswer: (record) => records.push(record) },
    );
  });

  test("serveHttp has a client that resets what it has woken stop the handler", () => {
    let ended = "";
    return withServer(
      function* (incoming) {
        try {
          if (incoming.target === "/slow") yield* sleep(60_000);
          return text("");
        } finally {
          ended = incoming.target;
        }
      },
      function* (world) {
        const [peer] = yield* atRest(world);
        peer.send(request("GET /slow"));
        yield* sleep(SOON_MS);
        expect(ended).toBe("/");
        peer.reset();
        yield* sleep(SOON_MS);
        expect([ended, world.listener.statistics().open]).toEqual(["/slow", 0]);
      },
    );
  });

  test("serveHttp puts no connection to rest while it answers, however long that takes", () =>
    withServer(
      () =>
        stream(function* (writer) {
          for (let i = 0; i < 5; i++) {
            yield* writer.write(`${i}`);
            yield* sleep(REST_AFTER_MS);
          }
        }),
      function* (world) {
        const peer = yield* world.ask(request("GET /"));
        for (let i = 0; i < 5; i++) {
          expect(resting(world)).toBe(0);
          yield* sleep(REST_AFTER_MS);
        }
        expect(bodiesOf(peer)).toEqual(["01234"]);
      },
    ));

  test("serveHttp may be cancelled from outside of every task while all its connections rest", () =>
    withServer(target, function* (world) {
      const [peer] = yield* atRest(world);
      world.simulation.host.schedule(1, () => world.server.cancel("a signal"));
      yield* sleep(SOON_MS);
      expect([peer.ended, peer.wasReset, world.server.ending]).toEqual([true, false, "cancelled"]);
    }));

  test("serveHttp answers a request that has woken one in the moment of the cancel", () =>
    withServer(target, function* (world) {
      const [peer] = yield* atRest(world);
      peer.send(request("GET /late"));
      world.simulation.host.schedule(0.1, () => world.simulation.host.schedule(0, () => world.server.cancel()));
      yield* sleep(SOON_MS);
      const { final } = responsesOf(peer);
      expect([final.at(-1)?.body, peer.ended]).toEqual(["/late", true]);
    }));
});

describe("serveHttp's crowds at rest", () => {
  test("serveHttp puts a thousand to rest in one moment, wakes them in one, and counts and closes each once", () =>
    withServer(target, function* (world) {
      const peers = yield* atRest(world, CROWD);
      for (const peer of peers) peer.send(request("GET /again"));
      yield* sleep(SOON_MS);
      expect([resting(world), peers.filter((peer) => bodiesOf(peer).at(-1) === "/again").length]).toEqual([0, CROWD]);
      yield* sleep(REST_AFTER_MS + SOON_MS);
      expect(world.listener.statistics()).toMatchObject({ open: CROWD, resting: CROWD, accepted: CROWD });
      // From the middle, the front and the end of the list.
      for (const at of [500, 0, CROWD - 1, 501, 499]) peers[at]?.reset();
      yield* sleep(SOON_MS);
      expect(world.listener.statistics()).toMatchObject({ open: CROWD - 5, resting: CROWD - 5 });
      world.server.cancel();
      yield* sleep(SOON_MS);
      expect([resting(world), peers.filter(({ ended }) => ended).length]).toEqual([0, CROWD - 5]);
    }));

  test("serveHttp keeps what arrives between the decision to rest and the end of the task", () =>
    withServer(
      target,
      function* (world) {
        const peers = Array.from({ length: CROWD }, () => world.connect(request("GET /")));
        yield* sleep(SOON_MS);
        // More go to rest at once than fit a pass. When the first task has ended all clients speak, and some are heard before the last has.
        let exited = 0;
        let early = 0;
        world.simulation.scheduler.instrument = {
          taskExited: () => {
            if (exited++ === 0) for (const peer of peers) peer.send(request("GET /again"));
          },
          taskSpawned: () => {
            if (exited < CROWD) early++;
          },
        };
        yield* sleep(REST_AFTER_MS);
        world.simulation.scheduler.instrument = null;
        expect(early).toBeWithin(1, CROWD);
        expect(peers.filter((peer) => bodiesOf(peer).at(-1) !== "/again")).toEqual([]);
        expect(world.listener.statistics().open).toBe(CROWD);
      },
      { network: { ...CALM_NETWORK, latencyMs: [0, 0] } },
    ));
});

test("serveHttp's line in a list of tasks tells how many connections rest, which are no tasks", () =>
  withServer(target, function* (world) {
    const [root] = world.simulation.scheduler.roots;
    const lines = (): string[] => printTaskTree(root as Parameters<typeof printTaskTree>[0]).split("\n");
    const ofServer = (): string | undefined => lines().find((line) => line.includes("the server"));
    expect(ofServer()).toContain("waits for connections to 127.0.0.1:8080 (0 open)");
    yield* atRest(world, 2);
    yield* world.ask(request("GET /"));
    expect(ofServer()).toContain("waits for connections to 127.0.0.1:8080 (3 open, 2 of them at rest)");
    expect(lines().filter((line) => line.includes("(http)"))).toHaveLength(1);
  }));
