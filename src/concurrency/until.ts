// The bridge from promises: a task waits for one as for anything else. A promise cannot be told to stop, so a cancelled wait leaves it alone; what can
// be told is given a signal.

import { describeValue, finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import { ProtocolError } from "../core/errors.ts";
import type { Kernel, Task, Wait } from "../core/task.ts";

/**
 * Parks until a promise settles; gives its value or throws its reason. A cancelled `until` no longer waits; the promise itself goes on, and
 * what it rejects with later is ignored. Given a function, `until` calls it when it parks, with a signal that aborts when the wait is
 * cancelled or loses a race: what the promise stands for, a socket say, is then given up too. It does not wait until that has happened.
 * @throws ProtocolError when there is no promise
 *
 * @example
 * ```ts
 * import { run, timeout, until } from "millrace";
 *
 * await run(function* () {
 *   const response = yield* timeout(
 *     2_000,
 *     until((signal) => fetch("data:text/plain,flour", { signal })),
 *   );
 *   console.log(yield* until(response.text())); // => "flour"
 * }).promise;
 * ```
 */
export function until<T>(source: PromiseLike<T> | ((signal: AbortSignal) => PromiseLike<T>)): Operation<Awaited<T>> {
  return new UntilLeaf<Awaited<T>>(source as Source<Awaited<T>>);
}

type Source<T> = PromiseLike<T> | ((signal: AbortSignal) => PromiseLike<T>);

class UntilLeaf<T> extends Leaf<T> {
  readonly reason = "a promise";
  readonly #source: Source<T>;
  #task: Task | null = null;
  #abort: AbortController | null = null;
  #settled = false;
  #failed = false;
  #outcome: unknown = undefined;

  constructor(source: Source<T>) {
    super();
    this.#source = source;
  }

  override next(token?: unknown): IteratorResult<Wait, T> {
    if (token !== undefined) return super.next(token);
    let parks = false;
    try {
      const result = super.next();
      parks = result.value === this;
      return result;
    } finally {
      // Cancelled, or sent round the ring first.
      if (!parks) this.dropped();
    }
  }

  protected start(): IteratorResult<Wait, T> {
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<T> {
    if (this.#failed) throw this.#outcome;
    return finish(this.#outcome as T);
  }

  /** Nobody listens to the promise: its rejection must not end the process. */
  override dropped(): void {
    if (this.#source instanceof Promise) this.#source.catch(() => {});
  }

  park(task: Task): void {
    this.#task = task;
    const { kernel } = task;
    kernel.host.hold();
    try {
      this.#promise().then(
        (value) => this.#settle(kernel, false, value),
        (error: unknown) => this.#settle(kernel, true, error),
      );
    } catch (error) {
      // A `then` that throws is the fault of whoever made it, and to `await` it is a rejection. So is a function that throws.
      this.#settle(kernel, true, error);
    }
  }

  unpark(task: Task): boolean {
    const { kernel } = task;
    // The host is held until the promise has settled: what its code still does, closing a file say, belongs to this moment of a simulation.
    this.#task = null;
    if (this.#abort !== null) {
      // Foreign code, and a cancel may be on its way through the tree: it may wake tasks, but none may run before that is over.
      kernel.enter();
      this.#abort.abort();
      kernel.leaveLater();
    }
    return true;
  }

  #promise(): PromiseLike<T> {
    const source = this.#source;
    let promise: unknown = source;
    if (typeof source === "function" && !isThenable(source)) {
      this.#abort = new AbortController();
      promise = source(this.#abort.signal);
    }
    if (isThenable(promise)) return promise as PromiseLike<T>;
    throw new ProtocolError(`Cannot wait for a promise: found ${describeValue(promise)}`);
  }

  #settle(kernel: Kernel, failed: boolean, outcome: unknown): void {
    // A thenable may call twice.
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

function isThenable(value: unknown): boolean {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  return "then" in value && typeof value.then === "function";
}
