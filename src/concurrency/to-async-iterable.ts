// The other way round: promise code goes through what tasks produce. Each item is the work of a task of its own, in a scope that the caller names: it
// ends with that scope at the latest, and between two items nothing runs.

import { isCancelled } from "../core/cancel-tree.ts";
import type { Operation } from "../core/operation.ts";
import type { Task, Wait } from "../core/task.ts";
import type { Scope } from "./scope.ts";

/**
 * Gives what `next` gives, run again for each item, to `for await`; its `null` is the end. The operations run in tasks of `scope`: when that is
 * cancelled or over, the loop fails. Leaving the loop cancels the operation that is running. Errors go to the loop, and not to the scope.
 *
 * @example
 * ```ts
 * import { channel, run, scope, toAsyncIterable, until } from "millrace";
 *
 * const [sender, receiver] = channel<string>(2);
 * sender.trySend("rye");
 * sender.trySend("oats");
 * sender.close();
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const items = toAsyncIterable(tasks, () => receiver.receive());
 *     console.log(yield* until(Array.fromAsync(items))); // => ["rye", "oats"]
 *   }),
 * ).promise;
 * ```
 */
export function toAsyncIterable<T>(scope: Scope, next: () => Operation<T | null>): AsyncIterableIterator<T, undefined> {
  return new TaskItems(scope, next);
}

type Outcome<T> = { readonly value: T | null } | { readonly error: unknown };

class TaskItems<T> implements AsyncIterableIterator<T, undefined> {
  readonly #scope: Scope;
  readonly #next: () => Operation<T | null>;
  #task: Task<Outcome<T>> | null = null;
  #over = false;
  /** Calls of `next` are seen to one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(scope: Scope, next: () => Operation<T | null>) {
    this.#scope = scope;
    this.#next = next;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#last.then(() => this.#item());
    this.#last = result.catch(() => {});
    return result;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#over = true;
    this.#task?.cancel("the loop over its items was left");
    await this.#last;
    return { done: true, value: undefined };
  }

  async #item(): Promise<IteratorResult<T, undefined>> {
    if (this.#over) return { done: true, value: undefined };
    const task = this.#scope.spawn(() => outcomeOf(this.#next), "an item for promise code");
    this.#task = task;
    let outcome: Outcome<T>;
    try {
      outcome = await task.promise;
    } catch (error) {
      // Cancelled: by `return`, or with the scope.
      if (this.#over) return { done: true, value: undefined };
      this.#over = true;
      throw error;
    }
    if ("error" in outcome) {
      this.#over = true;
      throw outcome.error;
    }
    if (outcome.value !== null) return { done: false, value: outcome.value };
    this.#over = true;
    return { done: true, value: undefined };
  }
}

function* outcomeOf<T>(next: () => Operation<T | null>): Generator<Wait, Outcome<T>, unknown> {
  try {
    return { value: yield* next() };
  } catch (error) {
    if (isCancelled(error)) throw error;
    return { error };
  }
}
