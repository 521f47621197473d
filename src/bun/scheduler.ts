// The one scheduler of this process on Bun.

import { Scheduler } from "../core/scheduler.ts";
import { BunHost } from "./host.ts";

let scheduler: Scheduler | null = null;

/** The scheduler, made on first use: importing millrace starts nothing. */
export function bunScheduler(): Scheduler {
  scheduler ??= new Scheduler(new BunHost());
  return scheduler;
}
