// Running a program in a world of its own: the same handlers as on Bun, in virtual time, under a seed.

import type { Body } from "../core/operation.ts";
import { runOn, type RunOptions } from "../core/run.ts";
import { Scheduler } from "../core/scheduler.ts";

import { SimHost, type SimHostOptions } from "./host.ts";
import type { Task } from "../core/task.ts";

/**
 * A simulated world with its scheduler: virtual time, a network and a disk of its own, and chance under a seed. Several may stand side by side.
 *
 * @example
 * ```ts
 * import { now, sleep } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation({ seed: 7 });
 * const slow = world.start(() => sleep(60_000));
 * const quick = world.start(function* () {
 *   yield* sleep(1_000);
 *   return now() < 1_100;
 * });
 * await world.settle();
 * console.log(await quick.promise, slow.ending, world.host.reports); // => true, "returned", []
 * ```
 */
export class Simulation {
  readonly host: SimHost;
  readonly scheduler: Scheduler;

  constructor(options: SimHostOptions = {}) {
    this.host = new SimHost(options);
    this.scheduler = new Scheduler(this.host);
  }

  /** Starts `body` as a root task; nothing runs before `settle` or `run`. */
  start<T>(body: Body<T>, options?: string | RunOptions): Task<T> {
    return runOn(this.scheduler, body, options);
  }

  /** Makes moves until every root has ended. A world in which nothing can happen any more gets a DeadlockError. @throws what no task can be blamed for. */
  async settle(): Promise<void> {
    const { host, scheduler } = this;
    for (let jumps = 0; host.failure === null && scheduler.roots.size > 0;) {
      // A promise that is held may have settled by now: it comes before time jumps.
      if (host.holds > 0 && host.isAtRest) await realTurn(++jumps);
      if (host.advance()) continue;
      if (host.holds > 0) await host.nextWake();
      else host.stall();
    }
    if (host.failure !== null) throw host.failure.error;
  }

  /** Runs `body` as a root task to its end and gives its value. */
  async run<T>(body: Body<T>, options?: string | RunOptions): Promise<T> {
    const task = this.start(body, options);
    const { promise } = task;
    // The rejection is seen below, after the world has settled; it must not count as unhandled meanwhile.
    promise.catch(() => {});
    await this.settle();
    return promise;
  }
}

/** Microtasks that a chain of promises gets to settle in before virtual time jumps. */
const MICROTASKS = 16;
/** Jumps of virtual time after which the real event loop turns, so that real I/O comes through beside a task that ticks for ever. */
const JUMPS_PER_LOOP_TURN = 64;

async function realTurn(jumps: number): Promise<void> {
  for (let i = 0; i < MICROTASKS; i++) await Promise.resolve();
  if (jumps % JUMPS_PER_LOOP_TURN !== 0) return;
  // The one timer that ECMAScript itself has; a host's timers may not be named here.
  const { async, value } = Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  if (async) await value;
}

/**
 * Runs `body` in a fresh simulated world and gives its value. Rejects with what it throws, and with DeadlockError when nothing can happen any more.
 *
 * @example
 * ```ts
 * import { random, sleep, type Steps } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * function* thrown(): Steps<number> {
 *   yield* sleep(random() * 60_000);
 *   return Math.floor(random() * 6);
 * }
 *
 * const [first, again] = [await simulate(thrown, { seed: 7 }), await simulate(thrown, { seed: 7 })];
 * console.log(first === again); // => true
 * ```
 */
export function simulate<T>(body: Body<T>, options: SimHostOptions = {}): Promise<T> {
  return new Simulation(options).run(body);
}
