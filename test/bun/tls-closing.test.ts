// The closing of TLS conns on real sockets, where a clock that runs fifty times as fast makes deadlines short: no accepted byte is lost to a
// peer that reads, and nobody is waited for without end.

import { describe, expect, test } from "bun:test";
import { LINGER_MS, OUTBOX_HIGH_WATER_BYTES } from "../../src/config.ts";
import { until } from "../../src/concurrency/until.ts";
import { bunScheduler } from "../../src/bun/scheduler.ts";
import { runOn } from "../../src/core/run.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Scheduler } from "../../src/core/scheduler.ts";
import type { Conn } from "../../src/net/conn.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { isLinux, kernelQueues, turns } from "../bun-contract/support.ts";
import { BunConnWorld, jam, patterned, readAll } from "../contract/conn-world.ts";
import { connectSecure, hasty, KINDS, SECURE } from "./tls-support.ts";

const QUIET_TURNS = 20;

const world = new BunConnWorld();

describe.each(KINDS.map((kind) => [kind.name, kind] as const))("close over %s", (_name, kind) => {
  /** Both ends of a connection, by one of the clocks; a conn that is left open fails the test. */
  function withPair(
    scheduler: Scheduler,
    body: (client: Conn, server: Conn, listener: Listener) => Steps<void>,
  ): Promise<void> {
    return runOn(scheduler, function* () {
      using listener = yield* listen(kind.options);
      const { client, server } = yield* kind.pairAt(listener);
      yield* body(client, server, listener);
      client.terminate();
      yield* world.until(() => listener.statistics().open === 0, "the server's end closed");
    }).promise;
  }

  test("close after 3 MB lets all of it arrive, and then the end", () =>
    withPair(bunScheduler(), function* (client, server) {
      const sent = patterned(3_000_000);
      yield* server.write(sent);
      server.close();
      const heard = yield* readAll(client);
      expect(heard.equals(sent)).toBe(true);
      yield* client.end();
      yield* world.until(() => server.closed, "both ends closed");
    }));

  test("close with unread input loses nothing that was sent", () =>
    withPair(bunScheduler(), function* (client, server) {
      const sent = patterned(3_000_000, 1);
      yield* client.write(patterned(100_000));
      yield* world.until(() => server.received.size > 0, "input that nobody reads");
      yield* server.write(sent);
      server.close();
      yield* client.write(patterned(100_000));
      expect((yield* readAll(client)).equals(sent)).toBe(true);
    }));

  test("close gives up a silent peer at the linger deadline, and leaves nothing behind", () =>
    withPair(hasty, function* (client, server) {
      const began = hasty.now();
      yield* server.write("bye");
      server.close();
      yield* world.until(() => server.closed, "the linger deadline");
      expect(hasty.now() - began).toBeGreaterThanOrEqual(LINGER_MS);
      expect(hasty.lingering.size).toBe(0);
      // Closed in an orderly way: what it had sent can still be read.
      expect((yield* readAll(client)).toString()).toBe("bye");
    }));

  test("close lets a peer that reads late have everything that the kernel holds, even after the linger deadline", () =>
    withPair(hasty, function* (client, server) {
      const sent = patterned(2_000_000, 2);
      yield* server.write(sent);
      yield* server.flush();
      server.close();
      yield* world.until(() => server.closed, "the linger deadline");
      expect((yield* readAll(client)).equals(sent)).toBe(true);
    }));

  for (const [who, halfClosed] of [
    ["that reads nothing", false],
    ["that has ended its side and reads nothing", true],
  ] as const) {
    test(`close gives up a peer ${who}, although TLS holds back bytes and FIN`, () =>
      withPair(hasty, function* (client, server) {
        if (halfClosed) yield* halfClose(client, server);
        yield* crammed(client, server);
        server.close();
        // When exactly is held on the virtual clock: these kernels may find room for the rest after all.
        yield* world.until(() => server.closed, "one of the deadlines");
        expect(hasty.lingering.size).toBe(0);
      }));

    test(`close of a full conn loses nothing to a peer ${who} for a while`, () =>
      withPair(bunScheduler(), function* (client, server) {
        if (halfClosed) yield* halfClose(client, server);
        const written = yield* crammed(client, server);
        server.close();
        yield* until(turns(QUIET_TURNS));
        expect((yield* readAll(client)).length).toBe(written);
        yield* client.end();
        yield* world.until(() => server.closed, "both FINs");
      }));
  }

  test("close and a peer that resets meanwhile leave nothing behind", () =>
    withPair(hasty, function* (client, server) {
      yield* crammed(client, server);
      server.close();
      yield* until(turns(3));
      client.terminate();
      yield* world.until(() => server.closed, "the reset");
      expect(hasty.lingering.size).toBe(0);
    }));

  test.skipIf(!isLinux)("write over TLS holds little in memory for a peer that does not read", () =>
    withPair(bunScheduler(), function* (client, server, listener) {
      let written = 0;
      for (let before = -1; before !== server.outbox.sent;) {
        before = server.outbox.sent;
        written += yield* jam(world, server);
        yield* until(turns(QUIET_TURNS));
      }
      const { unsent, unread } = kernelQueues(listener.port);
      const inProcess = written - server.outbox.pending - (unsent + unread) - client.received.size;
      expect(server.outbox.pending).toBeLessThan(OUTBOX_HIGH_WATER_BYTES * 2);
      expect(inProcess).toBeLessThan(OUTBOX_HIGH_WATER_BYTES * 2);
    }),
  );
});

describe("close over TLS", () => {
  test("close within the first pass of a conn is an orderly end", async () => {
    await runOn(bunScheduler(), function* () {
      using listener = yield* listen(SECURE);
      listener.deliverTo((conn) => conn.close());
      const client = yield* connectSecure(listener.port);
      expect(yield* client.read()).toBeNull();
      client.close();
      yield* world.until(() => listener.statistics().open === 0, "no connection left");
    }).promise;
  });
});

/** Before the cramming: the client's FIN makes the kernels look at each other again, and some more bytes fit. */
function* halfClose(client: Conn, server: Conn): Steps<void> {
  yield* client.end();
  expect(yield* server.read()).toBeNull();
}

/** Fills everything below the conn: its outbox is empty, TLS holds bytes back, and nothing more can be sent. Gives the bytes. */
function* crammed(client: Conn, server: Conn): Steps<number> {
  const block = patterned(60_000);
  const fill = (): number => {
    let filled = 0;
    for (let taken = 1; taken > 0; filled += taken) taken = server.socket.write(block, 0, block.length);
    return filled;
  };
  let written = 0;
  // Again and again: the kernels at both ends find room for some more while the loop goes round.
  for (let taken = fill(); taken > 0; taken = fill()) {
    written += taken;
    yield* until(turns(QUIET_TURNS));
  }
  expect([client.received.size > 0, server.outbox.pending]).toEqual([true, 0]);
  return written;
}
