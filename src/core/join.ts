// Joining a task: `yield* task` parks until the task has ended, then gives its value or throws its error. Any number may join one task; they
// stand in a circular list of their own, so that the common single join allocates nothing but its leaf.

import { finish, Leaf, suspend } from "./operation.ts";
import {
  type AnyTask,
  charge,
  describeTask,
  FAILED,
  type Joiner,
  type Kernel,
  RETURNED,
  running,
  type Stepper,
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

  protected start(): IteratorResult<Wait, T> {
    return this.#target.state >= RETURNED ? this.resume() : suspend(this);
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

/** The join of a task that has returned, for the moment between `[Symbol.iterator]()` and `next()`: one serves all. */
class ReturnedJoin implements Stepper<unknown> {
  value: unknown = undefined;

  next(): IteratorReturnResult<unknown> {
    const { value } = this;
    this.value = undefined;
    return finish(value);
  }
}

const returnedJoin = new ReturnedJoin();

/**
 * What `yield* task` runs. A task that is the next to run anyway takes its step here and now: when that ends it nobody has to park, and no leaf is
 * made (bench/micro/spawn.ts: 259 ns with a park, 88 without, 80 without the leaf).
 */
export function joinOf<T>(kernel: Kernel, task: Task<T>): Stepper<T> {
  const joiner = running;
  if (joiner !== null && joiner.node.cause === null) {
    if (task.state < RETURNED) kernel.runIfNext(task);
    // That step may have cancelled the joiner: then the leaf throws.
    if (task.state === RETURNED && joiner.node.cause === null && charge()) {
      returnedJoin.value = task.outcome;
      return returnedJoin as Stepper<T>;
    }
  }
  return new JoinLeaf<T>(task)[Symbol.iterator]();
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
