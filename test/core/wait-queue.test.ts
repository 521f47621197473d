// The queue is held against an array under random pushes, shifts and removals.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Waiter, WaitQueue } from "../../src/core/wait-queue.ts";

class Standing implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
}

test("WaitQueue is first in first out, with removal from anywhere", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -2, max: 12 }), { maxLength: 100 }), (moves) => {
      const queue = new WaitQueue<Standing>();
      const model: Standing[] = [];
      for (const move of moves) {
        if (move === -2) expect(queue.shift()).toBe(model.shift() ?? null);
        else if (move < 6) {
          const waiter = new Standing();
          queue.push(waiter);
          model.push(waiter);
        } else if (model.length > 0) {
          const [waiter] = model.splice(move % model.length, 1) as [Standing];
          queue.remove(waiter);
          expect([waiter.nextWaiter, waiter.previousWaiter]).toEqual([null, null]);
        }
        expect(queue.size).toBe(model.length);
        expect(queue.first).toBe(model[0] ?? null);
        expect(queue.toArray()).toEqual(model);
      }
      while (model.length > 0) expect(queue.shift()).toBe(model.shift() as Standing);
      expect(queue.shift()).toBeNull();
    }),
  );
});

test("WaitQueue takes a waiter again after it has left", () => {
  const queue = new WaitQueue<Standing>();
  const [a, b] = [new Standing(), new Standing()];
  queue.push(a);
  queue.push(b);
  queue.shift();
  queue.push(a);
  expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([b, a, null]);
});
