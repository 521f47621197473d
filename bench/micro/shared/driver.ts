// The scheduler without an event loop: a host of the bench's own, whose turns a loop makes one after the other. Chosen over the Bun host so
// that only our own code is timed: on Bun a turn is a setImmediate (550 ns for up to 256 steps, 2 ns a step), and the twins' microtasks
// do not go through the event loop either. `development` is off, as in production: no stacks are captured.

import { runOn } from "../../../src/core/run.ts";
import type { Host, HostClient } from "../../../src/core/host.ts";
import type { Body } from "../../../src/core/operation.ts";
import { Scheduler } from "../../../src/core/scheduler.ts";
import type { Task } from "../../../src/core/task.ts";

/** A host that does nothing by itself. */
export class BenchHost implements Host {
  readonly development: boolean = false;
  /** A turn was asked for. */
  pending = false;
  #client: HostClient | null = null;

  attach(client: HostClient): void {
    this.#client = client;
  }
  now(): number {
    return performance.now();
  }
  wallClock(): number {
    return Date.now();
  }
  random(): number {
    return Math.random();
  }
  defer(): void {
    this.pending = true;
  }
  wakeAt(): void {}
  hold(): void {}
  release(): void {}
  report(text: string): void {
    console.error(text);
  }
  fatal(error: unknown): void {
    throw error;
  }

  /** One turn. */
  turn(): void {
    this.pending = false;
    this.#client?.turn();
  }

  /** Turns until nothing asks for one. */
  drain(): void {
    while (this.pending) this.turn();
  }
}

/** A scheduler with its host. */
export interface Driver {
  readonly host: BenchHost;
  readonly scheduler: Scheduler;
}

/** Makes a scheduler. */
export function createDriver(): Driver {
  const host = new BenchHost();
  return { host, scheduler: new Scheduler(host) };
}

/** Runs `body` as a task to its end, in turns without a break. @throws what it throws, or when it waits for what never comes. */
export function runToEnd<T>({ host, scheduler }: Driver, body: Body<T>): T {
  const task: Task<T> = runOn(scheduler, body);
  host.drain();
  if (task.ending === "returned") return task.outcome as T;
  throw task.ending === null ? new Error("Cannot end the body: it is parked for ever") : task.outcome;
}
