// The time as HTTP needs it: read once a pass, because answers of one pass may carry one date and deadlines are seconds long.

import type { Scheduler } from "../core/scheduler.ts";

/** The clock of one server. */
export class PassClock {
  readonly #scheduler: Scheduler;
  #pass = -1;
  #now = 0;
  #wall = 0;
  /** Until then the wall clock is computed from the monotonic one. */
  #wallGoodUntil = -1;
  #offset = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Host milliseconds, as of this pass. */
  now(): number {
    if (this.#pass !== this.#scheduler.passes) this.#read();
    return this.#now;
  }

  /** Milliseconds since 1970, as of this pass. */
  wall(): number {
    if (this.#pass !== this.#scheduler.passes) this.#read();
    return this.#wall;
  }

  #read(): void {
    const { host, passes } = this.#scheduler;
    this.#pass = passes;
    this.#now = host.now();
    // One clock is read a pass, the other once a second: each costs 35 ns.
    if (this.#now >= this.#wallGoodUntil) {
      this.#offset = host.wallClock() - this.#now;
      this.#wallGoodUntil = this.#now + 1000;
    }
    this.#wall = this.#now + this.#offset;
  }
}
