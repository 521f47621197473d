// `run`: the door from ordinary code into a scheduler. It makes a root task and touches nothing of the process around it.

import { isCancelled } from "./cancel-tree.ts";
import { DeadlockError } from "./errors.ts";
import { watch } from "./forgotten.ts";
import { inPresentContext, keepContext } from "./inheritance.ts";
import type { Lingering } from "./lingering.ts";
import { type Body, finish, iterate, labelOf, PROBE, probed, suspend } from "./operation.ts";
import type { Scheduler } from "./scheduler.ts";
import { running, type Stepper, type Task, Wait } from "./task.ts";

/** Options of `run`. */
export interface RunOptions {
  /** Name for task lists. Default: that of the generator function. */
  readonly name?: string;
  /**
   * Keeps the engine's async context (`AsyncLocalStorage`) across waits, in this task and in all that are spawned below it: each goes on in the
   * context in which it was spawned. Costs some ns a step. Default false: a task goes on in the context of whatever wakes it.
   */
  readonly asyncContext?: boolean;
}

/**
 * Starts `body` as a root task of `scheduler`. It ends when its body has ended and every conn it left closing is closed.
 * @throws ProtocolError when the async context is to be kept and the host has none
 */
export function runOn<T>(scheduler: Scheduler, body: Body<T>, options?: string | RunOptions): Task<T> {
  watch?.adopted(body);
  const { name, asyncContext = false }: RunOptions =
    typeof options === "object" ? options : options === undefined ? {} : { name: options };
  const steps = new RootSteps(scheduler.lingering, iterate(body, "Cannot run"));
  if (!asyncContext) return scheduler.spawn(null, steps, labelOf(body, name));
  const task = scheduler.spawn(null, inPresentContext(scheduler, steps), labelOf(body, name));
  keepContext(task);
  return task;
}

/**
 * Steps of a root: those of its body, then the wait for its closing conns. Written by hand: a generator around the body would cost 9 ns on each
 * resume of every task that `run` or `main` starts.
 */
class RootSteps<T> extends Wait implements Stepper<T> {
  readonly reason = "connections that are closing";
  readonly #lingering: Lingering;
  readonly #body: Stepper<T>;
  /** How the body ended; it waits here until the conns are closed. */
  #ended: { value: T } | { error: unknown } | null = null;

  constructor(lingering: Lingering, body: Stepper<T>) {
    super();
    this.#lingering = lingering;
    this.#body = body;
  }

  next(token?: unknown): IteratorResult<Wait, T> {
    if (this.#ended !== null) return token === PROBE ? probed(this) : this.#linger();
    try {
      const result = this.#body.next(token);
      return result.done === true ? this.#end({ value: result.value }) : result;
    } catch (error) {
      return this.#end({ error });
    }
  }

  throw(error: unknown): IteratorResult<Wait, T> {
    try {
      if (this.#body.throw === undefined) throw error;
      const result = this.#body.throw(error);
      return result.done === true ? this.#end({ value: result.value }) : result;
    } catch (thrown) {
      return this.#end({ error: thrown });
    }
  }

  park(task: Task): void {
    this.#lingering.whenNone(task, () => task.kernel.wake(task, this));
  }

  /** No cancel ends it: each conn has its own deadline, and bytes that a peer still reads are not thrown away. */
  unpark(): boolean {
    return false;
  }

  #end(ended: { value: T } | { error: unknown }): IteratorResult<Wait, T> {
    const cause = (running as Task).cause?.reason;
    // A body that had finished before its deadlocked children were cancelled must not hide the deadlock.
    const cancelled = !("error" in ended) || isCancelled(ended.error);
    this.#ended = cause instanceof DeadlockError && cancelled ? { error: cause } : ended;
    return this.#linger();
  }

  #linger(): IteratorResult<Wait, T> {
    if (this.#lingering.of(running) > 0) return suspend(this);
    const ended = this.#ended as { value: T } | { error: unknown };
    if ("error" in ended) throw ended.error;
    return finish(ended.value);
  }
}

/**
 * Milliseconds on the clock of the running task's host, with fractions: real on Bun, virtual in a simulation. It only goes forward, and its zero
 * means nothing.
 * @throws ReferenceError outside of tasks
 *
 * @example
 * ```ts
 * import { now, run, sleep } from "millrace";
 *
 * await run(function* () {
 *   const startedAt = now();
 *   yield* sleep(10);
 *   console.log(now() - startedAt >= 10); // => true
 * }).promise;
 * ```
 */
export function now(): number {
  return hostOf("read the clock").now();
}

/**
 * A number from 0 up to, not including, 1, from the running task's host: seeded in a simulation.
 * @throws ReferenceError outside of tasks
 *
 * @example
 * ```ts
 * import { random, type Steps } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * function* roll(): Steps<number> {
 *   return 1 + Math.floor(random() * 6);
 * }
 *
 * console.log((await simulate(roll, { seed: 7 })) === (await simulate(roll, { seed: 7 }))); // => true
 * ```
 */
export function random(): number {
  return hostOf("draw a random number").random();
}

function hostOf(attempt: string): Task["kernel"]["host"] {
  if (running === null) throw new ReferenceError(`Cannot ${attempt}: no task is running`);
  return running.kernel.host;
}
