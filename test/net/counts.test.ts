// Exact counts on the simulated network: what a message costs in kernel writes, task resumes and timer operations.

import { describe, expect, test } from "bun:test";
import { STEP_BYTES } from "../../src/config.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { echo, Mill, socketOf } from "./kit.ts";

/** A world with one served conn, and its peer. */
function served(handler: (conn: Conn) => Steps<void>): {
  mill: Mill;
  peer: ReturnType<Mill["peer"]>;
  conn: Conn;
  stop: () => Promise<void>;
} {
  const mill = new Mill();
  let conn: Conn | null = null;
  const { task } = mill.serve(
    function* (accepted) {
      conn = accepted;
      yield* handler(accepted);
    },
    { graceMs: 0 },
  );
  const peer = mill.peer();
  mill.until(() => conn !== null);
  mill.pass(10);
  return { mill, peer, conn: conn as unknown as Conn, stop: () => mill.finish(task) };
}

describe("write", () => {
  test("write leaves in one kernel write a pass, however many small ones there were", async () => {
    const { mill, peer, conn, stop } = served(function* (conn) {
      while ((yield* conn.readLine()) !== null)
        for (let i = 0; i < 100; i++) yield* conn.write(i % 2 === 0 ? "text." : Buffer.from("bytes"));
    });
    for (let round = 1; round <= 3; round++) {
      peer.send("go\n");
      mill.pass(10);
      expect(peer.received).toHaveLength(round * 500);
      expect(socketOf(conn).statistics.writes).toBe(round);
    }
    await stop();
  });

  test("write leaves as soon as 32 KiB are gathered", async () => {
    const { mill, peer, conn, stop } = served(function* (conn) {
      yield* conn.readLine();
      for (let i = 0; i < 40; i++) yield* conn.write(Buffer.alloc(1_024));
    });
    peer.send("go\n");
    mill.pass(10);
    expect(peer.received).toHaveLength(40_960);
    expect(socketOf(conn).statistics.writes).toBe(2);
    await stop();
  });

  test("write of one array is handed to the kernel as it is", async () => {
    const { mill, peer, conn, stop } = served(function* (conn) {
      yield* conn.readLine();
      yield* conn.write(Buffer.alloc(50_000));
    });
    peer.send("go\n");
    mill.pass(10);
    expect(peer.received).toHaveLength(50_000);
    expect(socketOf(conn).statistics.writes).toBe(1);
    await stop();
  });

  test("write to others' conns leaves once a round: 32 by 32 broadcast takes at most 63 kernel writes, not 1,024", async () => {
    const mill = new Mill();
    const conns: Conn[] = [];
    const { task } = mill.serve(
      function* (conn) {
        conns.push(conn);
        for (let bytes: Uint8Array | null; (bytes = yield* conn.read()) !== null;)
          for (const other of conns) yield* other.write(bytes);
      },
      { graceMs: 0 },
    );
    const peers = Array.from({ length: 32 }, () => mill.peer());
    mill.until(() => conns.length === 32);
    mill.pass(10);
    for (let round = 1; round <= 3; round++) {
      const before = conns.reduce((sum, conn) => sum + socketOf(conn).statistics.writes, 0);
      for (const peer of peers) peer.send("a message of some bytes\n");
      mill.pass(10);
      for (const peer of peers) expect(peer.received).toHaveLength(round * 32 * 24);
      const writes = conns.reduce((sum, conn) => sum + socketOf(conn).statistics.writes, 0) - before;
      expect(writes).toBeWithin(32, 64);
    }
    await mill.finish(task);
  });
});

describe("an echo message", () => {
  test("an echo message costs one task resume, one kernel write and no timer operation", async () => {
    const { mill, peer, conn, stop } = served(echo);
    peer.send("warm up");
    mill.pass(10);
    const { steps, timers } = mill.scheduler;
    const { arms, cancels } = timers;
    const { wakeAts } = mill.host;
    const { writes, pauses } = socketOf(conn).statistics;
    for (let i = 0; i < 100; i++) {
      peer.send("message");
      mill.pass(1);
    }
    expect(peer.received).toHaveLength(101 * 7);
    expect(mill.scheduler.steps - steps).toBe(100);
    expect(socketOf(conn).statistics.writes - writes).toBe(100);
    expect(socketOf(conn).statistics.pauses - pauses).toBe(0);
    expect([timers.arms - arms, timers.cancels - cancels, mill.host.wakeAts - wakeAts]).toEqual([0, 0, 0]);
    await stop();
  });

  test("an echo message keeps no buffer once it is sent", async () => {
    const { mill, peer, conn, stop } = served(echo);
    for (const message of ["small", "x".repeat(30_000)]) {
      peer.send(message);
      mill.pass(10);
      expect([conn.outbox.bytes.length, conn.outbox.pending, conn.received.bytes.length, conn.received.size]).toEqual([
        0, 0, 0, 0,
      ]);
    }
    await stop();
  });
});

describe("a line protocol", () => {
  // A step is worth 128 operations that need no wait: a line that is read and answered is two.
  test.each([
    [1, 1],
    [16, 1],
    [128, 2],
  ])(
    "a line protocol answers %i lines that came together in %i steps and one kernel write, with no timer operation",
    async (lines, stepsEach) => {
      const { mill, peer, conn, stop } = served(function* (conn) {
        for (let line: string | null; (line = yield* conn.readLine()) !== null;)
          yield* conn.write(`PONG ${line.slice("PING ".length)}\n`);
      });
      peer.send("PING warm\n");
      mill.pass(10);
      const { steps, timers } = mill.scheduler;
      const { arms, cancels } = timers;
      const { writes } = socketOf(conn).statistics;
      for (let round = 1; round <= 10; round++) {
        peer.send("PING 1234\n".repeat(lines));
        mill.pass(10);
        expect(peer.received).toHaveLength(10 * (1 + round * lines));
      }
      expect(mill.scheduler.steps - steps).toBe(10 * stepsEach);
      expect(socketOf(conn).statistics.writes - writes).toBe(10);
      expect([timers.arms - arms, timers.cancels - cancels]).toEqual([0, 0]);
      await stop();
    },
  );
});

describe("a read", () => {
  test("a read of bytes that are already there resumes no task", async () => {
    const lines: string[] = [];
    const { mill, peer, stop } = served(function* (conn) {
      for (let line: string | null; (line = yield* conn.readLine()) !== null;) lines.push(line);
    });
    const { steps } = mill.scheduler;
    peer.send("one\ntwo\nthree\nfour\nfive\n");
    mill.pass(10);
    expect(lines).toEqual(["one", "two", "three", "four", "five"]);
    expect(mill.scheduler.steps - steps).toBe(1);
    await stop();
  });

  test("a read of what comes in many pieces resumes its task once", async () => {
    const read: (number | undefined)[] = [];
    const { mill, peer, stop } = served(function* (conn) {
      read.push((yield* conn.readExactly(1_000))?.length, (yield* conn.readLine())?.length);
    });
    const { steps } = mill.scheduler;
    for (let i = 0; i < 100; i++) {
      peer.send("0123456789");
      mill.pass(1);
    }
    for (let i = 0; i < 99; i++) {
      peer.send("0123456789");
      mill.pass(1);
    }
    expect(mill.scheduler.steps - steps).toBe(1);
    peer.send("\n");
    mill.pass(1);
    expect(read).toEqual([1_000, 990]);
    await stop();
  });

  test("a read that keeps up with bulk input pauses nothing", async () => {
    const { mill, peer, conn, stop } = served(function* (conn) {
      while ((yield* conn.read()) !== null);
    });
    peer.send(new Uint8Array(3_000_000));
    mill.pass(100);
    expect(socketOf(conn).statistics.bytesRead).toBe(3_000_000);
    expect(socketOf(conn).statistics.pauses).toBe(0);
    await stop();
  });

  test("an answer that uses up the bytes of a step is followed by the wait for the next request in the same step", async () => {
    const mill = new Mill({ sendBufferBytes: [1_000_000, 1_000_000], receiveBufferBytes: 1_000_000 });
    const { task } = mill.serve(function* (conn) {
      while ((yield* conn.read()) !== null) yield* conn.write(new Uint8Array(2 * STEP_BYTES));
    });
    const peer = mill.peer();
    mill.pass(10);
    const { steps } = mill.scheduler;
    for (let asked = 0; asked < 10; asked++) {
      peer.send(new Uint8Array(1));
      mill.pass(10);
    }
    expect(peer.received.length).toBe(20 * STEP_BYTES);
    expect(mill.scheduler.steps - steps).toBe(10);
    await mill.finish(task);
  });
});
