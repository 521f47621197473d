// Giving way without waiting.

import { watch } from "../core/forgotten.ts";
import { begin, finish, Leaf, type Operation, STARTED, suspend } from "../core/operation.ts";
import { running, type Task, type Wait } from "../core/task.ts";

/**
 * Gives every other ready task a turn, and lets a cancel be felt in a long computation. Parks once; arms no timer.
 *
 * @example
 * ```ts
 * import { checkpoint, run } from "millrace";
 *
 * const sum = run(function* () {
 *   let total = 0;
 *   for (let i = 1; i <= 100_000; i++) {
 *     total += i;
 *     if (i % 1_000 === 0) yield* checkpoint(); // others get their turn, and a cancel is felt
 *   }
 *   return total;
 * });
 * console.log(await sum.promise); // => 5_000_050_000
 * ```
 */
export function checkpoint(): Operation<void> {
  // It has no state, so one serves all; only the search for forgotten operations must tell them apart. Allocating one costs a third of a switch.
  return watch === null ? SHARED : new CheckpointLeaf();
}

class CheckpointLeaf extends Leaf<void> {
  get reason(): string {
    return "its next turn";
  }

  override [Symbol.iterator](): this {
    this.state = STARTED;
    return this;
  }

  // Overrides `next`, so that the call site of the user's `yield*` sees one small function: see bench/micro/switch.ts.
  override next(token?: unknown): IteratorResult<Wait, void> {
    const task = running;
    if (token === undefined) return begin(task, this) ?? suspend(this);
    if (token === task) return finish(undefined);
    return super.next(token);
  }

  protected start(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  protected resume(): IteratorReturnResult<void> {
    return finish(undefined);
  }
  park(task: Task): void {
    task.kernel.requeue(task, task);
  }
  unpark(): boolean {
    return false;
  }
}

const SHARED = new CheckpointLeaf();
