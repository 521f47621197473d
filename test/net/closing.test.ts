// How a conn that was told to close goes: nothing that was accepted is lost to a peer that reads, and nothing is waited for without end.

import { describe, expect, test } from "bun:test";
import { LINGER_BYTES_MAX, LINGER_MS, WRITE_STALL_MS } from "../../src/config.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { SimPeer } from "../../src/sim/index.ts";
import { connect } from "../../src/net/connect.ts";
import { ConnectionClosedError } from "../../src/net/errors.ts";
import { patterned, thrownBy } from "../contract/conn-world.ts";
import { Mill, socketOf } from "./kit.ts";

/** A world with a conn whose handler does nothing, and its peer. */
function idle(network: ConstructorParameters<typeof Mill>[0] = {}): {
  mill: Mill;
  peer: SimPeer;
  conn: Conn;
  stop: () => Promise<void>;
} {
  const mill = new Mill(network);
  let conn: Conn | null = null;
  const { task } = mill.serve(
    function* (accepted) {
      conn = accepted;
      yield* sleep(Number.POSITIVE_INFINITY);
    },
    { graceMs: 0 },
  );
  const peer = mill.peer();
  mill.until(() => conn !== null && peer.opened);
  return { mill, peer, conn: conn as unknown as Conn, stop: () => mill.finish(task) };
}

/** Writes from outside of any handler. */
function write(mill: Mill, conn: Conn, bytes: Uint8Array): void {
  const task = mill.start(() => conn.write(bytes));
  mill.until(() => task.ending !== null);
}

const SMALL = { sendBufferBytes: [20_000, 20_000], receiveBufferBytes: 20_000 } as const;

describe("close", () => {
  test("close waits for a peer that still sends: no reset destroys our bytes", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    const sent = patterned(60_000);
    peer.pause();
    write(mill, conn, sent);
    conn.close();
    for (let i = 0; i < 50; i++) {
      peer.send(new Uint8Array(10_000));
      mill.pass(20);
    }
    peer.resume();
    mill.pass(100);
    expect(peer.ended).toBe(true);
    expect(Buffer.from(peer.received).equals(sent)).toBe(true);
    expect(conn.closed).toBe(false);
    peer.shutdown();
    mill.pass(10);
    expect([conn.closed, peer.closed, peer.wasReset]).toEqual([true, true, false]);
    await stop();
  });

  test("close gives a peer that never answers the linger time from our FIN on, then closes the socket", async () => {
    const { mill, peer, conn, stop } = idle();
    conn.close();
    const start = mill.host.now();
    mill.advanceTo(start + LINGER_MS - 1);
    expect([peer.ended, conn.closed]).toEqual([true, false]);
    mill.advanceTo(start + LINGER_MS + 2);
    expect(conn.closed).toBe(true);
    expect(peer.wasReset).toBe(false);
    await stop();
  });

  test("close starts the linger clock at our FIN, not before", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    peer.pause();
    write(mill, conn, patterned(60_000));
    conn.close();
    mill.pass(WRITE_STALL_MS - 1_000);
    peer.resume();
    mill.pass(10);
    expect([peer.ended, conn.closed]).toEqual([true, false]);
    mill.pass(LINGER_MS - 100);
    expect(conn.closed).toBe(false);
    mill.pass(200);
    expect(conn.closed).toBe(true);
    await stop();
  });

  test("close resets a peer that takes nothing for the write-stall time", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    peer.pause();
    write(mill, conn, patterned(60_000));
    conn.close();
    mill.pass(WRITE_STALL_MS - 10);
    expect(conn.closed).toBe(false);
    mill.pass(20);
    expect([conn.closed, peer.wasReset]).toEqual([true, true]);
    expect(conn.outbox.pending).toBe(0);
    await stop();
  });

  test("close has patience with a slow peer for as long as it takes something", async () => {
    const { mill, peer, conn, stop } = idle({ ...SMALL, segmentBytes: [2_000, 2_000] });
    const sent = patterned(100_000);
    peer.pause();
    write(mill, conn, sent);
    conn.close();
    for (let waited = 0; !peer.ended && waited < 20; waited++) {
      mill.pass(WRITE_STALL_MS - 1_000);
      peer.resume();
      const before = conn.outbox.pending;
      mill.until(() => peer.ended || conn.outbox.pending < before);
      peer.pause();
    }
    peer.resume();
    mill.pass(100);
    expect(mill.host.now()).toBeGreaterThan(2 * WRITE_STALL_MS);
    expect([peer.received.length, peer.wasReset]).toEqual([sent.length, false]);
    await stop();
  });

  test("close is not held up by drains without progress", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    peer.pause();
    write(mill, conn, patterned(60_000));
    conn.close();
    const start = mill.host.now();
    while (!conn.closed && mill.host.now() < start + 3 * WRITE_STALL_MS) {
      mill.pass(1_000);
      // What Bun does at times: it says "try again" for no reason.
      if (!conn.closed) conn.socketDrained();
    }
    expect(mill.host.now() - start).toBeLessThanOrEqual(WRITE_STALL_MS + 1_000);
    await stop();
  });

  test("close cuts the linger short for a peer that floods", async () => {
    const { mill, peer, conn, stop } = idle();
    conn.close();
    mill.pass(1);
    const chunk = new Uint8Array(1_048_576);
    for (let sent = 0; sent < LINGER_BYTES_MAX; sent += chunk.length) conn.socketData(chunk);
    expect(conn.closed).toBe(false);
    conn.socketData(new Uint8Array(1));
    expect(conn.closed).toBe(true);
    mill.pass(1);
    expect(peer.wasReset).toBe(true);
    await stop();
  });

  test("close of a conn that was ended first, its outbox still full, sends everything", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    const sent = patterned(60_000);
    peer.pause();
    write(mill, conn, sent);
    let outcome: unknown = null;
    mill.start(function* () {
      outcome = yield* thrownBy(() => conn.end());
    });
    mill.pass(10);
    expect(outcome).toBeNull();
    conn.close();
    mill.pass(10);
    expect(outcome).toBeInstanceOf(ConnectionClosedError);
    peer.resume();
    mill.pass(10);
    expect([peer.received.length, peer.ended]).toEqual([sent.length, true]);
    await stop();
  });

  test("close of a conn whose peer has sent FIN closes the socket as soon as all is sent", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    peer.shutdown();
    peer.pause();
    write(mill, conn, patterned(60_000));
    conn.close();
    mill.pass(1_000);
    expect(conn.closed).toBe(false);
    peer.resume();
    mill.pass(10);
    expect([conn.closed, peer.received.length, peer.wasReset]).toEqual([true, 60_000, false]);
    await stop();
  });

  test("close of a paused conn lets the peer go on, and drops its bytes", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    peer.send(new Uint8Array(400_000));
    mill.pass(100);
    expect(socketOf(conn).paused).toBe(true);
    expect(peer.unsentBytes).toBeGreaterThan(0);
    conn.close();
    mill.pass(100);
    expect([peer.unsentBytes, conn.received.size]).toEqual([0, 0]);
    await stop();
  });

  test("close of a conn that has lost its peer in a write does not wait for the stall clock", async () => {
    const { peer, conn, stop } = idle();
    // The socket's write fails before any callback has told of the reset.
    peer.reset();
    socketOf(conn).write = () => -1;
    conn.outbox.pushText("lost");
    conn.flushNow();
    expect(conn.closed).toBe(false);
    conn.close();
    expect(conn.closed).toBe(true);
    await stop();
  });

  test("close outlives its task, and run waits for it", async () => {
    const mill = new Mill();
    const { peers, port, stop } = SimPeer.listen(mill.host, { port: 0 });
    await mill.run(function* () {
      using conn = yield* connect({ port });
      yield* conn.write("bye");
    });
    expect(mill.host.now()).toBeWithin(LINGER_MS, LINGER_MS + 10);
    expect((peers[0] as SimPeer).text).toBe("bye");
    stop();
    await mill.finish();
  });

  // The scheduler keeps one set of closing conns for all roots: a busy server beside it would hold a short task up for ever.
  test("close in one root task does not hold up another one", async () => {
    const { mill, peer, conn, stop } = idle(SMALL);
    peer.pause();
    write(mill, conn, patterned(60_000));
    conn.close();
    const other = mill.start(() => sleep(1));
    mill.pass(100);
    const { ending } = other;
    await stop();
    expect(ending).toBe("returned");
  });
});
