// What all handles of one channel share: the buffer, those who wait, and how items move between them. No item is ever in two places, and each
// move is made at once, by whoever makes it possible: an item goes into the hands of a parked receiver, not to a receiver that would
// have to come back for it. So nobody overtakes those who wait, and a cancel finds an item either with its sender or with its receiver.
//
// At rest: receivers wait only for an empty channel, senders only for a full one, never both. One case apart: the two ends of one task, parked
// side by side in a composite, do not meet each other, as a race would then have sent what it reports as received.

import { RingBuffer } from "../core/ring-buffer.ts";
import { type Waiter, WaitQueue } from "../core/wait-queue.ts";
import type { Task } from "../core/task.ts";

/** One handle of a channel, as its operations see it. */
export interface ChannelEnd {
  readonly closed: boolean;
}

/** Who waits for something to happen to a channel, parked. */
interface WaitingEnd extends Waiter {
  readonly end: ChannelEnd;
  /** The parked task; `null` once it is settled or gone. */
  readonly task: Task | null;
  /** Its own handle, or the other side, was closed: it leaves with an error. */
  fail(): void;
}

/** A parked sender that has left the queue gives its item away and goes on. */
export interface WaitingSender<T> extends WaitingEnd {
  taken(): T;
}

/** A parked receiver that has left the queue gets an item, or `null` for the end, and goes on. */
export interface WaitingReceiver<T> extends WaitingEnd {
  hand(item: T | null): void;
}

/** Most slots a buffer begins with; it doubles up to its capacity as it fills. */
const SLOTS_INITIAL_MAX = 16;

/** The middle of a channel. */
export class ChannelCore<T> {
  readonly capacity: number;
  readonly name: string | undefined;
  readonly buffer: RingBuffer<T & {}>;
  readonly senders: WaitQueue<WaitingSender<T>> = new WaitQueue<WaitingSender<T>>();
  readonly receivers: WaitQueue<WaitingReceiver<T>> = new WaitQueue<WaitingReceiver<T>>();
  openSenders = 0;
  openReceivers = 0;
  timesFull = 0;
  undelivered = 0;

  constructor(capacity: number, name: string | undefined) {
    this.capacity = capacity;
    this.name = name;
    this.buffer = new RingBuffer<T & {}>(Math.min(SLOTS_INITIAL_MAX, 2 ** Math.ceil(Math.log2(Math.max(1, capacity)))));
  }

  /** `channel "orders"`: how messages name it. */
  describe(): string {
    return this.name === undefined ? "a channel" : `channel ${JSON.stringify(this.name)}`;
  }

  /** `channel "orders" (3 of 10)`. */
  describeFill(): string {
    return this.capacity === 0 ? this.describe() : `${this.describe()} (${this.buffer.size} of ${this.capacity})`;
  }

  /** Gives `item` to the receiver that has waited longest, or to the buffer; false when there is no room for it. */
  offer(item: T): boolean {
    const receiver = this.receivers.shift();
    if (receiver !== null) receiver.hand(item);
    else if (this.buffer.size < this.capacity) this.buffer.push(item as T & {});
    else {
      this.timesFull++;
      return false;
    }
    return true;
  }

  /** Takes the oldest item; `null` when none will come any more, `undefined` when there is none now. */
  take(): T | null | undefined {
    const item = this.buffer.shift();
    const sender = this.senders.shift();
    if (sender === null) return item === undefined && this.openSenders === 0 ? null : item;
    if (item === undefined) return sender.taken();
    this.buffer.push(sender.taken() as T & {});
    return item;
  }

  /** An item was handed over and not accepted: it is the oldest again. */
  giveBack(item: T): void {
    const receiver = this.receivers.shift();
    if (receiver !== null) receiver.hand(item);
    else if (this.openReceivers > 0) this.buffer.unshift(item as T & {});
    else this.undelivered++;
  }

  /** Makes every move that can be made. Who comes needs it only after a composite's pause between start and park, in which anything may happen. */
  settle(): void {
    if (this.openReceivers === 0) failAll(this.senders.toArray(), this.senders);
    while (this.#moveOne());
    if (this.openSenders > 0 || this.buffer.size > 0 || this.senders.size > 0) return;
    for (let receiver = this.receivers.shift(); receiver !== null; receiver = this.receivers.shift())
      receiver.hand(null);
  }

  /** A handle was closed: those who wait through it fail, and the last one of its side ends the channel for the other. */
  endClosed(end: ChannelEnd): void {
    failAll(ofEnd(this.senders, end), this.senders);
    failAll(ofEnd(this.receivers, end), this.receivers);
    this.settle();
  }

  /** Takes out all that is buffered, oldest first. */
  drain(): T[] {
    const items: T[] = [];
    for (let item = this.buffer.shift(); item !== undefined; item = this.buffer.shift()) items.push(item);
    this.undelivered += items.length;
    return items;
  }

  #moveOne(): boolean {
    const { buffer, receivers, senders } = this;
    if (buffer.size > 0 && receivers.size > 0) {
      const item = buffer.shift() as T;
      receivers.shift()?.hand(item);
      return true;
    }
    if (senders.size === 0) return false;
    if (buffer.size < this.capacity) {
      const item = senders.shift()?.taken() as T & {};
      buffer.push(item);
      return true;
    }
    return this.capacity === 0 && this.#meet();
  }

  #meet(): boolean {
    const receivers = this.receivers.toArray();
    for (const sender of this.senders.toArray()) {
      for (const receiver of receivers) {
        if (receiver.task === sender.task) continue;
        this.senders.remove(sender);
        this.receivers.remove(receiver);
        receiver.hand(sender.taken());
        return true;
      }
    }
    return false;
  }
}

function ofEnd<W extends WaitingEnd>(queue: WaitQueue<W>, end: ChannelEnd): W[] {
  return queue.toArray().filter((waiter) => waiter.end === end);
}

/** To settle one may take others of a composite out of the queue. */
function failAll<W extends WaitingEnd>(waiting: readonly W[], queue: WaitQueue<W>): void {
  for (const waiter of waiting) {
    if (waiter.task === null) continue;
    queue.remove(waiter);
    waiter.fail();
  }
}
