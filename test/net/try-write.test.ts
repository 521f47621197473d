// `tryWrite`: what goes to many peers at once, from anywhere, without a wait and without a queue.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { Mill, socketOf } from "./kit.ts";

/** A peer that takes next to nothing once it has paused. */
const NARROW = { sendBufferBytes: [1_000, 1_000] as const, receiveBufferBytes: 1_000 };

/** A served conn, its peer, and what a test then does with it outside of its handler. */
function served(options: object = {}): {
  mill: Mill;
  peer: ReturnType<Mill["peer"]>;
  conn: Conn;
  stop: () => Promise<void>;
} {
  const mill = new Mill(options);
  let conn: Conn | null = null;
  const { task } = mill.serve(
    function* (accepted) {
      conn = accepted;
      while ((yield* accepted.read()) !== null);
    },
    { graceMs: 0, onError: () => {} },
  );
  const peer = mill.peer();
  mill.until(() => conn !== null);
  mill.pass(10);
  return { mill, peer, conn: conn as unknown as Conn, stop: () => mill.finish(task) };
}

describe("tryWrite", () => {
  test("tryWrite from outside of any task sends bytes and text, many calls in one kernel write", async () => {
    const { mill, peer, conn, stop } = served();
    for (let i = 0; i < 100; i++) expect(conn.tryWrite(i % 2 === 0 ? "Grüße " : Buffer.from("bytes "))).toBe(true);
    mill.pass(10);
    expect(peer.text).toBe("Grüße bytes ".repeat(50));
    expect(socketOf(conn).statistics.writes).toBe(1);
    await stop();
  });

  test("tryWrite accepts nothing when the high-water mark waits for the peer, and again once it has read", async () => {
    const { mill, peer, conn, stop } = served(NARROW);
    peer.pause();
    mill.pass(10);
    let accepted = 0;
    while (conn.tryWrite("x".repeat(1_000))) accepted++;
    // What waits is below the mark before each call, so one call may pass it; the rest is in the kernel's buffers.
    expect(accepted).toBeWithin(65, 70);
    expect(conn.outbox.pending).toBeWithin(64 * 1024, 65 * 1024);
    expect(conn.tryWrite("x")).toBe(false);
    peer.resume();
    mill.pass(100);
    expect(conn.tryWrite("last")).toBe(true);
    mill.pass(10);
    expect(peer.text).toBe(`${"x".repeat(accepted * 1_000)}last`);
    await stop();
  });

  test("tryWrite holds the bound that it is given, be it below or above the mark", async () => {
    for (const pendingBytesMax of [1, 5_000, 300_000]) {
      const { mill, peer, conn, stop } = served(NARROW);
      peer.pause();
      mill.pass(10);
      while (conn.tryWrite(new Uint8Array(1_000), { pendingBytesMax }));
      expect(conn.outbox.pending).toBeWithin(pendingBytesMax, pendingBytesMax + 1_000);
      peer.reset();
      mill.pass(10);
      await stop();
    }
  });

  test("tryWrite goes before a task that waits in write, and whole", async () => {
    const mill = new Mill(NARROW);
    let conn: Conn | null = null;
    const { task } = mill.serve(
      function* (accepted): Steps<void> {
        conn = accepted;
        yield* sleep(5);
        yield* accepted.write("a".repeat(100_000));
        yield* accepted.write("written");
        while ((yield* accepted.read()) !== null);
      },
      { graceMs: 0 },
    );
    const peer = mill.peer();
    mill.until(() => conn !== null);
    peer.pause();
    mill.pass(10);
    const served = conn as unknown as Conn;
    expect([served.writer === null, served.tryWrite("no")]).toEqual([false, false]);
    expect(served.tryWrite("tried,", { pendingBytesMax: 1_000_000 })).toBe(true);
    peer.resume();
    mill.pass(1_000);
    expect(peer.text).toBe(`${"a".repeat(100_000)}tried,written`);
    await mill.finish(task);
  });

  test("tryWrite accepts nothing on a conn that is closed, ended or lost", async () => {
    const over: Record<string, (world: ReturnType<typeof served>) => void> = {
      closed: ({ conn }) => conn.close(),
      ended: ({ conn }) => conn.beginEnd(),
      terminated: ({ conn }) => conn.terminate(),
      lost: ({ peer }) => peer.reset(),
    };
    for (const [name, end] of Object.entries(over)) {
      const world = served();
      end(world);
      world.mill.pass(10);
      expect([name, world.conn.tryWrite("x"), world.conn.outbox.pending]).toEqual([name, false, 0]);
      await world.stop();
      expect(world.peer.text).toBe("");
    }
  });

  test("tryWrite throws for a bound that is none", async () => {
    const { conn, stop } = served();
    for (const pendingBytesMax of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => conn.tryWrite("x", { pendingBytesMax })).toThrow(RangeError);
    await stop();
  });

  test("tryWrite of many bytes goes to the kernel at once", async () => {
    const { mill, conn, peer, stop } = served();
    expect(conn.tryWrite(new Uint8Array(32 * 1024))).toBe(true);
    expect([conn.outbox.pending, socketOf(conn).statistics.writes]).toEqual([0, 1]);
    mill.pass(10);
    expect(peer.received).toHaveLength(32 * 1024);
    await stop();
  });
});
