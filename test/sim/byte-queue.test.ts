// The queue below the simulated wire.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteQueue } from "../../src/sim/byte-queue.ts";

test("ByteQueue gives the bytes back in order, whatever the pieces in and out", () => {
  const step = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.nat({ max: 30 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ByteQueue();
      const [put, got]: [number[], number[]] = [[], []];
      for (const step of steps) {
        if (typeof step === "number") {
          const taken = queue.take(step);
          expect(taken.length).toBe(Math.min(step, put.length - got.length));
          got.push(...taken);
        } else {
          queue.push(step);
          put.push(...step);
        }
        expect(queue.length).toBe(put.length - got.length);
        expect(queue.peek().length > 0).toBe(queue.length > 0);
      }
      got.push(...queue.take(queue.length));
      expect(got).toEqual(put);
    }),
  );
});

test("ByteQueue.take gives an array of its own", () => {
  const queue = new ByteQueue();
  const chunk = new Uint8Array([1, 2, 3]);
  queue.push(chunk);
  const taken = queue.take(3);
  chunk.fill(9);
  expect([...taken]).toEqual([1, 2, 3]);
  expect(taken.buffer.byteLength).toBe(3);
});

test("ByteQueue.clear empties it, for further use", () => {
  const queue = new ByteQueue();
  queue.push(new Uint8Array([1, 2, 3]));
  queue.take(1);
  queue.clear();
  expect([queue.length, queue.take(5).length, queue.peek().length]).toEqual([0, 0, 0]);
  queue.push(new Uint8Array([7]));
  expect([...queue.take(2)]).toEqual([7]);
});
