// A task: one generator with what the scheduler knows about it. Tasks hold no queue of their own and never run themselves; all moves
// between the states below are made by the scheduler.
//
//   QUEUED --step--> RUNNING --leaf parks--> PARKED --wake or interrupt--> QUEUED
//                    RUNNING --generator returns or throws--> ENDED

import { CancelNode, type Cancelled, isCancelled, type NodeHolder } from "./cancel-tree.ts";
import { AbortError, TaskCancelledError } from "./errors.ts";
import type { Host } from "./host.ts";
import type { Timers } from "./timers.ts";
import type { Waiter, WaitQueue } from "./wait-queue.ts";

/**
 * What a suspended task waits for. Opaque to users: only leaf operations extend it and only the scheduler calls it. It is a class, so
 * that the scheduler can tell its waits from a foreign value that a task yielded.
 */
export abstract class Wait {
  /** What is waited for, in words, for task lists. */
  abstract readonly reason: string;
  /** Registers `task` to be woken. Called once a suspension, right after the generator yielded. A throw is fatal. */
  abstract park(task: Task<any>): void;
  /** Unregisters `task` completely. False where the wait cannot be abandoned (a join at a scope's exit). A throw is fatal. */
  abstract unpark(task: Task<any>): boolean;
}

/** On the ring, or being spawned. */
export const QUEUED = 0;
/** Its generator is on the JavaScript stack. */
export const RUNNING = 1;
/** Suspended in a wait. */
export const PARKED = 2;
/** Over: `ending` tells how. */
export const ENDED = 3;

/** How an ended task ended. */
export type Ending = "returned" | "failed" | "cancelled";

/** What a task and its leaves need from the scheduler. The scheduler implements it; the interface keeps the import one-way. */
export interface Kernel {
  /** The world that the tasks of this scheduler live in. */
  readonly host: Host;
  readonly timers: Timers;
  /** Times a shield's grace ran out: clean-up that had to be cut short. */
  gracesExpired: number;
  /** A host callback begins. Between `enter` and `leave` tasks are woken and none is run. */
  enter(): void;
  /** The host callback ends; the outermost one runs a pass. */
  leave(): void;
  /** Wakes `task` from the wait `by`. No effect when it is not parked there: each park is answered by one resume. */
  wake(task: Task<any>, by: Wait): void;
  /** Puts a task that was just taken out of its wait on the ring; it resumes with `token`. */
  requeue(task: Task<any>, token: unknown): void;
  /** A timer was armed: when no step and no callback is running, a turn must look at it. */
  nudge(): void;
  /** Makes a task below `parent` and puts it on the ring. */
  spawn<T>(parent: CancelNode | null, generator: Iterator<Wait, T, any>, name: string): Task<T>;
  /** Makes the operation that `yield* task` runs. */
  join<T>(task: Task<T>): Iterator<Wait, T, any>;
  /** A cause is about to be thrown into `task` for the first time. */
  delivering(task: Task<any>): void;
  /** A cause is about to be thrown into `task` again: the first throw was caught, or a `finally` ran an operation without a shield. */
  swallowed(task: Task<any>): void;
  /** Shows a diagnostic, up to a bound. */
  report(text: string): void;
}

/** A running generator. `yield* task` joins it; `task.promise` bridges to async code; `task.cancel()` stops it. */
export class Task<out T = unknown> extends CancelNode implements NodeHolder {
  /** Number of the task, counted from 1 in its scheduler. */
  readonly id: number;
  /** The name given at spawn, or that of the generator function. */
  readonly name: string;
  /** @internal */ readonly kernel: Kernel;
  /** @internal */ generator: Iterator<Wait, T, any>;
  /** @internal What the next resume carries: see operation.ts. */ token: unknown = undefined;
  /** @internal */ state: number = QUEUED;
  /** @internal Leaves left that may finish without parking in this step. */ budget = 0;
  /** @internal */ wait: Wait | null = null;
  /** @internal */ node: CancelNode;
  /** @internal The cause that was last thrown into this task. */ delivered: Cancelled | null = null;
  /** @internal Its stack tells where, in development. */ deliveredAt: Error | undefined = undefined;
  /** How the task ended; `null` while it lives. */
  ending: Ending | null = null;
  /** @internal The value, the error or the `Cancelled` it ended with. */ outcome: unknown = undefined;
  /** @internal */ joiners: WaitQueue<Waiter> | null = null;
  /** @internal */ deferred: PromiseWithResolvers<any> | null = null;

  constructor(kernel: Kernel, id: number, name: string, generator: Iterator<Wait, T, any>) {
    super();
    this.kernel = kernel;
    this.id = id;
    this.name = name;
    this.generator = generator;
    this.node = this;
  }

  get holder(): NodeHolder {
    return this;
  }

  /** Joins: parks until the task has ended, then gives its value or throws its error ({@link TaskCancelledError} if it was cancelled). */
  [Symbol.iterator](): Iterator<Wait, T, any> {
    return this.kernel.join(this);
  }

  /** Settles with the task: its value, its error, or an {@link AbortError} when it was cancelled. */
  get promise(): Promise<T> {
    if (this.deferred === null) {
      this.deferred = Promise.withResolvers<T>();
      if (this.ending !== null) settle(this);
    }
    return this.deferred.promise;
  }

  /** Asks the task to stop: each of its leaves throws `Cancelled` from now on. Does not wait; join it for that. No effect twice. */
  cancel(reason?: unknown): void {
    if (this.ending === null) this.cancelTree(reason);
  }

  /** @internal */
  interrupt(cause: Cancelled): void {
    if (this.state !== PARKED) return;
    try {
      if (!(this.wait as Wait).unpark(this)) return;
    } catch (error) {
      // Whoever cancels is not to blame.
      this.kernel.host.fatal(error);
      return;
    }
    this.delivered = cause;
    this.kernel.delivering(this);
    this.kernel.requeue(this, cause);
  }
}

/** @internal Settles the promise of an ended task, if anyone asked for one. */
export function settle(task: Task<any>): void {
  const deferred = task.deferred;
  if (deferred === null) return;
  if (task.ending === "returned") deferred.resolve(task.outcome);
  else if (task.ending === "failed") deferred.reject(task.outcome);
  else
    deferred.reject(new AbortError(`Cannot give the value of ${describeTask(task)}: it was cancelled`, causeOf(task)));
}

/** `task 7 (echo)`: how messages name a task. */
export function describeTask(task: Task<any>): string {
  return task.name === "" ? `task ${task.id}` : `task ${task.id} (${task.name})`;
}

/** The error a joiner gets from a cancelled task. */
export function taskCancelledError(task: Task<any>): TaskCancelledError {
  return new TaskCancelledError(`Cannot join ${describeTask(task)}: it was cancelled`, causeOf(task));
}

function causeOf(task: Task<any>): ErrorOptions {
  return isCancelled(task.outcome) && task.outcome.reason !== undefined ? { cause: task.outcome.reason } : {};
}

/** The task whose step is on the JavaScript stack; `null` outside of steps. Leaves read it to know who runs them. */
export let running: Task<any> | null = null;

/** @internal The scheduler sets it around each step and restores what stood before, so that schedulers nest. */
export function setRunning(task: Task<any> | null): void {
  running = task;
}
