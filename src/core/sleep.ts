// Waiting for time to pass.

import { ProtocolError } from "./errors.ts";
import { finish, Leaf, type Operation, suspend } from "./operation.ts";

import { Timer, type TimerOwner } from "./timers.ts";
import type { Task, Wait } from "./task.ts";

/**
 * Parks for at least `ms` milliseconds of the host's clock; up to 1 ms longer, as timers have whole ticks. For `Infinity` it parks for ever, for 0
 * and less until its next turn.
 * @throws ProtocolError at once unless `ms` is a number
 *
 * @example
 * ```ts
 * import { now, sleep } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * await simulate(function* () {
 *   yield* sleep(60_000); // a minute of the host's clock: none of ours, in a simulation
 *   console.log(Math.floor(now())); // => 60_000
 * });
 * ```
 */
export function sleep(ms: number): Operation<void> {
  return new SleepLeaf(ms);
}

/**
 * Parks for ever: until the task is cancelled.
 *
 * @example
 * ```ts
 * import { moveOnAfter, run, sleepForever } from "millrace";
 *
 * console.log(await run(() => moveOnAfter(5, sleepForever())).promise); // => undefined
 * ```
 */
export function sleepForever(): Operation<never> {
  return new ForeverLeaf();
}

/** @throws ProtocolError unless `ms` is a number. */
export function assertMs(ms: number, attempt: string): void {
  if (typeof ms !== "number" || Number.isNaN(ms))
    throw new ProtocolError(`${attempt}: expected a number of milliseconds and found ${String(ms)}`);
}

class SleepLeaf extends Leaf<void> implements TimerOwner {
  readonly #ms: number;
  readonly #timer: Timer = new Timer(this);
  #task: Task | null = null;

  constructor(ms: number) {
    assertMs(ms, "Cannot sleep");
    super();
    this.#ms = ms;
  }

  get reason(): string {
    return `sleep(${this.#ms})`;
  }

  protected start(): IteratorResult<Wait, void> {
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<void> {
    return finish(undefined);
  }

  park(task: Task): void {
    this.#task = task;
    const { kernel } = task;
    // The clock is read here and not once a pass: a step that computed for a second must not make a sleep of a second end at once.
    if (this.#ms !== Number.POSITIVE_INFINITY) kernel.timers.arm(this.#timer, kernel.host.now() + this.#ms);
  }

  unpark(task: Task): boolean {
    task.kernel.timers.cancel(this.#timer);
    return true;
  }

  expired(): void {
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}

class ForeverLeaf extends Leaf<never> {
  readonly reason = "nothing: it sleeps for ever";
  protected start(): IteratorResult<Wait, never> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, never> {
    return suspend(this);
  }
  park(): void {}
  unpark(): boolean {
    return true;
  }
}
