// The ring is held against a plain array under random pushes and shifts, also where its counters wrap at 2^31.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { RingBuffer } from "../../src/core/ring-buffer.ts";
import { messageOf, thrown } from "./kit.ts";

interface Item {
  readonly id: number;
}

test("RingBuffer gives items in their order, whatever the mix of pushes at both ends and shifts", () => {
  const positions = fc.constantFrom(0, 1, 2 ** 31 - 5, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 3, -7);
  fc.assert(
    fc.property(
      fc.nat(3),
      positions,
      fc.array(fc.integer({ min: -6, max: 9 }), { maxLength: 60 }),
      (log2, position, moves) => {
        const ring = new RingBuffer<Item>(1 << log2, position);
        const model: Item[] = [];
        let id = 0;
        for (const move of moves) {
          if (move === 9) {
            const item = { id: id++ };
            ring.unshift(item);
            model.unshift(item);
          }
          for (let i = 0; i < move; i++) {
            const item = { id: id++ };
            ring.push(item);
            model.push(item);
          }
          for (let i = 0; i > move; i--) expect(ring.shift()).toBe(model.shift() as Item);
          expect(ring.size).toBe(model.length);
        }
        while (model.length > 0) expect(ring.shift()).toBe(model.shift() as Item);
        expect(ring.shift()).toBeUndefined();
      },
    ),
  );
});

test("RingBuffer doubles exactly when an item finds it full", () => {
  const ring = new RingBuffer<Item>(2);
  const capacities: number[] = [];
  for (let id = 0; id < 9; id++) {
    ring.push({ id });
    capacities.push(ring.capacity);
  }
  expect(capacities).toEqual([2, 2, 4, 4, 8, 8, 8, 8, 16]);
});

test("RingBuffer empties the array that it grows out of: whoever still points to that must not keep its items", () => {
  const ring = new RingBuffer<Item>(2);
  const { slots } = ring as unknown as { slots: unknown[] };
  for (let id = 0; id < 3; id++) ring.push({ id });
  expect([slots.length, ring.size, ring.capacity]).toEqual([0, 3, 4]);
});

test("RingBuffer keeps its order when it doubles with its head in the middle and its counters at the wrap", () => {
  const ring = new RingBuffer<Item>(4, 2 ** 31 - 2);
  const items = Array.from({ length: 12 }, (_, id) => ({ id }));
  for (const item of items.slice(0, 3)) ring.push(item);
  expect([ring.shift(), ring.shift()]).toEqual([items[0], items[1]]);
  for (const item of items.slice(3)) ring.push(item);
  expect(ring.size).toBe(10);
  for (const item of items.slice(2)) expect(ring.shift()).toBe(item);
  expect(ring.size).toBe(0);
});

test("RingBuffer keeps nothing of what was shifted alive", async () => {
  const ring = new RingBuffer<object>(8);
  const left: WeakRef<object>[] = [];
  (() => {
    for (let i = 0; i < 100; i++) {
      const item = { payload: new Array(100).fill(i) };
      left.push(new WeakRef(item));
      ring.push(item);
      ring.shift();
    }
  })();
  await collected(left, 5);
  // A few may still be seen by a conservative scan of the stack.
  expect(left.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(5);
  expect(ring.size).toBe(0);
});

test("RingBuffer refuses a capacity that is no power of two", () => {
  for (const capacity of [0, 3, 6, -4]) {
    expect(messageOf(thrown(() => new RingBuffer(capacity)))).toBe(
      `millrace invariant broken: ring capacity ${capacity} is a power of two`,
    );
  }
});

/** Collects garbage until at most `most` are left, or it has tried often enough. */
async function collected(refs: WeakRef<object>[], most: number): Promise<void> {
  for (let i = 0; i < 10; i++) {
    // A turn of the event loop: what was dereferenced in a job lives until its end.
    await new Promise((resolve) => setImmediate(resolve));
    Bun.gc(true);
    if (refs.filter((ref) => ref.deref() !== undefined).length <= most) return;
  }
}
