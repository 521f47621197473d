// Peers that behave badly, against handlers that behave well. Whatever a peer does, memory stays bounded and the other connections do not notice.

import { describe, expect, test } from "bun:test";
import { OUTBOX_HIGH_WATER_BYTES, RECEIVE_HIGH_WATER_BYTES, WRITE_STALL_MS } from "../../src/config.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import { run } from "../../src/index.ts";
import { patterned, pour, readAll } from "../contract/conn-world.ts";
import { echo, Mill, socketOf } from "../net/kit.ts";

const TIGHT = { sendBufferBytes: [50_000, 50_000], receiveBufferBytes: 50_000 } as const;

/** Serves `handler`, and an echo to those who say so first. */
function serving(handler: (conn: Conn) => Steps<void>, network: ConstructorParameters<typeof Mill>[0] = TIGHT) {
  const mill = new Mill(network);
  const conns: Conn[] = [];
  const errors: unknown[] = [];
  const { task, listener } = mill.serve(
    function* (conn) {
      conns.push(conn);
      if (conn.remotePort === echoPort) yield* echo(conn);
      else yield* handler(conn);
    },
    { graceMs: 0, onError: (error) => errors.push(error) },
  );
  const good = mill.peer();
  mill.until(() => good.opened);
  const echoPort = good.socket?.localPort;
  mill.pass(10);
  let said = 0;
  /** The other connection answers at once. */
  const check = (): void => {
    good.send("still there?");
    mill.pass(1);
    expect(good.text).toHaveLength(++said * 12);
  };
  check();
  const stop = (): Promise<void> => mill.finish(task);
  return { mill, conns, errors, listener, check, stop };
}

describe("a peer that never reads", () => {
  test("a peer that never reads parks its writer; memory stays below the high-water mark and one write", async () => {
    let written = 0;
    const { mill, conns, errors, check, stop } = serving(function* (conn) {
      for (; ; written++) yield* conn.write(patterned(10_000));
    });
    const peer = mill.peer();
    peer.pause();
    mill.pass(60_000);
    const conn = conns[1] as Conn;
    expect(conn.writer).not.toBeNull();
    expect(conn.outbox.pending).toBeLessThanOrEqual(OUTBOX_HIGH_WATER_BYTES + 10_000);
    const before = written;
    mill.pass(60_000);
    expect(written).toBe(before);
    check();
    peer.resume();
    mill.pass(10);
    expect(written).toBeGreaterThan(before);
    peer.reset();
    mill.pass(10);
    expect([conn.closed, conn.outbox.pending, errors]).toEqual([true, 0, []]);
    check();
    await stop();
  });

  test("a peer that never reads is reset when its handler has ended and the write-stall time has passed", async () => {
    const { mill, conns, listener, check, stop } = serving((conn) => conn.write(patterned(200_000)) as Steps<void>);
    const peer = mill.peer();
    peer.pause();
    mill.pass(WRITE_STALL_MS - 100);
    expect([listener().statistics().open, (conns[1] as Conn).closed]).toEqual([2, false]);
    mill.pass(200);
    expect([listener().statistics().open, peer.wasReset]).toEqual([1, true]);
    check();
    await stop();
  });
});

describe("a peer that resets", () => {
  test("a peer that resets while we write ends its handler without a report", async () => {
    const { mill, conns, errors, listener, check, stop } = serving(function* (conn) {
      for (;;) yield* conn.write(patterned(10_000));
    });
    const peers = Array.from({ length: 10 }, () => mill.peer());
    mill.pass(5);
    for (const peer of peers) peer.reset();
    mill.pass(10);
    expect([errors, listener().statistics().open]).toEqual([[], 1]);
    for (const conn of conns.slice(1))
      expect([conn.closed, conn.outbox.pending, conn.outbox.bytes.length]).toEqual([true, 0, 0]);
    check();
    await stop();
  });
});

describe("a peer that half-closes", () => {
  test("a peer that half-closes and then reads 4 MB gets all of it", async () => {
    const bytes = patterned(4_000_000);
    const { mill, check, stop } = serving(function* (conn) {
      expect(yield* conn.read()).toBeNull();
      yield* pour(conn, bytes);
    });
    const peer = mill.peer();
    peer.pause();
    peer.shutdown();
    mill.pass(10);
    peer.resume();
    mill.pass(100);
    expect(Buffer.from(peer.received).equals(bytes)).toBe(true);
    expect([peer.closed, peer.wasReset]).toEqual([true, false]);
    check();
    await stop();
  });

  test("a peer that half-closes and then reads 4 MB gets all of it, on Bun", async () => {
    const bytes = patterned(4_000_000);
    const received = await run(function* () {
      using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
      return yield* scope(function* (tasks) {
        tasks.spawn(function* () {
          using conn = (yield* listener.accept()) as Conn;
          expect(yield* conn.read()).toBeNull();
          // Accepted as a whole, and the conn is closed at once: nothing may be lost for it.
          yield* conn.write(bytes);
        });
        using client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
        yield* client.end();
        yield* client.readable();
        return yield* readAll(client);
      });
    }).promise;
    expect(received.equals(bytes)).toBe(true);
  });
});

describe("a peer that is slow or silent", () => {
  test("a peer that sends one byte at a time is served all the same, with one resume a message", async () => {
    const { mill, check, stop } = serving(
      function* (conn) {
        for (let line: string | null; (line = yield* conn.readLine()) !== null;) yield* conn.write(`${line}!`);
      },
      { ...TIGHT, segmentBytes: [1, 1] },
    );
    const peer = mill.peer();
    mill.pass(5);
    const { steps } = mill.scheduler;
    peer.send(`${"x".repeat(2_000)}\r\n`);
    mill.pass(500);
    expect(peer.text).toBe(`${"x".repeat(2_000)}!`);
    expect(mill.scheduler.steps - steps).toBe(1);
    check();
    await stop();
  });

  test("a peer that connects and says nothing costs no step and no timer", async () => {
    const { mill, check, stop } = serving(function* (conn) {
      yield* conn.readLine();
    });
    const peers = Array.from({ length: 50 }, () => mill.peer());
    mill.pass(10);
    const { steps } = mill.scheduler;
    mill.pass(3_600_000);
    expect([mill.scheduler.steps, mill.scheduler.timers.armed]).toEqual([steps, 0]);
    expect(peers.some((peer) => peer.closed)).toBe(false);
    check();
    await stop();
  });
});

describe("a peer that floods", () => {
  test("a peer that floods a handler which does not read is paused; memory stays below the high-water mark and one chunk", async () => {
    const { mill, conns, check, stop } = serving(function* () {
      yield* sleepForever();
    });
    const peer = mill.peer();
    peer.send(new Uint8Array(2_000_000));
    mill.pass(1_000);
    const conn = conns[1] as Conn;
    expect(socketOf(conn).paused).toBe(true);
    expect(conn.received.size).toBeWithin(RECEIVE_HIGH_WATER_BYTES, RECEIVE_HIGH_WATER_BYTES + 65_537);
    expect(peer.unsentBytes).toBeGreaterThan(1_000_000);
    check();
    await stop();
  });

  test("a peer that floods a slow reader is paused and let go on, and no byte is lost", async () => {
    let read = 0;
    const { mill, conns, check, stop } = serving(function* (conn) {
      for (let bytes: Uint8Array | null; (bytes = yield* conn.read(30_000)) !== null; yield* sleep(5))
        read += bytes.length;
    });
    const peer = mill.peer();
    peer.send(new Uint8Array(2_000_000));
    peer.shutdown();
    let most = 0;
    while (!peer.closed) {
      mill.pass(5);
      most = Math.max(most, conns[1]?.received.size ?? 0);
    }
    expect(read).toBe(2_000_000);
    expect(most).toBeLessThanOrEqual(RECEIVE_HIGH_WATER_BYTES + 65_536);
    const { pauses, resumes } = socketOf(conns[1] as Conn).statistics;
    expect(pauses).toBeGreaterThan(5);
    expect(Math.abs(pauses - resumes)).toBeLessThanOrEqual(1);
    check();
    await stop();
  });

  test("a peer that floods is paused on Bun", async () => {
    await run(function* () {
      using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
      yield* scope(function* (tasks) {
        const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
        const server = (yield* listener.accept()) as Conn;
        tasks.spawn(() => pour(client, patterned(20_000_000), 500_000));
        while (client.writer === null) yield* sleep(1);
        expect(server.received.size).toBeLessThanOrEqual(RECEIVE_HIGH_WATER_BYTES + 524_288);
        expect(client.outbox.pending).toBeLessThanOrEqual(OUTBOX_HIGH_WATER_BYTES + 500_000);
        expect(yield* readAll(server)).toHaveLength(20_000_000);
        server.close();
        client.close();
      });
    }).promise;
  });
});

describe("a drain without reason", () => {
  test("a drain without reason writes nothing and wakes nobody", async () => {
    const { mill, conns, check, stop } = serving(function* (conn) {
      yield* conn.readLine();
    });
    mill.peer();
    mill.pass(5);
    const conn = conns[1] as Conn;
    const { steps, passes } = mill.scheduler;
    const { writes } = socketOf(conn).statistics;
    for (let i = 0; i < 5; i++) conn.socketDrained();
    expect([mill.scheduler.steps, mill.scheduler.passes, socketOf(conn).statistics.writes]).toEqual([
      steps,
      passes,
      writes,
    ]);
    check();
    await stop();
  });

  test("a drain without reason into a full socket loses nothing and doubles nothing", async () => {
    const bytes = patterned(300_000);
    const { mill, stop } = serving((conn) => pour(conn, bytes), { ...TIGHT, spuriousDrainChance: 1 });
    const peer = mill.peer();
    peer.pause();
    for (let i = 0; i < 20; i++) {
      peer.send("input that causes drains");
      mill.pass(2);
    }
    peer.resume();
    peer.shutdown();
    mill.pass(50);
    expect(Buffer.from(peer.received).equals(bytes)).toBe(true);
    await stop();
  });
});
