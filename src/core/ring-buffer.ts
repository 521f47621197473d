// A FIFO queue on an array of a power of two: the ready ring of the scheduler, the buffer of a channel. Head and tail only count and are masked on
// use, so that full and empty need no flag. It doubles when full and never drops. It is no concurrent queue: one thread pushes and shifts.

import { assert } from "./assert.ts";

/** FIFO queue with amortised O(1) `push` and O(1) `shift`. A slot is cleared when it is shifted: the ring retains nothing. */
export class RingBuffer<T extends NonNullable<unknown>> {
  private slots: (T | undefined)[];
  private mask: number;
  private head: number;
  private tail: number;

  /**
   * @param capacity first number of slots: a power of two.
   * @param position where counting begins; tests begin close to the wrap at 2^31.
   */
  constructor(capacity: number, position = 0) {
    assert(capacity > 0 && (capacity & (capacity - 1)) === 0, `ring capacity ${capacity} is a power of two`);
    this.slots = new Array<T | undefined>(capacity).fill(undefined);
    this.mask = capacity - 1;
    this.head = this.tail = position | 0;
  }

  /** Items in the ring. */
  get size(): number {
    return (this.tail - this.head) | 0;
  }

  /** Slots allocated: the ring doubles when `size` reaches it. */
  get capacity(): number {
    return this.mask + 1;
  }

  /** Puts `item` behind all others; doubles the ring when it is full. */
  push(item: T): void {
    if (this.size > this.mask) this.grow();
    this.slots[this.tail & this.mask] = item;
    this.tail = (this.tail + 1) | 0;
  }

  /** Puts `item` before all others; doubles the ring when it is full. */
  unshift(item: T): void {
    if (this.size > this.mask) this.grow();
    this.head = (this.head - 1) | 0;
    this.slots[this.head & this.mask] = item;
  }

  /** Takes the oldest item, or gives `undefined` when the ring is empty. */
  shift(): T | undefined {
    const at = this.head & this.mask;
    const item = this.slots[at];
    if (item === undefined) return undefined;
    this.slots[at] = undefined;
    this.head = (this.head + 1) | 0;
    return item;
  }

  /** The oldest item, which stays; `undefined` when the ring is empty. */
  peek(): T | undefined {
    return this.slots[this.head & this.mask];
  }

  private grow(): void {
    const old = this.slots;
    const size = this.size;
    const slots = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (let i = 0; i < size; i++) slots[i] = old[(this.head + i) & this.mask];
    // The collector takes whatever looks like a pointer on the machine's stack for one: one to this array was seen to keep 2,048 tasks that had ended.
    old.length = 0;
    this.slots = slots;
    this.mask = slots.length - 1;
    this.head = 0;
    this.tail = size;
  }
}
