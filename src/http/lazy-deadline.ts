// The clocks of one HTTP connection on one timer, re-armed lazily: setting a deadline is a store, and the timer, when it fires early, looks at
// the deadline and arms itself again. A busy keep-alive connection makes no timer operation for a request.

import type { Scheduler } from "../core/scheduler.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";

/** Whose deadline it is. */
export interface DeadlineOwner {
  deadlinePassed(): void;
}

/** One deadline at a time: what it stands for is its owner's business. */
export class LazyDeadline implements TimerOwner {
  readonly #scheduler: Scheduler;
  readonly #owner: DeadlineOwner;
  readonly #timer: Timer = new Timer(this);
  #deadline = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler, owner: DeadlineOwner) {
    this.#scheduler = scheduler;
    this.#owner = owner;
  }

  /** Sets the deadline to host milliseconds `at`; `Infinity` for none. Arms the timer only when it would fire too late. */
  set(at: number): void {
    this.#deadline = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const { timers } = this.#scheduler;
    if (this.#timer.armed) {
      if (this.#timer.deadline <= at) return;
      timers.cancel(this.#timer);
    }
    timers.arm(this.#timer, at);
  }

  /** Disarms the timer: the connection is over. */
  stop(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#scheduler.timers.cancel(this.#timer);
  }

  expired(): void {
    if (this.#deadline === Number.POSITIVE_INFINITY) return;
    if (this.#deadline > this.#scheduler.now()) this.#scheduler.timers.arm(this.#timer, this.#deadline);
    else this.#owner.deadlinePassed();
  }
}
