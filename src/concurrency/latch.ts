// A one-shot event: closed until somebody opens it, open for ever after.

import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";

import { type Waiter, WaitQueue } from "../core/wait-queue.ts";
import type { Task, Wait } from "../core/task.ts";

/** Tasks wait for it; `open` wakes them all, in the order in which they came. */
export class Latch {
  /** @internal */ readonly waiting: WaitQueue<LatchLeaf> = new WaitQueue<LatchLeaf>();
  #isOpen = false;

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
}

class LatchLeaf extends Leaf<void> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  readonly reason = "a latch";
  readonly #latch: Latch;
  #task: Task | null = null;

  constructor(latch: Latch) {
    super();
    this.#latch = latch;
  }

  protected start(): IteratorResult<Wait, void> {
    return this.#latch.isOpen ? finish(undefined) : suspend(this);
  }
  protected resume(): IteratorReturnResult<void> {
    return finish(undefined);
  }
  park(task: Task): void {
    this.#task = task;
    this.#latch.waiting.push(this);
  }
  unpark(): boolean {
    this.#latch.waiting.remove(this);
    return true;
  }
  opened(): void {
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}
