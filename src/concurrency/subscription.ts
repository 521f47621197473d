// One subscriber of a broadcast: a bounded view of what is published. Several tasks may receive from one subscription; they then share its items,
// first come, first served.

import { begin, finish, Leaf, type Operation, PROBE, probed, suspend } from "../core/operation.ts";
import { RingBuffer } from "../core/ring-buffer.ts";
import { running, type Task, type Wait } from "../core/task.ts";
import { type Waiter, WaitQueue } from "../core/wait-queue.ts";
import { ChannelClosedError, LaggedError, SlowReceiverError } from "./channel-errors.ts";
import { Latch } from "./latch.ts";

/** What a subscription looks like at this moment. */
export interface SubscriptionStatistics {
  /** Items that may wait for it. */
  readonly capacity: number;
  /** Items that wait for it now. */
  readonly buffered: number;
  /** Tasks parked in `receive`. */
  readonly waiting: number;
  /** Items it has lost by lagging so far, those that no receive has reported yet included. */
  readonly lost: number;
}

/** One subscriber's view of a broadcast. */
export interface Subscription<out T> extends Disposable {
  /**
   * Takes the oldest item that waits for this subscriber. Parks while there is none; gives `null` when there is none and the broadcast is closed. Once
   * an item was handed to a parked task it is delivered, even if a cancel comes before the task resumes.
   * @throws LaggedError once for each gap; the next receive gives the oldest item behind it.
   * @throws SlowReceiverError when the subscriber was dropped, ChannelClosedError when the subscription was closed.
   */
  receive(): Operation<T | null>;
  /** As {@link Subscription.receive} where that needs no wait, from a task or any callback; `undefined` where it would. */
  tryReceive(): T | null | undefined;
  /**
   * Parks until nothing more is published to this subscription, because it was closed, dropped, or the broadcast is closed. Race it against what holds a
   * slow subscriber up, such as a write to a peer that does not read.
   */
  whenOver(): Operation<void>;
  /** Unsubscribes. What waits is thrown away; tasks parked in it get ChannelClosedError. No effect twice. */
  close(): void;
  /** The subscription's state and counts. */
  statistics(): SubscriptionStatistics;
}

const OPEN = 0;
/** The broadcast was closed: what waits is still received. */
const ENDED = 1;
/** Fell behind. */
const DROPPED = 2;
const CLOSED = 3;

const SLOTS_INITIAL_MAX = 8;

/** What a view needs of its broadcast. */
interface Publishing<T> {
  describe(): string;
  forget(view: View<T>): void;
}

/** The view itself, as the publisher sees it. */
export class View<T> implements Subscription<T> {
  readonly capacity: number;
  readonly buffer: RingBuffer<T & {}>;
  readonly waiting: WaitQueue<ViewLeaf<T>> = new WaitQueue<ViewLeaf<T>>();
  readonly #publisher: Publishing<T>;
  #state = OPEN;
  #lost = 0;
  /** Of those lost, what no receive has reported yet. */
  #unreported = 0;
  #over: Latch | null = null;

  constructor(publisher: Publishing<T>, capacity: number) {
    this.#publisher = publisher;
    this.capacity = capacity;
    this.buffer = new RingBuffer<T & {}>(Math.min(SLOTS_INITIAL_MAX, 2 ** Math.ceil(Math.log2(capacity))));
  }

  // --- for the subscriber ----------------------------------------------------------------------------------------------------

  receive(): Operation<T | null> {
    return new ViewLeaf<T>(this);
  }

  tryReceive(): T | null | undefined {
    const lost = this.takeLost();
    if (lost > 0) throw this.lagged(lost);
    const item = this.buffer.shift();
    return item !== undefined || this.#state === OPEN ? item : this.over(this.#state);
  }

  whenOver(): Operation<void> {
    if (this.#over === null) {
      this.#over = new Latch({ name: `the end of ${this.describe()}` });
      if (this.#state !== OPEN) this.#over.open();
    }
    return this.#over.wait();
  }

  close(): void {
    if (this.#state === CLOSED) return;
    this.#publisher.forget(this);
    this.takeLost();
    this.#finish(CLOSED);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  statistics(): SubscriptionStatistics {
    return {
      capacity: this.capacity,
      buffered: this.buffer.size,
      waiting: this.waiting.size,
      lost: this.#lost,
    };
  }

  // --- for publisher and leaf ------------------------------------------------------------------------------------------------

  /** How messages name it. */
  describe(): string {
    return this.#publisher.describe();
  }

  /** Has `leaf` wait. A composite starts all its operations before it parks the first: something may have come meanwhile. */
  wait(leaf: ViewLeaf<T>): void {
    const lost = this.takeLost();
    const item = lost > 0 ? undefined : this.buffer.shift();
    if (lost > 0) leaf.lose(lost);
    else if (item !== undefined) leaf.hand(item);
    else if (this.#state === OPEN) this.waiting.push(leaf);
    else leaf.leave(this.#state);
  }

  /** Items that were lost and that nobody has been told of; whoever asks tells it. */
  takeLost(): number {
    const lost = this.#unreported;
    this.#unreported = 0;
    return lost;
  }

  lagged(lost: number): LaggedError {
    const found = `it fell behind and lost ${lost} of the oldest; the next receive goes on behind them`;
    return new LaggedError(`Cannot receive the next item from ${this.describe()}: ${found}`, lost);
  }

  /** What a receive gives, or throws, when nothing waits and nothing more comes. */
  over(state: number): null {
    if (state === ENDED) return null;
    const attempt = `Cannot receive from ${this.describe()}`;
    if (state === CLOSED) throw new ChannelClosedError(`${attempt}: this subscription was closed`);
    throw new SlowReceiverError(`${attempt}: ${this.capacity} items waited and one more came, so it was dropped`);
  }

  /** Gives `item` to the task that has waited longest, or lets it wait; false when there is no room for it. */
  offer(item: T): boolean {
    const leaf = this.waiting.shift();
    if (leaf !== null) leaf.hand(item);
    else if (this.buffer.size < this.capacity) this.buffer.push(item as T & {});
    else return false;
    return true;
  }

  /** Loses the oldest item for `item`. */
  lag(item: T): void {
    this.buffer.shift();
    this.buffer.push(item as T & {});
    this.#lost++;
    this.#unreported++;
  }

  /** It was too slow. */
  drop(): void {
    this.#finish(DROPPED);
  }

  /** The broadcast is closed. */
  end(): void {
    if (this.#state !== OPEN) return;
    this.#state = ENDED;
    this.#wakeAll();
  }

  /** What was handed over was not accepted: the item is the oldest again, the loss is still to be told. */
  giveBack(item: T | undefined, lost: number): void {
    if (this.#state > ENDED) return;
    this.#unreported += lost;
    if (item === undefined) return;
    const leaf = this.waiting.shift();
    if (leaf !== null) leaf.hand(item);
    else this.buffer.unshift(item as T & {});
  }

  #finish(state: number): void {
    this.#state = state;
    while (this.buffer.shift() !== undefined);
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (let leaf = this.waiting.shift(); leaf !== null; leaf = this.waiting.shift()) leaf.leave(this.#state);
    this.#over?.open();
  }
}

/** `subscription.receive()`. */
class ViewLeaf<T> extends Leaf<T | null> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  readonly #view: View<T>;
  /** The parked task; `null` once it is settled, or nobody waits any more. */
  #task: Task | null = null;
  /** What it was woken with: an item, a loss to tell, or, when neither, the state in which the view was left. */
  #handed: T | undefined = undefined;
  #lost = 0;
  #left = OPEN;

  constructor(view: View<T>) {
    super();
    this.#view = view;
  }

  get reason(): string {
    const { buffer, capacity } = this.#view;
    return `an item from ${this.#view.describe()} (${buffer.size} of ${capacity})`;
  }

  override next(token?: unknown): IteratorResult<Wait, T | null> {
    const task = running;
    if (token === undefined) return begin(task, this) ?? this.start();
    if (token === task) return this.resume();
    if (token === PROBE) return probed(this);
    throw token;
  }

  protected start(): IteratorResult<Wait, T | null> {
    const item = this.#view.tryReceive();
    return item === undefined ? suspend(this) : finish(item);
  }

  protected resume(): IteratorReturnResult<T | null> {
    const item = this.#handed;
    this.#handed = undefined;
    if (item !== undefined) return finish(item);
    if (this.#lost > 0) throw this.#view.lagged(this.#lost);
    return finish(this.#view.over(this.#left));
  }

  park(task: Task): void {
    this.#task = task;
    this.#view.wait(this);
  }

  unpark(): boolean {
    if (this.#task !== null) this.#view.waiting.remove(this);
    this.#task = null;
    // A composite that goes on without what it was handed gives it back.
    this.#view.giveBack(this.#handed, this.#lost);
    this.#handed = undefined;
    this.#lost = 0;
    return true;
  }

  hand(item: T): void {
    this.#handed = item;
    this.#wake();
  }

  lose(lost: number): void {
    this.#lost = lost;
    this.#wake();
  }

  leave(state: number): void {
    this.#left = state;
    this.#wake();
  }

  #wake(): void {
    const task = this.#task as Task;
    this.#task = null;
    task.kernel.wake(task, this);
  }
}
