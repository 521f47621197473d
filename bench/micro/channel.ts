// One task sends, another receives, through a channel: of 16 items, so that most moves need no wait, and of none, where the two meet for each item.
// The twin is the same channel over promises as one writes it for speed: no async function inside, one promise for what must wait, one made once
// for all sends that need no wait, the same ring for its buffer. It has no cancellation, no clones and no close of the receiving side. One
// operation is one item sent and received.

import { channel, type Receiver, type Sender } from "../../src/concurrency/channel.ts";
import type { Steps } from "../../src/core/operation.ts";
import { RingBuffer } from "../../src/core/ring-buffer.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

function ours(capacity: number, size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  function* produce(sender: Sender<number>): Steps<void> {
    for (let i = 1; i <= operations; i++) yield* sender.send(i);
    sender.close();
  }
  function* consume(receiver: Receiver<number>): Steps<number> {
    let sum = 0;
    for (;;) {
      const item = yield* receiver.receive();
      if (item === null) return sum;
      sum += item;
    }
  }
  const body = (): unknown => {
    const [sender, receiver] = channel<number>(capacity);
    driver.scheduler.spawn(null, produce(sender), "produce");
    return checked(
      runToEnd(driver, () => consume(receiver)),
      operations,
    );
  };
  return { operations, body };
}

/** Made once: awaiting it is the cheapest that a send can cost. */
const SENT = Promise.resolve();

interface WaitingSend<T> {
  readonly item: T;
  readonly resolve: () => void;
}

class PromiseChannel<T extends NonNullable<unknown>> {
  readonly #capacity: number;
  readonly #buffer = new RingBuffer<T>(16);
  readonly #senders = new RingBuffer<WaitingSend<T>>(16);
  readonly #receivers = new RingBuffer<(item: T | null) => void>(16);
  #closed = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  send(item: T): Promise<void> {
    if (this.#closed) throw new Error("closed");
    const receiver = this.#receivers.shift();
    if (receiver !== undefined) receiver(item);
    else if (this.#buffer.size < this.#capacity) this.#buffer.push(item);
    else return new Promise((resolve) => this.#senders.push({ item, resolve }));
    return SENT;
  }

  /** What is there needs no promise of its own: `await` takes the item as it is. */
  receive(): T | null | Promise<T | null> {
    const item = this.#buffer.shift();
    const sender = this.#senders.shift();
    if (sender !== undefined) {
      sender.resolve();
      if (item === undefined) return sender.item;
      this.#buffer.push(sender.item);
    }
    if (item !== undefined) return item;
    if (this.#closed) return null;
    return new Promise((resolve) => this.#receivers.push(resolve));
  }

  close(): void {
    this.#closed = true;
    for (let receiver = this.#receivers.shift(); receiver !== undefined; receiver = this.#receivers.shift())
      receiver(null);
  }
}

function twin(capacity: number, size: Size): Side {
  const operations = operationsOf(size);
  const produce = async (channel: PromiseChannel<number>): Promise<void> => {
    for (let i = 1; i <= operations; i++) await channel.send(i);
    channel.close();
  };
  const body = async (): Promise<number> => {
    const channel = new PromiseChannel<number>(capacity);
    const producer = produce(channel);
    let sum = 0;
    for (;;) {
      const item = await channel.receive();
      if (item === null) break;
      sum += item;
    }
    await producer;
    return checked(sum, operations);
  };
  return { operations, body };
}

/** Every item came through. */
function checked(sum: number, operations: number): number {
  if (sum !== (operations * (operations + 1)) / 2) throw new Error(`Cannot count the items: their sum is ${sum}`);
  return sum;
}

function channelBench(capacity: number): MicroBench {
  return {
    name: `channel-${capacity}`,
    about: `send and receive between two tasks, capacity ${capacity}; the same over promises`,
    target: 0.75,
    make: { ours: (size) => ours(capacity, size), twin: (size) => twin(capacity, size) },
  };
}

/** With room for 16 items and for none, in this order. */
export const channels: readonly MicroBench[] = [channelBench(16), channelBench(0)];
