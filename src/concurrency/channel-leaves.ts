// The operations that wait for a channel. A leaf that is parked stands in the channel's queue; it leaves it when it is settled, that is, when its
// item has moved, and from then on only resumes. So a cancel finds it either in the queue, and nothing has happened, or settled.

import { begin, finish, IDLE, Leaf, PROBE, probed, suspend } from "../core/operation.ts";
import { running, type Task, type Wait } from "../core/task.ts";
import type { Waiter } from "../core/wait-queue.ts";
import type { ChannelCore, ChannelEnd, WaitingReceiver, WaitingSender } from "./channel-core.ts";
import { ChannelClosedError } from "./channel-errors.ts";

/** What running an operation on a handle that was closed throws. */
export function handleClosed(attempt: string): ChannelClosedError {
  return new ChannelClosedError(`${attempt}: this handle was closed`);
}

/** What sending throws when nobody will ever receive. */
export function receiversClosed(core: ChannelCore<never>): ChannelClosedError {
  return new ChannelClosedError(`Cannot send to ${core.describe()}: all receivers are closed`);
}

/** `sender.send(item)`. */
export class SendLeaf<T> extends Leaf<void> implements WaitingSender<T> {
  declare nextWaiter: Waiter | null;
  declare previousWaiter: Waiter | null;
  declare task: Task | null;
  /** What is to be sent, while it is. */
  declare item: T | undefined;
  declare readonly end: ChannelEnd;
  declare private readonly core: ChannelCore<T>;

  constructor(core: ChannelCore<T>, end: ChannelEnd, item: T) {
    super();
    this.nextWaiter = null;
    this.previousWaiter = null;
    this.task = null;
    this.item = item;
    this.end = end;
    this.core = core;
  }

  get reason(): string {
    return this.core.capacity === 0 ? `a receiver of ${this.core.describe()}` : `room in ${this.core.describeFill()}`;
  }

  // Overrides `next` to save two calls for each item: bench/micro/channel.ts.
  override next(token?: unknown): IteratorResult<Wait, void> {
    const task = running;
    if (token === undefined) {
      const detour = begin(task, this);
      if (detour !== null) return detour;
      if (this.end.closed || this.core.openReceivers === 0) throw this.#closed();
      if (!this.core.offer(this.item as T)) return suspend(this);
      this.item = undefined;
    } else if (token === task) {
      // Only a sender whose item was taken has none.
      if (this.item !== undefined) throw this.#closed();
    } else if (token === PROBE) return probed(this);
    else throw token;
    this.state = IDLE;
    return finish(undefined);
  }

  protected start(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, void> {
    return suspend(this);
  }

  park(task: Task): void {
    const { core } = this;
    this.task = task;
    if (this.end.closed) return this.fail();
    core.senders.push(this);
    if (core.receivers.size > 0 || core.openReceivers === 0 || core.buffer.size < core.capacity) core.settle();
  }

  /** False when the item was taken: it cannot be had back. */
  unpark(): boolean {
    if (this.task === null) return this.item !== undefined;
    this.core.senders.remove(this);
    this.task = null;
    this.item = undefined;
    this.state = IDLE;
    return true;
  }

  override dropped(): void {
    this.item = undefined;
    this.state = IDLE;
  }

  taken(): T {
    const item = this.item as T;
    this.item = undefined;
    this.fail();
    return item;
  }

  /** With its item: that was not taken. */
  fail(): void {
    const task = this.task as Task;
    this.task = null;
    task.kernel.wake(task, this);
  }

  #closed(): ChannelClosedError {
    if (!this.end.closed) return receiversClosed(this.core as ChannelCore<never>);
    return handleClosed(`Cannot send to ${this.core.describe()}`);
  }
}

/** `receiver.receive()`. */
export class ReceiveLeaf<T> extends Leaf<T | null> implements WaitingReceiver<T> {
  declare nextWaiter: Waiter | null;
  declare previousWaiter: Waiter | null;
  declare task: Task | null;
  declare readonly end: ChannelEnd;
  /** What was handed over: an item, `null` for the end. */
  declare private handed: T | null | undefined;
  declare private readonly core: ChannelCore<T>;

  constructor(core: ChannelCore<T>, end: ChannelEnd) {
    super();
    this.nextWaiter = null;
    this.previousWaiter = null;
    this.task = null;
    this.end = end;
    this.handed = undefined;
    this.core = core;
  }

  get reason(): string {
    return `an item from ${this.core.describeFill()}`;
  }

  // As in SendLeaf.
  override next(token?: unknown): IteratorResult<Wait, T | null> {
    const task = running;
    let item: T | null | undefined;
    if (token === undefined) {
      const detour = begin(task, this);
      if (detour !== null) return detour;
      if (this.end.closed) throw this.#closed();
      item = this.core.take();
      if (item === undefined) return suspend(this);
    } else if (token === task) {
      item = this.handed;
      if (item === undefined) throw this.#closed();
      this.handed = undefined;
    } else if (token === PROBE) return probed(this);
    else throw token;
    this.state = IDLE;
    return finish(item);
  }

  protected start(): IteratorResult<Wait, T | null> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, T | null> {
    return suspend(this);
  }

  park(task: Task): void {
    const { core } = this;
    this.task = task;
    if (this.end.closed) return this.fail();
    core.receivers.push(this);
    if (core.senders.size > 0 || core.openSenders === 0 || core.buffer.size > 0) core.settle();
  }

  /** A composite that goes on without the item it was handed gives it back. */
  unpark(): boolean {
    if (this.task !== null) this.core.receivers.remove(this);
    this.task = null;
    this.state = IDLE;
    const item = this.handed;
    this.handed = undefined;
    if (item !== undefined && item !== null) this.core.giveBack(item);
    return true;
  }

  override dropped(): void {
    this.state = IDLE;
  }

  hand(item: T | null): void {
    this.handed = item;
    this.fail();
  }

  /** Without an item: its handle was closed. */
  fail(): void {
    const task = this.task as Task;
    this.task = null;
    task.kernel.wake(task, this);
  }

  #closed(): ChannelClosedError {
    return handleClosed(`Cannot receive from ${this.core.describe()}`);
  }
}
