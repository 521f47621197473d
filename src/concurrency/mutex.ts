// A mutex: a semaphore of one that knows who holds it, so that a task which would wait for itself gets an error in place of a deadlock.

import { ProtocolError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { type AnyTask, describeTask } from "../core/task.ts";
import { runningTask } from "./cancel.ts";
import { AcquireLeaf, type Permit, PermitPool } from "./permits.ts";

/** Options of a {@link Mutex}. */
export interface MutexOptions {
  /** Name for task lists and messages. */
  name?: string;
}

/** What a mutex looks like at this moment. */
export interface MutexStatistics {
  /** Somebody holds it. */
  readonly locked: boolean;
  /** The task that acquired it, in words, such as `task 7 (writer)`; `null` while nobody holds it. */
  readonly holder: string | null;
  /** Tasks parked in `acquire`. */
  readonly waiting: number;
  /** Times an `acquire` or `tryAcquire` found it held so far. */
  readonly timesHeld: number;
}

/**
 * Lets one task through at a time, first come, first served. Between two suspensions a task runs alone anyway: a mutex is for what must not be
 * interleaved across a `yield*`.
 *
 * @example
 * ```ts
 * import { all, Mutex, run, sleep, type Steps } from "millrace";
 *
 * const turn = new Mutex({ name: "journal" });
 * const journal: string[] = [];
 *
 * function* append(entry: string): Steps<void> {
 *   using _turn = yield* turn.acquire(); // released at the end of the block
 *   journal.push(`${entry}: begin`);
 *   yield* sleep(1);
 *   journal.push(`${entry}: end`);
 * }
 *
 * await run(() => all([() => append("a"), () => append("b")])).promise;
 * console.log(journal); // => ["a: begin", "a: end", "b: begin", "b: end"]
 * ```
 */
export class Mutex {
  readonly #pool: OnePermit;

  constructor(options: MutexOptions = {}) {
    this.#pool = new OnePermit(options.name);
  }

  /**
   * Parks until nobody holds the mutex and everybody who came before was served. A cancelled acquire took nothing; a permit that was handed to a
   * parked task is delivered, even if a cancel comes before the task resumes, so hold it by `using`.
   * @throws ProtocolError when the task that acquires holds the mutex already.
   */
  acquire(): Operation<Permit> {
    return new AcquireLeaf(this.#pool, 1);
  }

  /** As {@link Mutex.acquire} where that needs no wait; `undefined` where it would. @throws ProtocolError also outside of tasks. */
  tryAcquire(): Permit | undefined {
    const task = runningTask(`acquire ${this.#pool.describe()}`);
    this.#pool.asked(task);
    return this.#pool.tryTake(1, task);
  }

  /** The mutex's state and counts. */
  statistics(): MutexStatistics {
    const { available, holder, waiting, timesEmpty } = this.#pool;
    return {
      locked: available === 0,
      holder: holder === null ? null : describeTask(holder),
      waiting: waiting.size,
      timesHeld: timesEmpty,
    };
  }
}

class OnePermit extends PermitPool {
  holder: AnyTask | null = null;
  readonly #name: string | undefined;

  constructor(name: string | undefined) {
    super(1);
    this.#name = name;
  }

  describe(): string {
    return this.#name === undefined ? "a mutex" : `mutex ${JSON.stringify(this.#name)}`;
  }

  override describeWait(): string {
    const { holder } = this;
    if (holder === null) return this.describe();
    const ended = holder.ending === null ? "" : ", which has ended without releasing it";
    return `${this.describe()}, held by ${describeTask(holder)}${ended}`;
  }

  override asked(task: AnyTask): void {
    if (this.holder === task)
      throw new ProtocolError(
        `Cannot acquire ${this.describe()}: ${describeTask(task)} holds it already and would wait for itself`,
      );
  }

  protected override give(count: number, task: AnyTask | null): Permit {
    this.holder = task;
    return super.give(count, task);
  }

  override giveBack(count: number): void {
    this.holder = null;
    super.giveBack(count);
  }
}
