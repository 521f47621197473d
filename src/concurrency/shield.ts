// Shielding: letting clean-up finish inside a scope that is already cancelled.

import { type Cancelled, type CancelNode, nextChild, spread } from "../core/cancel-tree.ts";
import { watch } from "../core/forgotten.ts";
import { type Body, type Operation, operationOf } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";

import { Timer, type TimerOwner } from "../core/timers.ts";
import { PushedNode, runningTask } from "./cancel.ts";
import { Once } from "./delegate.ts";
import type { AnyTask, Task, Wait } from "../core/task.ts";

/**
 * Runs `operation` as if the surrounding scope were not cancelled, for at most `graceMs` milliseconds from the moment on which the scope
 * is, or becomes, cancelled. When the grace runs out the surrounding `Cancelled` goes on inside. The place for a `yield*` in `finally`.
 * @throws ProtocolError at once unless `graceMs` is a number
 *
 * @example
 * ```ts
 * import { moveOnAfter, run, shield, sleep, sleepForever, type Steps } from "millrace";
 *
 * function* session(): Steps<void> {
 *   try {
 *     yield* sleepForever();
 *   } finally {
 *     yield* shield(sleep(5), 1_000); // without the shield this would throw the cancel at once
 *     console.log("said goodbye"); // => "said goodbye"
 *   }
 * }
 *
 * await run(() => moveOnAfter(5, session)).promise;
 * ```
 */
export function shield<T>(operation: Body<T>, graceMs: number): Operation<T> {
  assertMs(graceMs, "Cannot shield");
  watch?.adopted(operation);
  return new Once("shield", () => runShield(operation, graceMs));
}

/** @internal As {@link shield}; `onCancel` is called once, when the surrounding scope is, or becomes, cancelled: servers begin to drain then. */
export function shieldAndTell<T>(operation: Body<T>, graceMs: number, onCancel: () => void): Operation<T> {
  return new Once("shield", () => runShield(operation, graceMs, onCancel));
}

/**
 * @internal Cancels `task` and takes the grace from all shields below it, those that are still to come included: what supervisors call brutal. What
 * is left is code that catches its cancels and goes on; there is no way to stop that.
 */
export function cancelWithoutGrace(task: AnyTask, reason: unknown): void {
  task.cancel(reason);
  const nodes: CancelNode[] = [task];
  for (const node of nodes) {
    if (node.cause !== null) node.cause.graceless = true;
    for (let child = node.firstChild; child !== null; child = nextChild(node, child)) nodes.push(child);
  }
  // Outer shields first: what they let in reaches the inner ones by itself.
  for (const node of nodes) if (node instanceof ShieldNode) node.cutShort();
}

function* runShield<T>(operation: Body<T>, graceMs: number, onCancel?: () => void): Generator<Wait, T, unknown> {
  const node = new ShieldNode(runningTask("shield"), graceMs, onCancel);
  node.push();
  try {
    return yield* operationOf(operation, "Cannot shield");
  } finally {
    node.pop();
  }
}

/** Keeps a cause from above outside until the grace has run out. */
class ShieldNode extends PushedNode implements TimerOwner {
  readonly #graceMs: number;
  readonly #timer: Timer = new Timer(this);
  #outside: Cancelled | null = null;
  #graceOver = false;

  readonly #onCancel: (() => void) | undefined;

  constructor(holder: Task, graceMs: number, onCancel: (() => void) | undefined) {
    super(holder);
    this.#graceMs = graceMs;
    this.#onCancel = onCancel;
  }

  override push(): void {
    super.push();
    const { cause } = this;
    this.cause = null;
    if (cause !== null) this.admit(cause);
  }

  /** The surrounding scope is cancelled: starts the grace. After it, lets the cause in. */
  override admit(cause: Cancelled): boolean {
    if (this.#outside !== null) return this.#graceOver && super.admit(cause);
    this.#outside = cause;
    const { kernel } = this.holder;
    if (cause.graceless) this.#graceOver = true;
    else if (this.#graceMs !== Number.POSITIVE_INFINITY) {
      kernel.timers.arm(this.#timer, kernel.host.now() + this.#graceMs);
      // The cancel may come from outside of every callback, and a shielded task is not put on the ring by it.
      kernel.nudge();
    }
    if (this.#onCancel !== undefined) {
      // Foreign code in the middle of a walk through the tree: it may wake tasks, but none may run and leave the tree before the walk is over.
      kernel.enter();
      this.#onCancel();
      kernel.leaveLater();
    }
    return this.#graceOver && super.admit(cause);
  }

  /** Ends the grace that is running. */
  cutShort(): void {
    if (this.#outside === null || this.#graceOver) return;
    this.holder.kernel.timers.cancel(this.#timer);
    this.expired();
  }

  expired(): void {
    this.#graceOver = true;
    this.holder.kernel.gracesExpired++;
    // The same cause may have been thrown outside already; in here it is news.
    this.holder.extras.delivered = null;
    spread(this, this.#outside as Cancelled);
  }

  override pop(): void {
    this.holder.kernel.timers.cancel(this.#timer);
    super.pop();
  }
}
