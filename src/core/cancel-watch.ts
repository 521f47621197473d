// What development mode reports of cancels that do not arrive where they belong. JavaScript lets a `catch` or a `finally` keep a `Cancelled`, or throw
// something else in its place, and nobody hears of it; so it is noted where each was thrown into which task, and looked at again where that
// task, a scope or a deadline is left. A report stands for its place: the same line is told of once.
//
// It sees what leaves a node of the cancel tree, not what a block does inside. An error that an unshielded wait in a `finally` has replaced is gone
// before anybody could see it; what is told then is that the wait was cancelled a second time.

import { REPORTS_MAX } from "../config.ts";
import type { Cancelled, CancelNode } from "./cancel-tree.ts";
import { type AnyTask, describeTask, PARKED } from "./task.ts";
import { probe, waitFrames } from "./where.ts";

/** Watches the cancels of one scheduler. */
export class CancelWatch {
  /** Where each cancel was first thrown into each task. */
  readonly #deliveries = new WeakMap<Cancelled, WeakMap<AnyTask, Error>>();
  /** Errors that were told of. They go on outwards, through further nodes. */
  readonly #told = new WeakSet<object>();
  readonly #places = new Set<string>();

  /** `cause` is about to be thrown into `task`. */
  delivering(task: AnyTask, cause: Cancelled): void {
    let deliveries = this.#deliveries.get(cause);
    if (deliveries === undefined) {
      deliveries = new WeakMap();
      this.#deliveries.set(cause, deliveries);
    }
    if (!deliveries.has(task)) deliveries.set(task, task.state === PARKED ? probe(task) : new Error());
  }

  /** An error whose stack is that of the wait in which `cause` has found `task`. */
  waitEndedBy(task: AnyTask, cause: Cancelled): Error | undefined {
    const thrown = this.#deliveries.get(cause)?.get(task);
    if (thrown === undefined) return undefined;
    const wait = new Error(`${describeTask(task)} was waiting`);
    wait.stack = `Error: ${wait.message}\n    ${waitsOf(thrown)}`;
    return wait;
  }

  /** The report of a cancel that had to be thrown into `task` again; `null` when its place was told of. */
  again(task: AnyTask, cause: Cancelled): string | null {
    const waits = waitsOf(this.#deliveries.get(cause)?.get(task));
    if (!this.#isNew(waits)) return null;
    return [
      `A Cancelled was thrown into ${describeTask(task)} again: it was caught and not rethrown, or a finally block ran an operation without shield()`,
      `first thrown ${waits}`,
      `now thrown ${waitsOf(new Error())}`,
    ].join("\n");
  }

  /** `task` has left `node` with a value. */
  returned(task: AnyTask, node: CancelNode): string | null {
    const thrown = this.#thrownInto(task, node);
    if (thrown === undefined) return null;
    const waits = waitsOf(thrown);
    if (!this.#isNew(waits)) return null;
    return `A Cancelled was thrown into ${describeTask(task)}, which gave a value all the same: it was caught and not rethrown\nthrown ${waits}`;
  }

  /** `task` has left `node` with an error that is no cancel. */
  threw(task: AnyTask, node: CancelNode, error: unknown): string | null {
    const thrown = this.#thrownInto(task, node);
    // The reason of the cancel itself is a translation, and is known to whoever cancelled.
    if (thrown === undefined || error === node.cause?.reason || this.#isTold(error)) return null;
    const waits = waitsOf(thrown);
    const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    if (!this.#isNew(error instanceof Error ? (firstLine(stack) ?? waits) : waits)) return null;
    return [
      `A Cancelled was thrown into ${describeTask(task)}, and an error came out in its place: a catch or finally block threw it`,
      `thrown ${waits}`,
      `replaced by ${stack}`,
    ].join("\n");
  }

  #thrownInto(task: AnyTask, node: CancelNode): Error | undefined {
    return node.cause === null ? undefined : this.#deliveries.get(node.cause)?.get(task);
  }

  /** Whether it was told of, or one that it is made of. From now on it is. */
  #isTold(error: unknown): boolean {
    if (typeof error !== "object" || error === null) return false;
    const parts: unknown[] = error instanceof AggregateError ? error.errors : [(error as { cause?: unknown }).cause];
    const isTold = [error, ...parts].some((part) => this.#told.has(part as object));
    this.#told.add(error);
    return isTold;
  }

  #isNew(place: string): boolean {
    if (this.#places.has(place) || this.#places.size >= REPORTS_MAX) return false;
    this.#places.add(place);
    return true;
  }
}

/** `at handler (file:line)` and what called it, a line each. */
function waitsOf(thrown: Error | undefined): string {
  const frames = waitFrames(thrown?.stack ?? "");
  return frames.length === 0 ? "at its wait" : frames.map((frame) => `at ${frame}`).join("\n    ");
}

/** The line of a stack at which it was thrown. */
function firstLine(stack: string): string | undefined {
  return stack.split("\n").find((line) => /^\s*at /.test(line));
}
