// The bridge from promises: a task waits for one as for anything else.

import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Kernel, Task, Wait } from "../core/task.ts";

/**
 * Parks until `promise` settles; gives its value or throws its reason. A cancelled `until` no longer waits; the promise itself goes on, and a
 * rejection of it is then ignored.
 */
export function until<T>(promise: PromiseLike<T>): Operation<Awaited<T>> {
  return new UntilLeaf<Awaited<T>>(promise as PromiseLike<Awaited<T>>);
}

class UntilLeaf<T> extends Leaf<T> {
  readonly reason = "a promise";
  readonly #promise: PromiseLike<T>;
  #task: Task | null = null;
  #settled = false;
  #failed = false;
  #outcome: unknown = undefined;

  constructor(promise: PromiseLike<T>) {
    super();
    this.#promise = promise;
  }

  override next(token?: unknown): IteratorResult<Wait, T> {
    if (token !== undefined) return super.next(token);
    let parks = false;
    try {
      const result = super.next();
      parks = result.value === this;
      return result;
    } finally {
      // Cancelled, or sent round the ring first: nobody listens to the promise, and its rejection must not end the process meanwhile.
      if (!parks && this.#promise instanceof Promise) this.#promise.catch(() => {});
    }
  }

  protected start(): IteratorResult<Wait, T> {
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<T> {
    if (this.#failed) throw this.#outcome;
    return finish(this.#outcome as T);
  }

  park(task: Task): void {
    this.#task = task;
    const { kernel } = task;
    kernel.host.hold();
    try {
      this.#promise.then(
        (value) => this.#settle(kernel, false, value),
        (error: unknown) => this.#settle(kernel, true, error),
      );
    } catch (error) {
      // A `then` that throws is the fault of whoever made it, and to `await` it is a rejection.
      this.#settle(kernel, true, error);
    }
  }

  unpark(): boolean {
    this.#task = null;
    return true;
  }

  #settle(kernel: Kernel, failed: boolean, outcome: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#failed = failed;
    this.#outcome = outcome;
    kernel.enter();
    kernel.host.release();
    if (this.#task !== null) kernel.wake(this.#task, this);
    kernel.leave();
  }
}
