// Fairness between conns: a peer for which the kernel takes whatever comes must not keep its handler running and all others waiting.

import { expect, test } from "bun:test";
import { PASS_BYTES, POSTPONED_TASKS_PER_TURN, STEP_BYTES } from "../../src/config.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { Mill } from "./kit.ts";

const BLOCK = new Uint8Array(16 * 1024);
const HOGS = 20;
/** More than three turns of the loop let go on after a pass in which all have moved their share. */
const CROWD = 4 * POSTPONED_TASKS_PER_TURN + 8;
const CROWD_ROUNDS = 2;
const TAKEN_BYTES = 8 * 1024 * 1024;

test("conn.write gives others a turn after a bounded number of bytes, in a step and in a pass", async () => {
  const mill = new Mill({ sendBufferBytes: [TAKEN_BYTES, TAKEN_BYTES], receiveBufferBytes: 1_024 });
  let moved = 0;
  let hogs = 0;
  let whenServed = -1;
  const { task } = mill.serve(
    function* (conn: Conn): Steps<void> {
      const line = yield* conn.readLine();
      if (line === "hello") {
        whenServed = moved;
        return;
      }
      hogs++;
      for (;;) {
        const { sent } = conn.outbox;
        yield* conn.write(BLOCK);
        moved += conn.outbox.sent - sent;
      }
    },
    { graceMs: 0 },
  );
  const perStep: number[] = [];
  const perPass = new Map<number, number>();
  let before = 0;
  mill.scheduler.instrument = {
    beforeStep: () => {
      before = moved;
    },
    afterStep: () => {
      const { passes } = mill.scheduler;
      perStep.push(moved - before);
      perPass.set(passes, (perPass.get(passes) ?? 0) + moved - before);
    },
  };
  const peers = Array.from({ length: HOGS }, () => mill.peer());
  const good = mill.peer();
  mill.pass(1);
  for (const peer of peers) {
    peer.pause();
    peer.send("hog\n");
  }
  good.send("hello\n");
  mill.pass(1_000);

  expect(hogs).toBe(HOGS);
  expect(moved).toBeGreaterThan(HOGS * TAKEN_BYTES * 0.9);
  expect(Math.max(...perStep)).toBeLessThanOrEqual(STEP_BYTES + BLOCK.length);
  expect(Math.max(...perPass.values())).toBeLessThanOrEqual(PASS_BYTES + STEP_BYTES + BLOCK.length);
  // The good peer came last, and was served when each hog had had one step: none was waited for that had had more.
  expect(whenServed).toBeGreaterThanOrEqual(0);
  expect(whenServed).toBeLessThanOrEqual(HOGS * (STEP_BYTES + BLOCK.length));
  await mill.finish(task);
});

test("conn.more sees what comes while its task waits for a turn, after it has written more than its share", async () => {
  const mill = new Mill({
    sendBufferBytes: [TAKEN_BYTES, TAKEN_BYTES],
    receiveBufferBytes: TAKEN_BYTES,
    latencyMs: [0, 0],
  });
  const answers = Array.from({ length: CROWD }, () => 0);
  let number = 0;
  const { task } = mill.serve(
    function* (conn: Conn): Steps<void> {
      const own = number++;
      while (yield* conn.more()) {
        conn.received.clear();
        for (let written = 0; written < STEP_BYTES; written += BLOCK.length) yield* conn.write(BLOCK);
        answers[own] = (answers[own] as number) + 1;
      }
    },
    { graceMs: 0 },
  );
  const peers = Array.from({ length: CROWD }, () => mill.peer());
  mill.pass(1);
  const asked = peers.map(() => 0);
  // Each asks again as soon as its whole answer is there, whatever the server is doing then.
  const ask = (): void => {
    for (const [i, peer] of peers.entries()) {
      const due = peer.received.length === (asked[i] as number) * STEP_BYTES;
      if (!due || asked[i] === CROWD_ROUNDS) continue;
      asked[i] = (asked[i] as number) + 1;
      peer.send("more, please");
    }
  };
  do ask();
  while (mill.host.advance() && answers.some((count) => count < CROWD_ROUNDS));

  expect(answers).toEqual(peers.map(() => CROWD_ROUNDS));
  await mill.finish(task);
});
