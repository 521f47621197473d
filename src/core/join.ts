// Joining a task: `yield* task` parks until the task has ended, then gives its value or throws its error. Any number may join one task.

import { finish, Leaf, suspend } from "./operation.ts";
import { describeTask, ENDED, type Kernel, type Task, taskCancelledError, type Wait } from "./task.ts";
import { type Waiter, WaitQueue } from "./wait-queue.ts";

/** The leaf that `yield* task` runs. */
export class JoinLeaf<out T> extends Leaf<T> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  /** The task that waits. */
  joiner: Task<any> | null = null;
  readonly #target: Task<T>;

  constructor(target: Task<T>) {
    super();
    this.#target = target;
  }

  get reason(): string {
    return `the end of ${describeTask(this.#target)}`;
  }

  protected start(): IteratorResult<Wait, T> {
    return this.#target.state === ENDED ? this.resume() : suspend(this);
  }

  protected resume(): IteratorReturnResult<T> {
    const target = this.#target;
    if (target.ending === "returned") return finish(target.outcome as T);
    if (target.ending === "failed") throw target.outcome;
    throw taskCancelledError(target);
  }

  park(task: Task<any>): void {
    this.joiner = task;
    this.#target.joiners ??= new WaitQueue<Waiter>();
    this.#target.joiners.push(this);
  }

  unpark(): boolean {
    this.#target.joiners?.remove(this);
    this.joiner = null;
    return true;
  }
}

/** Wakes all that join `task`, in the order in which they came. */
export function wakeJoiners(kernel: Kernel, task: Task<any>): void {
  for (let waiter = task.joiners?.shift(); waiter; waiter = task.joiners?.shift()) {
    const leaf = waiter as JoinLeaf<unknown>;
    kernel.wake(leaf.joiner as Task, leaf);
  }
}
