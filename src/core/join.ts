// Joining a task: `yield* task` parks until the task has ended, then gives its value or throws its error. Any number may join one task; they
// stand in a circular list of their own, so that the common single join allocates nothing but its leaf.

import { begin, finish, Leaf, suspend } from "./operation.ts";
import {
  type AnyTask,
  describeTask,
  FAILED,
  type Joiner,
  RETURNED,
  type Task,
  taskCancelledError,
  type Wait,
} from "./task.ts";

/** The leaf that `yield* task` runs. */
export class JoinLeaf<out T> extends Leaf<T> implements Joiner {
  nextJoiner: Joiner = this;
  previousJoiner: Joiner = this;
  readonly #target: Task<T>;
  #task: AnyTask | null = null;

  constructor(target: Task<T>) {
    super();
    this.#target = target;
  }

  get reason(): string {
    return `the end of ${describeTask(this.#target)}`;
  }

  protected start(task: Task): IteratorResult<Wait, T> {
    const target = this.#target;
    // A task that is the next to run anyway takes its first step here and now: when that ends it, nobody has to park (bench/micro/spawn-one.ts).
    const stepped = target.state < RETURNED && target.kernel.runIfNext(target);
    if (target.state >= RETURNED) return this.resume();
    // That step may have cancelled the joiner, which was running and could not be interrupted: it must not park under a cancel.
    return (stepped ? begin(task, this) : null) ?? suspend(this);
  }

  protected resume(): IteratorReturnResult<T> {
    const target = this.#target;
    if (target.state === RETURNED) return finish(target.outcome as T);
    if (target.state === FAILED) throw target.outcome;
    throw taskCancelledError(target);
  }

  park(task: AnyTask): void {
    this.#task = task;
    const target = this.#target;
    const first = target.joiners;
    if (first === null) {
      target.joiners = this;
      return;
    }
    const last = first.previousJoiner;
    this.previousJoiner = last;
    this.nextJoiner = first;
    last.nextJoiner = this;
    first.previousJoiner = this;
  }

  unpark(): boolean {
    const target = this.#target;
    const { nextJoiner, previousJoiner } = this;
    if (nextJoiner === this) target.joiners = null;
    else {
      if (target.joiners === this) target.joiners = nextJoiner;
      previousJoiner.nextJoiner = nextJoiner;
      nextJoiner.previousJoiner = previousJoiner;
    }
    return true;
  }

  targetEnded(): void {
    const task = this.#task as AnyTask;
    task.kernel.wake(task, this);
  }
}

/** Wakes all that join `task`, in the order in which they came. */
export function wakeJoiners(task: AnyTask): void {
  const first = task.joiners;
  if (first === null) return;
  task.joiners = null;
  let joiner = first;
  do {
    const { nextJoiner } = joiner;
    joiner.targetEnded();
    joiner = nextJoiner;
  } while (joiner !== first);
}
