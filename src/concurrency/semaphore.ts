// A semaphore: at most so many at once, first come, first served.

import { ProtocolError } from "../core/errors.ts";
import { describeValue, type Operation } from "../core/operation.ts";
import { running } from "../core/task.ts";
import { AcquireLeaf, type Permit, PermitPool } from "./permits.ts";

/** Options of a {@link Semaphore}. */
export interface SemaphoreOptions {
  /** Name for task lists and messages. */
  name?: string;
}

/** What a semaphore looks like at this moment. */
export interface SemaphoreStatistics {
  /** Permits in all. */
  readonly permits: number;
  /** Permits that nobody holds. */
  readonly available: number;
  /** Acquires that were not yet released. */
  readonly borrowers: number;
  /** Tasks parked in `acquire`. */
  readonly waiting: number;
  /** Times an `acquire` or `tryAcquire` could not be served at once so far. */
  readonly timesEmpty: number;
}

/**
 * Lets at most `permits` tasks through at once; a task may ask for several permits together.
 *
 * @example
 * ```ts
 * import { all, run, Semaphore, sleep, type Steps } from "millrace";
 *
 * const ovens = new Semaphore(2, { name: "ovens" });
 * let most = 0;
 *
 * function* bake(): Steps<void> {
 *   using _oven = yield* ovens.acquire(); // released at the end of the block
 *   most = Math.max(most, ovens.statistics().borrowers);
 *   yield* sleep(5);
 * }
 *
 * await run(() => all([bake, bake, bake])).promise;
 * console.log(most); // => 2
 * ```
 */
export class Semaphore {
  readonly #pool: Permits;

  /** @throws ProtocolError unless `permits` is a whole number from 1. */
  constructor(permits: number, options: SemaphoreOptions = {}) {
    if (!Number.isSafeInteger(permits) || permits < 1)
      throw new ProtocolError(
        `Cannot make a semaphore: expected a whole number of permits from 1 and found ${describeValue(permits)}`,
      );
    this.#pool = new Permits(permits, options.name);
  }

  /**
   * Takes `count` permits together. Parks until they are there and everybody who came before was served. A cancelled acquire took nothing; a permit
   * that was handed to a parked task is delivered, even if a cancel comes before the task resumes, so hold it by `using`.
   * @throws ProtocolError at once when `count` is no whole number from 1 to the permits there are.
   */
  acquire(count = 1): Operation<Permit> {
    this.#assertCount(count);
    return new AcquireLeaf(this.#pool, count);
  }

  /** As {@link Semaphore.acquire} where that needs no wait, from a task or any callback; `undefined` where it would, or where others wait. */
  tryAcquire(count = 1): Permit | undefined {
    this.#assertCount(count);
    return this.#pool.tryTake(count, running);
  }

  /** The semaphore's state and counts. */
  statistics(): SemaphoreStatistics {
    const { size, available, borrowers, waiting, timesEmpty } = this.#pool;
    return { permits: size, available, borrowers, waiting: waiting.size, timesEmpty };
  }

  #assertCount(count: number): void {
    const { size } = this.#pool;
    if (!Number.isInteger(count) || count < 1 || count > size) {
      const found = `found ${describeValue(count)}`;
      throw new ProtocolError(
        `Cannot acquire from ${this.#pool.describe()}: expected 1 to ${size} whole permits and ${found}`,
      );
    }
  }
}

class Permits extends PermitPool {
  readonly #name: string | undefined;

  constructor(permits: number, name: string | undefined) {
    super(permits);
    this.#name = name;
  }

  describe(): string {
    return this.#name === undefined ? "a semaphore" : `semaphore ${JSON.stringify(this.#name)}`;
  }

  override describeWait(count: number): string {
    const wanted = count === 1 ? "a permit" : `${count} permits`;
    return `${wanted} of ${this.describe()} (${this.available} of ${this.size} available)`;
  }
}
