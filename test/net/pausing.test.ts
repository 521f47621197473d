// When a paused socket goes on: as soon as the reader has caught up, and when a reader needs more than the high-water mark.

import { describe, expect, test } from "bun:test";
import { RECEIVE_HIGH_WATER_BYTES } from "../../src/config.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { Mill, socketOf } from "./kit.ts";

const TIGHT = {
  sendBufferBytes: [50_000, 50_000],
  receiveBufferBytes: 50_000,
  segmentBytes: [10_000, 10_000],
} as const;

/** A world in which a flood has paused the conn, then `handler` runs for it; gives what was noted. */
async function flooded(handler: (conn: Conn, note: (what: unknown) => void) => Steps<void>): Promise<unknown[]> {
  const notes: unknown[] = [];
  const mill = new Mill(TIGHT);
  const { task } = mill.serve(
    function* (conn) {
      yield* sleep(100);
      notes.push(socketOf(conn).paused, conn.received.size > RECEIVE_HIGH_WATER_BYTES);
      yield* handler(conn, (what) => notes.push(what));
    },
    { graceMs: 0 },
  );
  mill.peer().send(new Uint8Array(1_000_000));
  mill.pass(1_000);
  await mill.finish(task);
  return notes;
}

describe("a paused socket", () => {
  test("a paused socket goes on when half of the mark has been read, though nobody waits to read", async () => {
    const notes = await flooded(function* (conn, note) {
      yield* conn.readExactly(conn.received.size - RECEIVE_HIGH_WATER_BYTES / 2 - 1);
      note(socketOf(conn).paused);
      yield* conn.readExactly(1);
      note(socketOf(conn).paused);
      yield* sleep(100);
      // It has been filled again meanwhile.
      note(conn.received.size > RECEIVE_HIGH_WATER_BYTES);
    });
    expect(notes).toEqual([true, true, true, false, true]);
  });

  test("a paused socket goes on for a reader that needs more than the mark", async () => {
    const notes = await flooded(function* (conn, note) {
      note((yield* conn.readExactly(400_000))?.length);
      yield* sleep(100);
      // A larger limit holds only as long as somebody waits for so much.
      note(conn.received.size < RECEIVE_HIGH_WATER_BYTES + 10_001);
    });
    expect(notes).toEqual([true, true, 400_000, true]);
  });

  test("a paused socket goes on for a reader of a long line", async () => {
    const notes = await flooded(function* (conn, note) {
      try {
        yield* conn.readLine({ max: 500_000 });
      } catch (error) {
        note((error as { code: string }).code);
        note(conn.received.size >= 500_000);
      }
    });
    expect(notes).toEqual([true, true, "ERR_LINE_TOO_LONG", true]);
  });
});
