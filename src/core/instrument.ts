// Hooks into the life of tasks, after curio's four: what debuggers, tracers and metrics are built on. The scheduler holds one
// instrument or `null`; absent, a step pays one comparison. A hook that throws is fatal: it must not look like a task's failure.

import type { AnyTask } from "./task.ts";

/**
 * What an instrument may watch. Each hook runs synchronously inside the scheduler, so keep it short.
 *
 * @example
 * ```ts
 * import { type Instrument, instrument, run, sleep } from "millrace";
 *
 * let steps = 0;
 * const counting: Instrument = { beforeStep: () => void steps++ };
 * using _watching = instrument(counting);
 * await run(() => sleep(1)).promise;
 * console.log(steps); // => 2
 * ```
 */
export interface Instrument {
  /** A task was made and stands on the ring for its first step. */
  taskSpawned?(task: AnyTask): void;
  /** A step is about to resume the task. */
  beforeStep?(task: AnyTask): void;
  /** The step is over: the task is parked, back on the ring or ended. */
  afterStep?(task: AnyTask): void;
  /** The task has ended: `task.ending` tells how. */
  taskExited?(task: AnyTask): void;
}
