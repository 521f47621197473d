// The scheduler: the one place where tasks are resumed. Host callbacks wake tasks, that is, put them on the ready ring; the ring is drained
// in passes at the end of the callback that woke them, or in a turn that the host was asked for. Locks, scopes, timeouts and
// connections are all built outside, on `park`, `unpark` and `wake`.
//
// Invariants. A task stands on the ring at most once, exactly when it is QUEUED. A callback never resumes a generator: close callbacks
// fire inside our own calls, and a running generator cannot be resumed. What a resume carries is fixed when the task is woken,
// so a late cancel never overwrites a delivered value. A pass is bounded, so that tasks cannot starve sockets.

import {
  NESTED_STEPS_MAX,
  PASS_BYTES,
  PASS_STEPS_MAX,
  POSTPONED_TASKS_PER_TURN,
  REPORTS_MAX,
  RING_TASKS_INITIAL,
  STEP_BUDGET,
  STEP_BYTES,
} from "../config.ts";
import { attach, type Cancelled, type CancelNode, detach, isCancelled } from "./cancel-tree.ts";
import { CancelWatch } from "./cancel-watch.ts";
import { deadlock } from "./deadlock.ts";
import { watch, watchForgotten } from "./forgotten.ts";
import type { Host, HostClient } from "./host.ts";
import { inherit } from "./inheritance.ts";
import type { Instrument } from "./instrument.ts";
import { joinOf, wakeJoiners } from "./join.ts";
import { Lingering } from "./lingering.ts";
import { failingForeign, forgetSuspension, isSuspension } from "./operation.ts";
import { RingBuffer } from "./ring-buffer.ts";
import {
  type AnyTask,
  budgetLeft,
  CANCELLED,
  chargeMore,
  enterStep,
  FAILED,
  type Kernel,
  PARKED,
  QUEUED,
  RETURNED,
  RUNNING,
  running,
  settle,
  type Stepper,
  Task,
  Wait,
} from "./task.ts";
import { Timers } from "./timers.ts";

/** Something with output gathered in this round; see `Scheduler.flushSoon`. */
export interface Flushable {
  roundEnded(): void;
}

/** Drives the tasks of one world. `createScheduler` users: `run` (through the entry points), the simulation and tests. */
export class Scheduler implements Kernel, HostClient {
  // `private` and not `#` in here and in the ring: the engine checks the brand of a `#method` at each call, 4 of 36 ns of a switch.
  readonly host: Host;
  readonly timers: Timers;
  /** Tasks that were started by `run` and have not ended. */
  readonly roots: Set<Task> = new Set();
  /** Watches every step; `null` costs one comparison. */
  instrument: Instrument | null = null;
  /** Steps made so far: exact counts for tests. */
  steps = 0;
  /** Passes made so far: whoever caches something for a pass compares it. */
  passes = 0;
  /** Times a cancel had to be thrown again because the first throw was swallowed. */
  swallowedCancels = 0;
  gracesExpired = 0;
  /** Connections that are closing after their task has ended; `run` waits for them. */
  readonly lingering: Lingering = new Lingering();

  private readonly ring = new RingBuffer<Task>(RING_TASKS_INITIAL);
  /** Tasks that have moved more bytes than their share: some of them join the ring with each turn. */
  private readonly postponed = new RingBuffer<Task>(RING_TASKS_INITIAL);
  private flushes: Flushable[] = [];
  /** Host callbacks on the stack, the present pass included. */
  private depth = 0;
  private turnAsked = false;
  private endsRound = false;
  /** Steps inside steps: see `runIfNext`. */
  private nested = 0;
  /** The value of `steps` at which the present pass ends. */
  private lastStep = 0;
  private alarmAt = Number.POSITIVE_INFINITY;
  private lastId = 0;
  private reported = 0;
  /** In development. */
  private readonly cancels: CancelWatch | null;

  constructor(host: Host) {
    this.host = host;
    this.timers = new Timers(host.now());
    host.attach(this);
    if (host.development) watchForgotten();
    this.cancels = host.development ? new CancelWatch() : null;
  }

  // --- making and waking tasks -----------------------------------------------------------------------------------------------

  /** Makes a task below `parent` (`null`: a root) and puts it on the ring for its first step. */
  spawn<T>(parent: CancelNode | null, generator: Stepper<T>, label: Task["label"]): Task<T> {
    const task = new Task<T>(this, ++this.lastId, label, generator);
    if (parent === null) this.roots.add(task as Task);
    else {
      attach(task as Task, parent);
      if (inherit !== null) inherit(task as Task, parent);
    }
    this.enqueue(task as Task);
    if (this.instrument !== null) this.tellSpawned(task as Task);
    return task;
  }

  /** This runs inside the step of the task that spawns, which must not be blamed for what a hook throws. */
  private tellSpawned(task: Task): void {
    try {
      this.instrument?.taskSpawned?.(task);
    } catch (error) {
      this.host.fatal(error);
    }
  }

  wake(task: AnyTask, by: Wait): void {
    if (task.state === PARKED && task.wait === by) this.requeue(task, task);
    else task.wait?.wokenBy(task, by);
  }

  requeue(task: AnyTask, token: unknown): void {
    task.token = token;
    task.wait = null;
    task.state = QUEUED;
    this.enqueue(task);
  }

  postpone(task: AnyTask, token: unknown): void {
    task.token = token;
    task.wait = null;
    task.state = QUEUED;
    this.postponed.push(task);
    this.askForTurn();
  }

  join<T>(task: Task<T>): Stepper<T> {
    return joinOf(this, task);
  }

  private enqueue(task: Task): void {
    this.ring.push(task);
    if (this.depth === 0) this.askForTurn();
  }

  /** Milliseconds on the host's clock. */
  now(): number {
    return this.host.now();
  }

  // --- host callbacks --------------------------------------------------------------------------------------------------------

  enter(): void {
    this.depth++;
  }

  leave(): void {
    if (this.depth === 1) this.runPass();
    this.depth--;
  }

  leaveLater(): void {
    this.depth--;
    if (this.depth === 0 && this.ring.size > 0) this.askForTurn();
  }

  turn(): void {
    this.turnAsked = false;
    for (let left = POSTPONED_TASKS_PER_TURN; left > 0 && this.postponed.size > 0; left--)
      this.ring.push(this.postponed.shift() as Task);
    this.endRound();
  }

  alarm(): void {
    this.alarmAt = Number.POSITIVE_INFINITY;
    this.depth++;
    try {
      this.timers.expire(this.host.now());
    } catch (error) {
      this.host.fatal(error);
    }
    this.depth--;
    this.endRound();
  }

  /** A pass and the flush of all that was written: the end of a loop round. */
  private endRound(): void {
    this.depth++;
    this.endsRound = true;
    this.runPass();
    this.endsRound = false;
    this.flushRound();
    this.depth--;
    if (this.ring.size > 0 || this.postponed.size > 0) this.askForTurn();
    else if (this.timers.armed === 0) this.dropAlarm();
  }

  /** With no timer left the host must not stay up for one that was cancelled: it would find out late that nothing can happen any more. */
  private dropAlarm(): void {
    if (this.alarmAt === Number.POSITIVE_INFINITY) return;
    this.alarmAt = Number.POSITIVE_INFINITY;
    this.host.wakeAt(this.alarmAt);
  }

  nudge(): void {
    if (this.depth === 0) this.askForTurn();
  }

  stalled(): void {
    const errors = new Map([...this.roots].map((root) => [root, deadlock(root)]));
    for (const [root, error] of errors) root.cancelTree(error);
    // A root that the cancel does not move, such as one under a shield without end, cannot be unwound: it is given up.
    if (this.ring.size > 0 || this.postponed.size > 0 || this.timers.armed > 0) return;
    for (const [root, error] of errors) this.exit(root, FAILED, error);
  }

  /**
   * Asks for `flushable.roundEnded()` once this loop round's callbacks are through: what several callbacks write to one conn then leaves in
   * one kernel write. The caller asks once until it is flushed.
   */
  flushSoon(flushable: Flushable): void {
    this.flushes.push(flushable);
    if (!this.endsRound) this.askForTurn();
  }

  private flushRound(): void {
    // A flush may close a conn, which wakes tasks, which may write: what comes meanwhile waits for the next turn.
    const flushes = this.flushes;
    if (flushes.length === 0) return;
    this.flushes = [];
    try {
      for (const flushable of flushes) flushable.roundEnded();
    } catch (error) {
      this.host.fatal(error);
    }
  }

  private askForTurn(): void {
    if (this.turnAsked) return;
    this.turnAsked = true;
    this.host.defer();
  }

  // --- passes and steps ------------------------------------------------------------------------------------------------------

  private runPass(): void {
    this.passes++;
    const ring = this.ring;
    const outer = running;
    const leaves = budgetLeft();
    // Counted by `steps`, as steps inside steps belong to the pass too.
    this.lastStep = this.steps + PASS_STEPS_MAX;
    try {
      while (this.steps < this.lastStep) {
        const task = ring.shift();
        if (task === undefined) break;
        this.step(task);
      }
    } catch (error) {
      // What tasks throw ends in their own outcome. This came from a park, a hook or a join: nobody but us can be blamed.
      this.host.fatal(error);
    }
    enterStep(outer, leaves);
    if (ring.size > 0) this.askForTurn();
    if (this.timers.earliest < this.alarmAt) {
      this.alarmAt = this.timers.earliest;
      this.host.wakeAt(this.alarmAt);
    } else if (this.alarmAt !== Number.POSITIVE_INFINITY && this.timers.armed === 0) this.askForTurn();
  }

  /**
   * `bytes` went to the kernel. They count against step and pass as steps and leaves do: a peer for which the kernel takes whatever comes would
   * otherwise keep its handler running, and all others waiting.
   */
  moved(bytes: number): void {
    if (bytes < MOVED_BYTES_MIN) return;
    this.lastStep -= Math.floor(bytes / BYTES_PER_STEP);
    chargeMore(Math.floor(bytes / BYTES_PER_LEAF));
  }

  runIfNext(task: AnyTask): boolean {
    // An instrument sees steps one after the other, never one inside another.
    if (this.ring.peek() !== task || this.nested >= NESTED_STEPS_MAX || this.instrument !== null) return false;
    if (this.steps >= this.lastStep) return false;
    this.ring.shift();
    this.nested++;
    const outer = running;
    const leaves = budgetLeft();
    try {
      this.step(task);
    } catch (error) {
      this.host.fatal(error);
    }
    enterStep(outer, leaves);
    this.nested--;
    return true;
  }

  /** Resumes `task` once. Whoever calls it restores the running task afterwards. */
  private step(task: Task): void {
    const { token } = task;
    this.steps++;
    task.state = RUNNING;
    enterStep(task, STEP_BUDGET);
    if (this.instrument !== null || watch !== null) this.watchedStep(task, token);
    else this.resume(task, token);
  }

  private resume(task: Task, token: unknown): void {
    let result: IteratorResult<Wait, unknown>;
    try {
      result = task.generator.next(token);
    } catch (error) {
      this.exit(task, isCancelled(error) ? CANCELLED : FAILED, error);
      return;
    }
    if (result.done === true) this.exit(task, RETURNED, result.value);
    else this.park(task, result.value);
  }

  private park(task: Task, wait: unknown): void {
    if (isSuspension(wait)) {
      forgetSuspension();
      task.state = PARKED;
      task.wait = wait;
      wait.park(task);
      return;
    }
    task.generator = failingForeign(task, wait);
    this.requeue(task, undefined);
  }

  /** A step under observation: instruments and the search for forgotten operations. */
  private watchedStep(task: Task, token: unknown): void {
    const { instrument } = this;
    const outer = watch?.save();
    instrument?.beforeStep?.(task);
    this.resume(task, token);
    instrument?.afterStep?.(task);
    if (watch === null) return;
    const forgotten = watch.endStep();
    watch.restore(outer ?? []);
    if (this.host.development && task.state !== FAILED) for (const text of forgotten) this.report(text);
  }

  private exit(task: Task, ending: number, outcome: unknown): void {
    task.state = ending;
    task.token = outcome;
    task.generator = OVER;
    const parent = task.parent;
    if (task.joiners !== null) wakeJoiners(task);
    if (parent === null) this.rootExited(task);
    else {
      detach(task);
      parent.childExited(task);
    }
    if (task.rare !== null) this.rareExited(task, outcome);
    this.instrument?.taskExited?.(task);
  }

  /** What is due for few tasks only: those with a promise, or into which a cancel was thrown. */
  private rareExited(task: Task, outcome: unknown): void {
    settle(task);
    if (task.state === RETURNED) this.returned(task, task);
    else if (task.state === FAILED) this.threw(task, task, outcome);
  }

  private rootExited(root: Task): void {
    this.roots.delete(root);
    // A root that fails with nobody looking must not vanish: the rejected promise makes the engine report it.
    if (root.state === FAILED) void root.promise;
    if (this.roots.size === 0) this.dropAlarm();
  }

  // --- reports ---------------------------------------------------------------------------------------------------------------

  delivering(task: AnyTask, cause: Cancelled): void {
    this.cancels?.delivering(task, cause);
  }

  swallowed(task: AnyTask, cause: Cancelled): void {
    this.swallowedCancels++;
    this.reportAny(this.cancels?.again(task, cause));
  }

  returned(task: AnyTask, node: CancelNode): void {
    this.reportAny(this.cancels?.returned(task, node));
  }

  waitEndedBy(task: AnyTask, cause: Cancelled): ErrorOptions {
    const wait = this.cancels?.waitEndedBy(task, cause);
    return wait === undefined ? {} : { cause: wait };
  }

  threw(task: AnyTask, node: CancelNode, error: unknown): void {
    this.reportAny(this.cancels?.threw(task, node, error));
  }

  report(text: string): void {
    if (this.reported++ < REPORTS_MAX) this.host.report(text);
  }

  private reportAny(text: string | null | undefined): void {
    if (text !== null && text !== undefined) this.report(text);
  }
}

/** What of the budgets of a step and a pass a byte uses up; less than a kibibyte at once is not counted. */
const BYTES_PER_LEAF = STEP_BYTES / STEP_BUDGET;
const BYTES_PER_STEP = PASS_BYTES / PASS_STEPS_MAX;
const MOVED_BYTES_MIN = 1024;

const OVER: Stepper<never> = {
  next(): never {
    throw new TypeError("the task has ended");
  },
};
