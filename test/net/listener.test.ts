// Listening and accepting, in the simulated world and on Bun.

import { describe, expect, test } from "bun:test";
import { ACCEPT_QUEUE_MAX } from "../../src/config.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { sleepForever } from "../../src/core/sleep.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { ListenError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import {
  BunConnWorld,
  type ConnWorld,
  connected,
  inWorld,
  SimConnWorld,
  textOf,
  thrownBy,
} from "../contract/conn-world.ts";
import { ADDRESS, Mill, refusals } from "./kit.ts";

const TWINS: [string, () => ConnWorld][] = [
  ["sim", () => new SimConnWorld(1)],
  ["bun", () => new BunConnWorld()],
];

describe.each(TWINS)("listen: %s", (_name, makeWorld) => {
  /** A test whose body runs as a task of one world. */
  function inOne(title: string, body: (world: ConnWorld) => Steps<void>): void {
    test(title, async () => {
      const world = makeWorld();
      await inWorld(world, () => body(world));
    });
  }

  inOne("listen with port 0 binds a free port and tells it", function* () {
    using one = yield* listen({ hostname: "127.0.0.1", port: 0 });
    using other = yield* listen({ hostname: "127.0.0.1", port: 0 });
    expect(one.port).toBeWithin(1, 65_536);
    expect(other.port).not.toBe(one.port);
    expect([one.hostname, one.address]).toEqual(["127.0.0.1", `127.0.0.1:${one.port}`]);
    expect(one.closed).toBe(false);
  });

  inOne("listen at an address in use throws ListenError with the reason", function* () {
    using taken = yield* listen({ hostname: "127.0.0.1", port: 0 });
    const error = yield* thrownBy(() => listen({ hostname: "127.0.0.1", port: taken.port }));
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({
      code: "ERR_LISTEN",
      reason: "EADDRINUSE",
      message: `Cannot listen on 127.0.0.1:${taken.port}: the address is in use`,
    });
    // The stack leads to whoever asked.
    expect((error as Error).stack).toContain("listener.test.ts");
  });

  inOne("listen at an address that was closed works again", function* () {
    const first = yield* listen({ hostname: "127.0.0.1", port: 0 });
    first.close();
    first.close();
    expect(first.closed).toBe(true);
    using again = yield* listen({ hostname: "127.0.0.1", port: first.port });
    expect(again.port).toBe(first.port);
  });

  inOne("listen at a unix path carries bytes; its conns have no address", function* (world) {
    const unix = world.unixPath();
    const { client, server } = yield* connected({ unix });
    expect([client.remoteAddress, client.remotePort, server.remoteAddress, server.remotePort]).toEqual(["", 0, "", 0]);
    yield* client.write("over the path");
    yield* client.end();
    expect(textOf(yield* server.readExactly(13))).toBe("over the path");
    client.close();
    server.close();
    using listener = yield* listen({ unix });
    expect([listener.port, listener.address]).toEqual([0, `unix:${unix}`]);
  });

  inOne(
    "accept gives connections in the order in which they came, to tasks in the order in which they asked",
    function* (world) {
      using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
      const clients: Conn[] = [];
      for (let i = 0; i < 3; i++) {
        clients.push(yield* connect({ hostname: "127.0.0.1", port: listener.port }));
        yield* world.until(() => listener.statistics().accepted === i + 1, "the server's end");
      }
      for (const client of clients) expect((yield* accepted(listener)).remotePort).toBe(client.socket.localPort);
      yield* scope(function* (tasks) {
        const accepts = [1, 2, 3].map(() => tasks.spawn(() => accepted(listener)));
        yield* world.quiet();
        for (const accept of accepts) {
          const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
          expect((yield* accept).remotePort).toBe(client.socket.localPort);
          client.terminate();
        }
      });
      for (const client of clients) client.terminate();
    },
  );

  inOne("accept that is cancelled takes no connection", function* () {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    for (let i = 0; i < 3; i++) expect(yield* moveOnAfter(1, listener.accept())).toBeUndefined();
    const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
    const server = yield* accepted(listener);
    expect(server.remotePort).toBe(client.socket.localPort);
    client.terminate();
  });

  inOne("close gives null to parked and later accepts, resets what waits, leaves what was accepted", function* (world) {
    const listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    const kept = yield* connect({ hostname: "127.0.0.1", port: listener.port });
    const server = yield* accepted(listener);
    yield* scope(function* (tasks) {
      const parked = [1, 2].map(() => tasks.spawn(() => listener.accept()));
      yield* world.quiet();
      listener.close();
      for (const accept of parked) expect(yield* accept).toBeNull();
    });
    expect(yield* listener.accept()).toBeNull();
    yield* kept.write("still here");
    expect(textOf(yield* server.readExactly(10))).toBe("still here");
    kept.terminate();
    yield* world.until(() => listener.statistics().open === 0, "the last connection gone");

    const other = yield* listen({ hostname: "127.0.0.1", port: 0 });
    const waiting = yield* connect({ hostname: "127.0.0.1", port: other.port });
    yield* world.until(() => other.statistics().accepted === 1, "the server's end");
    other[Symbol.dispose]();
    yield* world.until(() => waiting.closed, "the reset");
    expect(yield* thrownBy(() => waiting.read())).toMatchObject({ code: "ERR_CONNECTION_LOST" });
    expect(other.statistics()).toEqual({ open: 0, resting: 0, accepted: 1, refused: 0, refusals: refusals() });
  });
});

function* accepted(listener: Listener): Steps<Conn> {
  const conn = yield* listener.accept();
  if (conn === null) throw new Error("the listener was closed");
  return conn;
}

describe("limits", () => {
  test("accept queue refuses what is too many at once, counts it, and goes on when there is room", async () => {
    const mill = new Mill();
    let listener: Listener | null = null;
    const task = mill.start(function* () {
      listener = yield* listen(ADDRESS);
      for (;;) yield* (yield* until(() => go)).accept();
    });
    let go = false;
    const until = function* (condition: () => boolean): Steps<Listener> {
      while (!condition()) yield* moveOnAfter(1, sleepForever());
      return listener as unknown as Listener;
    };
    mill.pass(10);
    const peers = Array.from({ length: ACCEPT_QUEUE_MAX + 9 }, () => mill.peer());
    mill.pass(10);
    const statistics = () => (listener as unknown as Listener).statistics();
    expect(statistics()).toEqual({
      open: ACCEPT_QUEUE_MAX,
      resting: 0,
      accepted: ACCEPT_QUEUE_MAX,
      refused: 9,
      refusals: refusals({ queue: 9 }),
    });
    expect(peers.filter((peer) => peer.wasReset)).toHaveLength(9);
    go = true;
    mill.pass(10);
    const late = mill.peer();
    mill.pass(10);
    expect(late.closed).toBe(false);
    expect(statistics()).toEqual({
      open: ACCEPT_QUEUE_MAX + 1,
      resting: 0,
      accepted: ACCEPT_QUEUE_MAX + 1,
      refused: 9,
      refusals: refusals({ queue: 9 }),
    });
    (listener as unknown as Listener).close();
    await mill.finish(task);
  });
});
