// A one-shot event: closed until somebody opens it, open for ever after.

import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";

import { type Waiter, WaitQueue } from "../core/wait-queue.ts";
import type { Task, Wait } from "../core/task.ts";

/** Options of a {@link Latch}. */
export interface LatchOptions {
  /** Name for task lists and messages. */
  name?: string;
}

/** What a latch looks like at this moment. */
export interface LatchStatistics {
  readonly isOpen: boolean;
  /** Tasks parked in `wait`. */
  readonly waiting: number;
}

/**
 * Tasks wait for it; `open` wakes them all, in the order in which they came.
 *
 * @example
 * ```ts
 * import { Latch, run, scope } from "millrace";
 *
 * const ready = new Latch({ name: "ready" });
 * await run(() =>
 *   scope(function* (tasks) {
 *     tasks.spawn(function* () {
 *       yield* ready.wait();
 *       console.log("serves"); // => "serves"
 *     });
 *     ready.open(); // the configuration was loaded, say
 *   }),
 * ).promise;
 * ```
 */
export class Latch {
  /** @internal */ readonly waiting: WaitQueue<LatchLeaf> = new WaitQueue<LatchLeaf>();
  /** @internal */ readonly name: string | undefined;
  #isOpen = false;

  constructor(options: LatchOptions = {}) {
    this.name = options.name;
  }

  /** `open` was called. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Opens the latch. No effect twice. May be called from anywhere, not only from a task. */
  open(): void {
    this.#isOpen = true;
    for (let leaf = this.waiting.shift(); leaf !== null; leaf = this.waiting.shift()) leaf.opened();
  }

  /** Parks until the latch is open; does not park when it is. */
  wait(): Operation<void> {
    return new LatchLeaf(this);
  }

  /** The latch's state and counts. */
  statistics(): LatchStatistics {
    return { isOpen: this.#isOpen, waiting: this.waiting.size };
  }
}

class LatchLeaf extends Leaf<void> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  readonly #latch: Latch;
  /** The parked task; `null` once the latch is open, or nobody waits any more. */
  #task: Task | null = null;

  constructor(latch: Latch) {
    super();
    this.#latch = latch;
  }

  get reason(): string {
    const { name } = this.#latch;
    return name === undefined ? "a latch" : `latch ${JSON.stringify(name)}`;
  }

  protected start(): IteratorResult<Wait, void> {
    return this.#latch.isOpen ? finish(undefined) : suspend(this);
  }
  protected resume(): IteratorReturnResult<void> {
    return finish(undefined);
  }
  park(task: Task): void {
    this.#task = task;
    // A composite starts all its operations before it parks the first: one of them may have opened the latch.
    if (this.#latch.isOpen) this.opened();
    else this.#latch.waiting.push(this);
  }
  unpark(): boolean {
    if (this.#task !== null) this.#latch.waiting.remove(this);
    this.#task = null;
    return true;
  }
  opened(): void {
    const task = this.#task as Task;
    this.#task = null;
    task.kernel.wake(task, this);
  }
}
