// The counting behind semaphore and mutex. Permits go straight from whoever releases them to the task that has waited longest: nobody can
// overtake, and a task that waits for several is not starved by those that want one. A released permit is never owned by two,
// nor twice released: each is an object that gives back what it holds once.

import { begin, finish, Leaf, PROBE, probed, suspend } from "../core/operation.ts";
import { type AnyTask, running, type Task, type Wait } from "../core/task.ts";
import { type Waiter, WaitQueue } from "../core/wait-queue.ts";

/** What an acquire gives. Release it once; `using` does that at the end of the block, however that ends. */
export interface Permit extends Disposable {
  /** Gives back what this permit holds, to the task that has waited longest. May be called from anywhere. No effect twice. */
  release(): void;
  /** This permit was released. */
  readonly released: boolean;
}

/** A number of permits that tasks take and give back. */
export class PermitPool {
  readonly size: number;
  available: number;
  /** Permit objects that are not released. */
  borrowers = 0;
  timesEmpty = 0;
  readonly waiting: WaitQueue<AcquireLeaf> = new WaitQueue<AcquireLeaf>();

  constructor(size: number) {
    this.size = size;
    this.available = size;
  }

  /** What a task waits for that wants `count`. */
  describeWait(count: number): string {
    return `${count} permits`;
  }

  /** A task is about to ask. May throw. */
  asked(_task: AnyTask): void {}

  /** Takes permits for `task`, unless there are too few or others wait. */
  tryTake(count: number, task: AnyTask | null): Permit | undefined {
    if (this.waiting.size > 0 || count > this.available) {
      this.timesEmpty++;
      return undefined;
    }
    return this.give(count, task);
  }

  /** Gives permits that are there. */
  protected give(count: number, _task: AnyTask | null): Permit {
    this.available -= count;
    this.borrowers++;
    return new HeldPermit(this, count);
  }

  giveBack(count: number): void {
    this.available += count;
    this.borrowers--;
    this.serve();
  }

  /** Gives to those who wait, oldest first, as long as there is enough for the next. */
  serve(): void {
    for (let next = this.waiting.first; next !== null && next.count <= this.available; next = this.waiting.first) {
      this.waiting.remove(next);
      next.hand(this.give(next.count, next.asker));
    }
  }
}

/** Counted, so that releasing twice cannot make a permit out of nothing. */
class HeldPermit implements Permit {
  #pool: PermitPool | null;
  readonly #count: number;

  constructor(pool: PermitPool, count: number) {
    this.#pool = pool;
    this.#count = count;
  }

  get released(): boolean {
    return this.#pool === null;
  }

  release(): void {
    const pool = this.#pool;
    this.#pool = null;
    pool?.giveBack(this.#count);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** `semaphore.acquire(count)` and `mutex.acquire()`. */
export class AcquireLeaf extends Leaf<Permit> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  readonly count: number;
  /** The task that runs the operation: not always the one that it is parked for. */
  asker: AnyTask | null = null;
  readonly #pool: PermitPool;
  /** The parked task; `null` once the permit is there, or nobody waits any more. */
  #task: Task | null = null;
  #permit: Permit | null = null;

  constructor(pool: PermitPool, count: number) {
    super();
    this.#pool = pool;
    this.count = count;
  }

  get reason(): string {
    return this.#pool.describeWait(this.count);
  }

  override next(token?: unknown): IteratorResult<Wait, Permit> {
    const task = running;
    if (token === undefined) return begin(task, this) ?? this.start(task as Task);
    if (token === task) return this.resume();
    if (token === PROBE) return probed(this);
    throw token;
  }

  protected start(task: Task): IteratorResult<Wait, Permit> {
    this.#pool.asked(task);
    this.asker = task;
    const permit = this.#pool.tryTake(this.count, task);
    return permit === undefined ? suspend(this) : finish(permit);
  }

  protected resume(): IteratorReturnResult<Permit> {
    return finish(this.#permit as Permit);
  }

  park(task: Task): void {
    this.#task = task;
    this.#pool.waiting.push(this);
    // A composite starts all its operations before it parks the first: a permit may have come back meanwhile.
    this.#pool.serve();
  }

  unpark(): boolean {
    if (this.#task === null) {
      // The composite that it was parked for goes on without the permit.
      this.#permit?.release();
      return true;
    }
    this.#task = null;
    this.#pool.waiting.remove(this);
    // Whoever stands behind may want less.
    this.#pool.serve();
    return true;
  }

  hand(permit: Permit): void {
    const task = this.#task as Task;
    this.#task = null;
    this.#permit = permit;
    task.kernel.wake(task, this);
  }
}
