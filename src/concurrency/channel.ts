// A channel: a bounded queue of items between tasks, with any number of senders and receivers. Each end is a handle; a handle is cloned for each
// task that works with it and closed when that task is done, and when the last one of a side is closed the other side learns of it: receivers
// get what is left and then `null`, senders get ChannelClosedError. (The two ends and their clones are those of trio's memory channels.)
//
// What holds: an item that was sent is received once, in order, or given back by the close of the last receiver. Those who wait are served first
// come, first served, and nobody overtakes them. A send that is cancelled was not made; one whose item was taken is over, as is a receive
// that was handed an item: a cancel that comes later is thrown by the next operation. There is no unbounded channel, as a queue without a bound
// only hides that its receivers are too slow until memory is gone.

import { CHANNEL_ITEMS_MAX } from "../config.ts";
import { ProtocolError } from "../core/errors.ts";
import { describeValue, type Operation } from "../core/operation.ts";
import { ChannelCore, type ChannelEnd } from "./channel-core.ts";
import { assertItem } from "./channel-errors.ts";
import { handleClosed, ReceiveLeaf, receiversClosed, SendLeaf } from "./channel-leaves.ts";

/** Options of {@link channel}. */
export interface ChannelOptions {
  /** Name for task lists and messages. */
  name?: string;
}

/** What a channel looks like at this moment; any of its handles gives it. */
export interface ChannelStatistics {
  /** Items that may wait in the channel; 0 for a rendezvous. */
  readonly capacity: number;
  /** Items that wait in it now. */
  readonly buffered: number;
  /** Sender handles that are not closed. */
  readonly openSenders: number;
  /** Receiver handles that are not closed. */
  readonly openReceivers: number;
  /** Tasks parked in `send`. */
  readonly waitingSenders: number;
  /** Tasks parked in `receive`. */
  readonly waitingReceivers: number;
  /** Times a `send` or `trySend` found no room so far. */
  readonly timesFull: number;
  /** Items that were still in the channel when its last receiver was closed. */
  readonly undelivered: number;
}

/**
 * The end of a channel that items go in at.
 *
 * @example
 * ```ts
 * import { channel } from "millrace";
 *
 * const [sender, receiver] = channel<string>(1);
 * console.log(sender.trySend("rye"), sender.trySend("oats")); // => true, false
 * const other = sender.clone(); // for a second task, which closes it when it is done
 * sender.close();
 * console.log(other.statistics().openSenders); // => 1
 * other.close();
 * receiver.close();
 * ```
 */
export interface Sender<in T> extends Disposable {
  /**
   * Sends `item`. Parks while the channel is full, or, at capacity 0, until a receiver takes the item. A cancelled send was not made.
   * @throws ChannelClosedError when this handle is closed, or all receivers are: the item was not sent.
   * @throws ProtocolError at once for `null` and `undefined`, which stand for the end of the stream and for "nothing in time".
   */
  send(item: T): Operation<void>;
  /**
   * Sends `item` if that needs no wait, from a task or any callback; false when it would.
   * @throws ChannelClosedError and ProtocolError as {@link Sender.send}.
   */
  trySend(item: T): boolean;
  /** A further handle to the same end, to be closed on its own. @throws ChannelClosedError when this one is closed. */
  clone(): Sender<T>;
  /** Closes this handle; when it was the last sender, receivers get what is left and then `null`. Tasks parked in it throw. No effect twice. */
  close(): void;
  /** This handle was closed. */
  readonly closed: boolean;
  /** The channel's state and counts. */
  statistics(): ChannelStatistics;
}

/**
 * The end of a channel that items come out at.
 *
 * @example
 * ```ts
 * import { channel } from "millrace";
 *
 * const [sender, receiver] = channel<string>(1);
 * console.log(receiver.tryReceive()); // => undefined
 * sender.trySend("rye");
 * sender.close();
 * console.log(receiver.tryReceive(), receiver.tryReceive()); // => "rye", null
 * ```
 */
export interface Receiver<out T> extends Disposable {
  /**
   * Takes the oldest item. Parks while there is none; gives `null` when there is none and all senders are closed. Once an item was handed to a parked
   * receiver it is delivered, even if a cancel comes before the task resumes.
   * @throws ChannelClosedError when this handle is closed.
   */
  receive(): Operation<T | null>;
  /**
   * Takes the oldest item if that needs no wait, from a task or any callback; `undefined` when there is none, `null` when none will come any more.
   * @throws ChannelClosedError when this handle is closed.
   */
  tryReceive(): T | null | undefined;
  /** A further handle to the same end, to be closed on its own. @throws ChannelClosedError when this one is closed. */
  clone(): Receiver<T>;
  /**
   * Closes this handle. When it was the last receiver, sends throw from now on, those that are parked too, and the items that nobody will receive are
   * given back, oldest first; `using` drops them. They are counted as `undelivered`. Tasks parked in this handle throw. No effect twice.
   */
  close(): T[];
  /** This handle was closed. */
  readonly closed: boolean;
  /** The channel's state and counts. */
  statistics(): ChannelStatistics;
}

/**
 * Makes a channel for up to `capacity` items that wait; with 0 each item goes from hand to hand, and a send is over when it was received.
 * `null` and `undefined` cannot be sent. Does not park.
 * @throws ProtocolError unless `capacity` is a whole number of items, not negative and within CHANNEL_ITEMS_MAX (2^24).
 *
 * @example
 * ```ts
 * import { channel, run, scope } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const [sender, receiver] = channel<string>(10, { name: "orders" });
 *     tasks.spawn(function* () {
 *       using orders = sender; // closed with this task, however it ends
 *       for (const order of ["rye", "oats"]) yield* orders.send(order);
 *     });
 *     for (let order: string | null; (order = yield* receiver.receive()) !== null;) {
 *       console.log(order); // => "rye", "oats"
 *     }
 *   }),
 * ).promise;
 * ```
 */
export function channel<T extends NonNullable<unknown>>(
  capacity: number,
  options: ChannelOptions = {},
): [sender: Sender<T>, receiver: Receiver<T>] {
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > CHANNEL_ITEMS_MAX) {
    const range = `expected a capacity of 0 to ${CHANNEL_ITEMS_MAX} whole items`;
    throw new ProtocolError(`Cannot make a channel: ${range} and found ${describeValue(capacity)}`);
  }
  const core = new ChannelCore<T>(capacity, options.name);
  return [new SenderHandle<T>(core), new ReceiverHandle<T>(core)];
}

class SenderHandle<T> implements Sender<T>, ChannelEnd {
  closed = false;
  readonly #core: ChannelCore<T>;
  /** One leaf serves all sends that are not under way at the same time. */
  #spare: SendLeaf<T> | null = null;

  constructor(core: ChannelCore<T>) {
    this.#core = core;
    core.openSenders++;
  }

  send(item: T): Operation<void> {
    if (item === null || item === undefined) assertItem(item, `Cannot send to ${this.#core.describe()}`);
    const spare = this.#spare;
    if (spare === null || !spare.handOut()) return (this.#spare = new SendLeaf<T>(this.#core, this, item));
    spare.item = item;
    return spare;
  }

  trySend(item: T): boolean {
    const core = this.#core;
    assertItem(item, `Cannot send to ${core.describe()}`);
    if (this.closed) throw handleClosed(`Cannot send to ${core.describe()}`);
    if (core.openReceivers === 0) throw receiversClosed(core as ChannelCore<never>);
    return core.offer(item);
  }

  clone(): Sender<T> {
    if (this.closed) throw handleClosed(`Cannot clone a sender of ${this.#core.describe()}`);
    return new SenderHandle<T>(this.#core);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#core.openSenders--;
    this.#core.endClosed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): ChannelStatistics {
    return statisticsOf(this.#core);
  }
}

class ReceiverHandle<T> implements Receiver<T>, ChannelEnd {
  closed = false;
  readonly #core: ChannelCore<T>;
  /** As that of a sender. */
  #spare: ReceiveLeaf<T> | null = null;

  constructor(core: ChannelCore<T>) {
    this.#core = core;
    core.openReceivers++;
  }

  receive(): Operation<T | null> {
    const spare = this.#spare;
    if (spare !== null && spare.handOut()) return spare;
    return (this.#spare = new ReceiveLeaf<T>(this.#core, this));
  }

  tryReceive(): T | null | undefined {
    if (this.closed) throw handleClosed(`Cannot receive from ${this.#core.describe()}`);
    return this.#core.take();
  }

  clone(): Receiver<T> {
    if (this.closed) throw handleClosed(`Cannot clone a receiver of ${this.#core.describe()}`);
    return new ReceiverHandle<T>(this.#core);
  }

  close(): T[] {
    if (this.closed) return [];
    this.closed = true;
    const core = this.#core;
    core.openReceivers--;
    core.endClosed(this);
    return core.openReceivers === 0 ? core.drain() : [];
  }

  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): ChannelStatistics {
    return statisticsOf(this.#core);
  }
}

function statisticsOf<T>(core: ChannelCore<T>): ChannelStatistics {
  return {
    capacity: core.capacity,
    buffered: core.buffer.size,
    openSenders: core.openSenders,
    openReceivers: core.openReceivers,
    waitingSenders: core.senders.size,
    waitingReceivers: core.receivers.size,
    timesFull: core.timesFull,
    undelivered: core.undelivered,
  };
}
