// All of several operations, side by side. Leaves wait in the caller's own task, and each is resumed as soon as it is woken: an error is felt
// at once, and no slot is held longer than needed. The first error, or a cancel from outside, stops the others: leaves are
// unparked, children cancelled and joined.
//
// A part goes TO_START -> STARTED -> WAITING -> WOKEN -> DONE, and may go round from WOKEN. A leaf that sends itself round the ring in its own
// park (`checkpoint`, a busy slot) takes the whole task with it: those that were not parked by then are started over.

import type { Cancelled } from "../core/cancel-tree.ts";
import { isCancelled } from "../core/cancel-tree.ts";
import { ProtocolError } from "../core/errors.ts";
import { begin, type Body, finish, type Operation, PROBE, probed, suspend, thrownNow } from "../core/operation.ts";
import {
  type AnyStepper,
  type AnyTask,
  FAILED,
  PARKED,
  RETURNED,
  running,
  Task,
  taskCancelledError,
  Wait,
} from "../core/task.ts";
import { Composite, drop, isClaimed, type ValueOf } from "./composite.ts";
import { firstOf } from "./suppressed.ts";

/**
 * Runs the operations side by side and gives all their values, in the same places: a tuple for an array, a record for a record. Leaves (`conn.read()`,
 * `sleep(5)`, a task to join) wait in the caller's own task, anything with steps of its own, such as a generator or a `timeout`, runs in a
 * child task. The first error cancels the others and leaves as itself when they have ended; theirs hang on it (see `suppressedErrors`). Values
 * that were there by then are lost, as they are when the caller is cancelled. Parks until all are done; not at all when all are done at once.
 * @throws ProtocolError when there is nothing to run, or a part is no operation or was run before
 *
 * @example
 * ```ts
 * import { all, run, sleep, type Steps } from "millrace";
 *
 * function* load(name: string): Steps<string> {
 *   yield* sleep(5);
 *   return `${name}, loaded`;
 * }
 *
 * await run(function* () {
 *   const [user, orders] = yield* all([() => load("user"), () => load("orders")]);
 *   console.log(user, orders); // => "user, loaded", "orders, loaded"
 *   const { stock } = yield* all({ stock: () => load("stock"), pause: sleep(1) });
 *   console.log(stock); // => "stock, loaded"
 * }).promise;
 * ```
 */
export function all<const Parts extends readonly Body<unknown>[]>(
  parts: Parts,
): Operation<{ -readonly [At in keyof Parts]: ValueOf<Parts[At]> }>;
export function all<const Parts extends Readonly<Record<string, Body<unknown>>>>(
  parts: Parts,
): Operation<{ -readonly [Name in keyof Parts]: ValueOf<Parts[Name]> }>;
export function all(parts: readonly Body<unknown>[] | Readonly<Record<string, Body<unknown>>>): Operation<unknown> {
  const isArray = Array.isArray(parts);
  const bodies: readonly Body<unknown>[] = isArray ? [...parts] : Object.values(parts);
  if (bodies.length === 0) throw new ProtocolError("Cannot run all: there is nothing to run");
  return new All(isArray ? null : Object.keys(parts), bodies);
}

const TO_START = 0;
/** Started in this step, not parked. */
const STARTED = 1;
/** Resumed, and has to wait again: it cannot be started over. */
const WAITS_ON = 2;
const WAITING = 3;
const WOKEN = 4;
const CHILD = 5;
const DONE = 6;

class All extends Composite<unknown> {
  readonly isLeaf = false;
  protected readonly attempt = "Cannot run all";
  protected readonly waitsFor = "all of";
  #task: AnyTask | null = null;
  readonly #states: number[] = [];
  readonly #values: unknown[] = [];
  /** What each leaf has asked to be parked in: itself, or its next turn. */
  readonly #waits: (Wait | null)[] = [];
  readonly #woken: { readonly at: number; readonly token: unknown }[] = [];
  #open: number;
  /** Nothing more is started, and what there is ends. */
  #stopped = false;
  #interruption: Cancelled | null = null;
  readonly #errors: unknown[] = [];
  /** One of them that a leaf has thrown while the task was being parked, and so without the task's stack. */
  #thrownInPark: unknown = undefined;

  constructor(names: readonly string[] | null, bodies: readonly Body<unknown>[]) {
    super(names, bodies);
    for (let i = 0; i < bodies.length; i++) {
      this.#states.push(TO_START);
      this.#values.push(undefined);
      this.#waits.push(null);
    }
    this.#open = bodies.length;
  }

  next(token?: unknown): IteratorResult<Wait, unknown> {
    const task = running as AnyTask;
    if (token === PROBE) return probed(this);
    if (token === undefined) {
      const detour = begin(task, this);
      if (detour !== null) return detour;
      this.prepare();
      this.#task = task;
    } else if (token !== task) {
      // A cancel: it has unparked what was parked, or came before anything was.
      this.#interruption ??= token as Cancelled;
      return this.#end(task);
    }
    this.#resumeWoken(task);
    if (!this.#stopped) this.#startRest(task);
    // A cancel that came while it stood on the ring could not interrupt it.
    if (!this.#isOver && !this.#stopped && task.node.cause !== null) this.#interrupted(task, task.node.cause);
    return this.#isOver ? this.#end(task) : suspend(this);
  }

  /** Nothing is left to wait for. */
  get #isOver(): boolean {
    return this.#stopped ? this.live === 0 : this.#open === 0;
  }

  #resumeWoken(task: AnyTask): void {
    if (this.#woken.length === 0) return;
    const woken = this.#woken.splice(0);
    for (const { at, token } of woken) this.#step(at, this.parts[at] as AnyStepper, token, task);
  }

  #startRest(task: AnyTask): void {
    this.lend(this.#open);
    for (let at = 0; at < this.parts.length && !this.#stopped; at++) {
      if (this.#states[at] !== TO_START) continue;
      let part = this.parts[at] as AnyStepper | AnyTask;
      if (part instanceof Task) {
        part = part[Symbol.iterator]();
        if (part instanceof Wait) this.replace(at, part);
      } else if (!(part instanceof Wait)) {
        this.#states[at] = CHILD;
        this.spawnChild(at, task);
        continue;
      }
      this.#step(at, part, undefined, task);
    }
  }

  #step(at: number, leaf: AnyStepper, token: unknown, task: AnyTask): void {
    try {
      const result = leaf.next(token);
      if (result.done === true) this.#done(at, result.value);
      else {
        this.#states[at] = token === undefined ? STARTED : WAITS_ON;
        this.#waits[at] = result.value;
        if (this.#stopped) this.#giveUp(at, leaf);
      }
    } catch (error) {
      this.#failed(at, error, task);
    }
  }

  /** Woken, and has to wait on, when the others are over: it is not parked again. */
  #giveUp(at: number, leaf: AnyStepper): void {
    this.#states[at] = DONE;
    drop(leaf);
  }

  park(task: AnyTask): void {
    const states = this.#states;
    let parkedNow = false;
    for (let at = 0; at < states.length && !this.#stopped; at++) {
      if (states[at] !== STARTED && states[at] !== WAITS_ON) continue;
      // One that was parked a moment ago may be what this one waits for: a send and a receive on one channel.
      if (parkedNow && states[at] === STARTED) {
        this.#step(at, this.parts[at] as AnyStepper, undefined, task);
        if (this.#errors.length > 0) this.#thrownInPark = this.#errors[0];
      }
      if (this.#stopped || states[at] === DONE) continue;
      states[at] = WAITING;
      parkedNow = true;
      const woken = this.#woken.length;
      (this.#waits[at] as Wait).park(task);
      if (task.state === PARKED) continue;
      if (this.#woken.length === woken) this.#wentRound(task, at);
      this.#startOver(task);
      break;
    }
    if (this.#isOver && task.state === PARKED) task.kernel.requeue(task, task);
    if (task.state !== PARKED) task.wait = this;
  }

  /** The leaf has put the task on the ring by itself. */
  #wentRound(task: AnyTask, at: number): void {
    this.#states[at] = WOKEN;
    this.#woken.push({ at, token: task.token });
    task.token = task;
  }

  /** The task is on the ring: what is not parked by now is started again, or resumed again, when its turn comes. */
  #startOver(task: AnyTask): void {
    const states = this.#states;
    for (let at = 0; at < states.length; at++) {
      if (states[at] === STARTED) states[at] = TO_START;
      else if (states[at] === WAITS_ON) {
        states[at] = WOKEN;
        this.#woken.push({ at, token: task });
      }
    }
  }

  unpark(task: AnyTask): boolean {
    if (this.#stopped) return false;
    this.#interrupted(task, task.node.cause as Cancelled);
    return this.live === 0;
  }

  override wokenBy(task: AnyTask, by: Wait): void {
    if (this.#stopped) return;
    let at = this.indexOf(by);
    if (at === -1) at = this.parts.findIndex((part, i) => this.#states[i] === WAITING && isClaimed(part, task, by));
    if (at === -1 || this.#states[at] !== WAITING) return;
    this.#states[at] = WOKEN;
    this.#woken.push({ at, token: task });
    if (task.state !== PARKED) return;
    task.kernel.requeue(task, task);
    // Others may be woken before its turn comes.
    task.wait = this;
  }

  childEnded(child: AnyTask): void {
    const task = this.#task as AnyTask;
    const at = this.indexOf(child);
    if (child.state === RETURNED) this.#done(at, child.outcome);
    else if (child.state === FAILED) this.#failed(at, child.outcome, task);
    else if (!this.#stopped && this.node?.cause !== null) this.#interrupted(task, this.node?.cause as Cancelled);
    else if (!this.#stopped) this.#failed(at, taskCancelledError(child), task);
    if (this.#isOver) task.kernel.wake(task, this);
  }

  #done(at: number, value: unknown): void {
    this.#states[at] = DONE;
    this.#values[at] = value;
    this.#open--;
  }

  #failed(at: number, error: unknown, task: AnyTask): void {
    this.#states[at] = DONE;
    if (isCancelled(error)) this.#interruption ??= error;
    else this.#errors.push(error);
    if (!this.#stopped) this.#stop(task, error);
  }

  #interrupted(task: AnyTask, cause: Cancelled): void {
    this.#interruption = cause;
    this.#stop(task, cause.reason);
  }

  #stop(task: AnyTask, reason: unknown): void {
    this.#stopped = true;
    const states = this.#states;
    for (let at = 0; at < states.length; at++) {
      const state = states[at];
      if (state === CHILD || state === WOKEN || state === DONE) continue;
      states[at] = DONE;
      if (state === WAITING) (this.#waits[at] as Wait).unpark(task);
      else drop(this.parts[at] as AnyStepper);
    }
    if (this.live > 0) this.node?.cancelTree(reason);
  }

  #end(task: AnyTask): IteratorReturnResult<unknown> {
    if (task.wait === this) task.wait = null;
    this.node?.pop();
    if (this.#errors.length > 0) {
      const first = firstOf(this.#errors);
      throw first === this.#thrownInPark ? thrownNow(first) : first;
    }
    if (this.#interruption !== null) this.throwInterruption(this.#interruption);
    const { names } = this;
    if (names === null) return finish(this.#values);
    return finish(Object.fromEntries(names.map((name, i) => [name, this.#values[i]])));
  }
}
