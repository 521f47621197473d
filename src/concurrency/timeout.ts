// Deadlines around an operation. `timeout` and `moveOnAfter` differ only in what a passed deadline gives. Both delegate by hand instead of
// by a generator: an operation that completes at once then costs no node in the cancel tree and no timer.

import { type Cancelled, type CancelNode, isCancelled } from "../core/cancel-tree.ts";
import { TimeoutError } from "../core/errors.ts";
import { watch } from "../core/forgotten.ts";
import { type Body, finish, FRESH, iterate, type Operation, STARTED, ranBefore } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";

import { Timer, type TimerOwner } from "../core/timers.ts";
import { PushedNode, runningTask } from "./cancel.ts";
import type { Stepper, Task, Wait } from "../core/task.ts";

/**
 * Runs `operation` for at most `ms` milliseconds, counted from its first wait. Deadlines nest and the nearest wins.
 * An operation that needs no wait is never late.
 * @throws TimeoutError when the deadline passed and the operation was stopped by it. ProtocolError at once unless `ms` is a number.
 *
 * @example
 * ```ts
 * import { run, sleep, timeout, TimeoutError } from "millrace";
 *
 * await run(function* () {
 *   yield* timeout(5_000, sleep(1));
 *   try {
 *     yield* timeout(1, sleep(5_000));
 *   } catch (error) {
 *     if (!(error instanceof TimeoutError)) throw error; // a cancel of our own task, say
 *     console.log(error.code); // => "ERR_TIMEOUT"
 *   }
 * }).promise;
 * ```
 */
export function timeout<T>(ms: number, operation: Body<T>): Operation<T> {
  return new Deadline<T, T>(ms, operation, true) as Operation<T>;
}

/**
 * As {@link timeout}, but gives `undefined` when the deadline passed.
 * @throws ProtocolError at once unless `ms` is a number
 *
 * @example
 * ```ts
 * import { channel, moveOnAfter, run } from "millrace";
 *
 * const [sender, receiver] = channel<string>(1);
 * await run(function* () {
 *   console.log(yield* moveOnAfter(5, receiver.receive())); // => undefined
 *   yield* sender.send("rye");
 *   console.log(yield* moveOnAfter(5, receiver.receive())); // => "rye"
 * }).promise;
 * ```
 */
export function moveOnAfter<T>(ms: number, operation: Body<T>): Operation<T | undefined> {
  return new Deadline<T, T | undefined>(ms, operation, false);
}

class Deadline<T, R> implements Operation<T | R>, Stepper<T | R> {
  readonly #ms: number;
  readonly #operation: Body<T>;
  readonly #throws: boolean;
  #state: number = FRESH;
  #inner: Stepper<T> | null = null;
  #node: DeadlineNode | null = null;

  constructor(ms: number, operation: Body<T>, throws: boolean) {
    assertMs(ms, "Cannot set a deadline");
    this.#ms = ms;
    this.#operation = operation;
    this.#throws = throws;
    watch?.adopted(operation);
    watch?.made(this);
  }

  get reason(): string {
    return `${this.#throws ? "timeout" : "moveOnAfter"}(${this.#ms})`;
  }

  get fresh(): boolean {
    return this.#state === FRESH;
  }

  [Symbol.iterator](): Stepper<T | R> {
    if (this.#state !== FRESH) throw ranBefore(this.reason);
    this.#state = STARTED;
    return this;
  }

  next(token?: unknown): IteratorResult<Wait, T | R> {
    const node = this.#node;
    if (node === null) return this.#first();
    try {
      const result = (this.#inner as Stepper<T>).next(token);
      if (result.done === true) node.completed();
      return result;
    } catch (error) {
      return this.#stopped(node, error);
    }
  }

  /** A foreign value was yielded inside: the error goes to whoever yielded it. */
  throw(error: unknown): IteratorResult<Wait, T | R> {
    const node = this.#node;
    const inner = this.#inner;
    try {
      if (inner?.throw === undefined) throw error;
      const result = inner.throw(error);
      if (result.done === true) node?.completed();
      return result;
    } catch (thrown) {
      if (node === null) throw thrown;
      return this.#stopped(node, thrown);
    }
  }

  #first(): IteratorResult<Wait, T> {
    const task = runningTask("set a deadline");
    const outer = task.node;
    const inner = iterate(this.#operation, "Cannot set a deadline");
    const result = inner.next(undefined);
    if (result.done === true) return result;
    this.#inner = inner;
    this.#node = new DeadlineNode(task, this.#ms, outer);
    return result;
  }

  #stopped(node: DeadlineNode, error: unknown): IteratorReturnResult<R> {
    const mine = node.owns(error);
    node.pop();
    if (!mine) {
      if (node.cause !== null && !isCancelled(error)) node.holder.kernel.threw(node.holder, node, error);
      throw error;
    }
    if (!this.#throws) return finish(undefined as R);
    const { holder } = node;
    const wait = holder.kernel.waitEndedBy(holder, error as Cancelled);
    throw new TimeoutError(`Cannot complete the operation: ${this.#ms} ms have passed`, wait);
  }
}

/** Cancels what is below it when its timer fires. */
class DeadlineNode extends PushedNode implements TimerOwner {
  readonly #timer: Timer = new Timer(this);

  constructor(task: Task, ms: number, outer: CancelNode) {
    super(task);
    this.pushBelow(outer);
    const { kernel } = task;
    if (ms !== Number.POSITIVE_INFINITY) kernel.timers.arm(this.#timer, kernel.host.now() + ms);
  }

  expired(): void {
    this.cancelTree("a deadline passed");
  }

  /** The operation has given its value. */
  completed(): void {
    if (this.cause !== null) this.holder.kernel.returned(this.holder, this);
    this.pop();
  }

  override pop(): void {
    this.holder.kernel.timers.cancel(this.#timer);
    super.pop();
  }
}
