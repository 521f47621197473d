// A task: one generator with what the scheduler knows about it. Tasks hold no queue of their own and never run themselves; all moves
// between the states below are made by the scheduler.
//
//   QUEUED --step--> RUNNING --leaf parks--> PARKED --wake or interrupt--> QUEUED
//                    RUNNING --generator returns or throws--> ENDED

import { cancelBelow, type Cancelled, type CancelNode, isCancelled, type NodeHolder, take } from "./cancel-tree.ts";
import { AbortError, TaskCancelledError } from "./errors.ts";
import type { Host } from "./host.ts";
import type { Timers } from "./timers.ts";

/**
 * What a suspended task waits for. Opaque to users: only leaf operations extend it and only the scheduler calls it. It is a class, so
 * that the scheduler can tell its waits from a foreign value that a task yielded.
 */
export abstract class Wait {
  /** What is waited for, in words, for task lists. */
  abstract readonly reason: string;
  /** Registers `task` to be woken. Called once a suspension, right after the generator yielded. A throw is fatal. */
  abstract park(task: AnyTask): void;
  /** Unregisters `task` completely. False where the wait cannot be abandoned (a join at a scope's exit). A throw is fatal. */
  abstract unpark(task: AnyTask): boolean;
  /** The task was woken by a wait that it is not parked in. Several side by side stand behind one composite, which knows them. */
  wokenBy(_task: AnyTask, _by: Wait): void {}
  /** Started, never parked, and given up by the composite that started it: a leaf that is kept for reuse can be handed out again. */
  dropped(): void {}
}

/** The task-local values of a task, innermost first; see inheritance.ts. */
export interface Locals {
  readonly key: object;
  readonly value: unknown;
  readonly outer: Locals | null;
}

/** On the ring, or being spawned. */
export const QUEUED = 0;
/** Its generator is on the JavaScript stack. */
export const RUNNING = 1;
/** Suspended in a wait. */
export const PARKED = 2;
/** This and above: over, and how. */
export const RETURNED = 3;
export const FAILED = 4;
export const CANCELLED = 5;

/* oxlint-disable typescript/no-explicit-any -- tokens are between leaf and scheduler; lists hold tasks of any value */

/** Runs step by step: what a body's iterator is to the scheduler. */
export type Stepper<T> = Iterator<Wait, T, any>;
export type AnyStepper = Stepper<any>;
/** A task whose value nobody here cares for. */
export type AnyTask = Task<any>;

/* oxlint-enable typescript/no-explicit-any */

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
  /** The host callback ends, but this is no moment to run tasks: a turn will. */
  leaveLater(): void;
  /**
   * Wakes `task` from the wait `by`. When it is not parked there itself it stands behind a composite of which `by` is a part, or the wake is late
   * and has no effect: each park is answered by one resume.
   */
  wake(task: AnyTask, by: Wait): void;
  /** Puts a task that was just taken out of its wait on the ring; it resumes with `token`. */
  requeue(task: AnyTask, token: unknown): void;
  /** As `requeue`, for a task that has moved more bytes than its share: it goes on in a later turn, behind what the loop has ready by then. */
  postpone(task: AnyTask, token: unknown): void;
  /** A timer was armed: when no step and no callback is running, a turn must look at it. */
  nudge(): void;
  /** Makes a task below `parent` and puts it on the ring. */
  spawn<T>(parent: CancelNode | null, generator: Stepper<T>, label: Task["label"]): Task<T>;
  /** Runs the first step of a task right now, when it is the next one on the ring anyway; false when it is not. */
  runIfNext(task: AnyTask): boolean;
  /** Makes the operation that `yield* task` runs. */
  join<T>(task: Task<T>): Stepper<T>;
  /** `cause` is about to be thrown into `task` for the first time. */
  delivering(task: AnyTask, cause: Cancelled): void;
  /** `cause` is about to be thrown into `task` again: the first throw was caught, or a `finally` ran an operation without a shield. */
  swallowed(task: AnyTask, cause: Cancelled): void;
  /** `task` leaves `node`, which is cancelled, with a value, or with an error that is no cancel: one that was thrown into it may be lost. */
  returned(task: AnyTask, node: CancelNode): void;
  threw(task: AnyTask, node: CancelNode, error: unknown): void;
  /** In development, an error with the stack of the wait in which `cause` has found `task`: the `cause` of what is thrown for it. */
  waitEndedBy(task: AnyTask, cause: Cancelled): ErrorOptions;
  /** Shows a diagnostic, up to a bound. */
  report(text: string): void;
}

/** A parked join. Joins of one task stand in a circular list, oldest first. */
export interface Joiner {
  nextJoiner: Joiner;
  previousJoiner: Joiner;
  /** The joined task has ended. */
  targetEnded(): void;
}

/** The task-local values of a task, innermost first: see inheritance.ts. */
export interface Locals {
  readonly key: object;
  readonly value: unknown;
  readonly outer: Locals | null;
}

/** What few tasks ever need: kept apart, so that a task is small. */
export interface TaskExtras {
  /** Behind `task.promise`. */
  promise: PromiseWithResolvers<unknown> | null;
  /** The cause that was last thrown into the task. */
  delivered: Cancelled | null;
  /** Its task-local values. */
  locals: Locals | null;
}

/**
 * A running generator. `yield* task` joins it; `task.promise` bridges to async code; `task.cancel()` stops it.
 *
 * @example
 * ```ts
 * import { run, scope, sleep } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const task = tasks.spawn(() => sleep(1), "nap");
 *     console.log(task.name, task.ending); // => "nap", null
 *     yield* task; // joins it
 *     console.log(task.ending); // => "returned"
 *   }),
 * ).promise;
 * ```
 */
export class Task<out T = unknown> implements CancelNode, NodeHolder {
  // Declared here and assigned in the constructor, in the order in which a step touches them: 15 fields in one allocation.
  /** @internal */ declare firstChild: CancelNode | null;
  /** @internal */ declare nextSibling: CancelNode;
  /** @internal */ declare previousSibling: CancelNode;
  /** @internal */ declare parent: CancelNode | null;
  /** @internal */ declare cause: Cancelled | null;
  /** @internal */ declare node: CancelNode;
  /** @internal */ declare generator: AnyStepper;
  /** @internal What the next resume carries (see operation.ts); once the task is over, what it ended with. */ declare token: unknown;
  /** @internal */ declare state: number;
  /** @internal */ declare wait: Wait | null;
  /** @internal */ declare readonly kernel: Kernel;
  /** Number of the task, counted from 1 in its scheduler. */
  declare readonly id: number;
  /** @internal A name, or the function that has one: reading `name` off a fresh closure costs 30 ns. */ declare readonly label:
    string | { readonly name: string };
  /** @internal The first of those who join: see join.ts. */ declare joiners: Joiner | null;
  /** @internal */ declare rare: TaskExtras | null;

  constructor(kernel: Kernel, id: number, label: string | { readonly name: string }, generator: Stepper<T>) {
    this.firstChild = null;
    this.nextSibling = this;
    this.previousSibling = this;
    this.parent = null;
    this.cause = null;
    this.node = this;
    this.generator = generator;
    this.token = undefined;
    this.state = QUEUED;
    this.wait = null;
    this.kernel = kernel;
    this.id = id;
    this.label = label;
    this.joiners = null;
    this.rare = null;
  }

  /** The name given at spawn, or that of the generator function. */
  get name(): string {
    return typeof this.label === "string" ? this.label : this.label.name;
  }

  /** How the task ended; `null` while it lives. */
  get ending(): Ending | null {
    return this.state < RETURNED ? null : (ENDINGS[this.state - RETURNED] as Ending);
  }

  /** @internal The value, the error or the `Cancelled` it ended with. */
  get outcome(): unknown {
    return this.state < RETURNED ? undefined : this.token;
  }

  /** @internal */
  get extras(): TaskExtras {
    this.rare ??= { promise: null, delivered: null, locals: null };
    return this.rare;
  }

  get holder(): NodeHolder {
    return this;
  }

  /** Joins: parks until the task has ended, then gives its value or throws its error ({@link TaskCancelledError} if it was cancelled). */
  [Symbol.iterator](): Stepper<T> {
    return this.kernel.join(this);
  }

  /** Settles with the task: its value, its error, or an {@link AbortError} when it was cancelled. */
  get promise(): Promise<T> {
    const { extras } = this;
    if (extras.promise === null) {
      extras.promise = Promise.withResolvers<unknown>();
      if (this.state >= RETURNED) settle(this);
    }
    return extras.promise.promise as Promise<T>;
  }

  /** Asks the task to stop: each of its leaves throws `Cancelled` from now on. Does not wait; join it for that. No effect twice. */
  cancel(reason?: unknown): void {
    if (this.state < RETURNED) cancelBelow(this, reason);
  }

  /** @internal */
  admit(cause: Cancelled): boolean {
    return take(this, cause);
  }

  /** @internal */ afterCancel(): void {}

  /** @internal */ childExited(): void {}

  /** @internal */
  cancelTree(reason: unknown): boolean {
    return cancelBelow(this, reason);
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
    this.extras.delivered = cause;
    this.kernel.delivering(this, cause);
    this.kernel.requeue(this, cause);
  }
}

const ENDINGS: readonly Ending[] = ["returned", "failed", "cancelled"];

/** @internal Settles the promise of an ended task, if anyone asked for one. */
export function settle(task: AnyTask): void {
  const promise = task.rare?.promise;
  if (promise === undefined || promise === null) return;
  if (task.state === RETURNED) promise.resolve(task.outcome);
  else if (task.state === FAILED) promise.reject(task.outcome);
  else
    promise.reject(new AbortError(`Cannot give the value of ${describeTask(task)}: it was cancelled`, causeOf(task)));
}

/** `task 7 (echo)`: how messages name a task. */
export function describeTask(task: AnyTask): string {
  return task.name === "" ? `task ${task.id}` : `task ${task.id} (${task.name})`;
}

/** The error a joiner gets from a cancelled task. */
export function taskCancelledError(task: AnyTask): TaskCancelledError {
  return new TaskCancelledError(`Cannot join ${describeTask(task)}: it was cancelled`, causeOf(task));
}

function causeOf(task: AnyTask): ErrorOptions {
  return isCancelled(task.outcome) && task.outcome.reason !== undefined ? { cause: task.outcome.reason } : {};
}

/** The task whose step is on the JavaScript stack; `null` outside of steps. Leaves read it to know who runs them. */
export let running: AnyTask | null = null;

/** Leaves that may still finish in this step without parking. */
let budget = 0;

/** @internal Takes one from the step's budget; false when it is spent. */
export function charge(): boolean {
  return --budget >= 0;
}

/** @internal Takes `leaves` from the step's budget. */
export function chargeMore(leaves: number): void {
  budget -= leaves;
}

/** @internal The budget was not spent leaf by leaf, but by bytes. */
export function isOverdrawn(): boolean {
  return budget < -1;
}

/** @internal What `enterStep` replaced is kept by the scheduler and put back after the step, so that schedulers and steps nest. */
export function budgetLeft(): number {
  return budget;
}

/** @internal Makes `task` the running one, with `leaves` to finish without parking. */
export function enterStep(task: AnyTask | null, leaves: number): void {
  running = task;
  budget = leaves;
}
