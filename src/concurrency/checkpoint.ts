// Giving way without waiting.

import { begin, finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import { running, type Task, type Wait } from "../core/task.ts";

/** Gives every other ready task a turn, and lets a cancel be felt in a long computation. Parks once; arms no timer. */
export function checkpoint(): Operation<void> {
  return new CheckpointLeaf();
}

class CheckpointLeaf extends Leaf<void> {
  get reason(): string {
    return "its next turn";
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
