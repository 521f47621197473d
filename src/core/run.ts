// `run`: the door from ordinary code into a scheduler. It makes a root task and touches nothing of the process around it.

import { isCancelled } from "./cancel-tree.ts";
import { DeadlockError } from "./errors.ts";
import { watch } from "./forgotten.ts";
import type { Lingering } from "./lingering.ts";
import { type Body, finish, type Operation, labelOf, operationOf, PROBE, probed, suspend } from "./operation.ts";
import type { Scheduler } from "./scheduler.ts";
import { running, type Task, Wait } from "./task.ts";

/** Starts `body` as a root task of `scheduler`. It ends when its body has ended and every conn it left closing is closed. */
export function runOn<T>(scheduler: Scheduler, body: Body<T>, name?: string): Task<T> {
  watch?.adopted(body);
  return scheduler.spawn(null, root(scheduler, operationOf(body, "Cannot run")), labelOf(body, name));
}

function* root<T>(scheduler: Scheduler, operation: Operation<T>): Generator<Wait, T, unknown> {
  const task = running as Task;
  try {
    const value = yield* operation;
    // A body that had finished before its deadlocked children were cancelled must not hide the deadlock.
    if (task.cause?.reason instanceof DeadlockError) throw task.cause.reason;
    return value;
  } catch (error) {
    throw isCancelled(error) && error.reason instanceof DeadlockError ? error.reason : error;
  } finally {
    if (scheduler.lingering.of(task) > 0) yield* new LingeringWait(scheduler.lingering, task);
  }
}

/** Waits for the root's closing conns. No cancel ends it: each conn has its own deadline, and bytes that a peer still reads are not thrown away. */
class LingeringWait extends Wait {
  readonly reason = "connections that are closing";
  readonly #lingering: Lingering;
  readonly #root: Task;

  constructor(lingering: Lingering, root: Task) {
    super();
    this.#lingering = lingering;
    this.#root = root;
  }
  [Symbol.iterator](): this {
    return this;
  }
  next(token?: unknown): IteratorResult<Wait, void> {
    if (token === PROBE) return probed(this);
    return this.#lingering.of(this.#root) === 0 ? finish(undefined) : suspend(this);
  }
  park(task: Task): void {
    this.#lingering.whenNone(this.#root, () => task.kernel.wake(task, this));
  }
  unpark(): boolean {
    return false;
  }
}

/** Milliseconds on the clock of the running task's host: real on Bun, virtual in a simulation. */
export function now(): number {
  return hostOf("read the clock").now();
}

/** A number from 0 up to, not including, 1, from the running task's host: seeded in a simulation. */
export function random(): number {
  return hostOf("draw a random number").random();
}

function hostOf(attempt: string): Task["kernel"]["host"] {
  if (running === null) throw new ReferenceError(`Cannot ${attempt}: no task is running`);
  return running.kernel.host;
}
