// Reading what promise code produces item by item: async iterables and web streams. The next item is asked for when a task waits for it, and no
// earlier; a promise that is out when its wait is cancelled is kept, and whoever waits next gets its item. So nothing is lost in a race.

import { BusyError } from "../core/errors.ts";
import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Kernel, Task, Wait } from "../core/task.ts";
import { until } from "./until.ts";

/** Items that promise code produces. One task at a time may wait. */
export interface Items<out T> extends Disposable {
  /** Parks until there is an item; `null` at the end, and after it. Throws what the producer throws, once. @throws BusyError when another task waits */
  next(): Operation<T | null>;
  /**
   * Tells the producer that no more is wanted and parks until it has seen to that; a task that waits for an item gets `null`. Of an async
   * generator that is busy with its next item it waits for that one: put it under a deadline or a shield.
   */
  close(): Operation<void>;
  /** As {@link close}, without waiting; what goes wrong then is ignored. */
  [Symbol.dispose](): void;
}

/**
 * Goes through an async iterable, as `for await` would, without running ahead: an item is asked for when a task waits for it. Does not park.
 *
 * @example
 * ```ts
 * import { each, run } from "millrace";
 *
 * async function* rows(): AsyncGenerator<string> {
 *   yield* ["rye", "oats"];
 * }
 *
 * await run(function* () {
 *   using items = each(rows());
 *   for (let row: string | null; (row = yield* items.next()) !== null;) console.log(row); // => "rye", "oats"
 * }).promise;
 * ```
 */
export function each<T>(iterable: AsyncIterable<T>): Items<T> {
  const iterator = iterable[Symbol.asyncIterator]();
  return new PulledItems<T>(
    () => iterator.next(),
    () => iterator.return?.(),
  );
}

/** What a producer answers. */
type Pulled<T> = { readonly done?: boolean | undefined; readonly value?: T | undefined };
type Settled<T> = { readonly result: Pulled<T> } | { readonly error: unknown };

/** @internal Items of whatever gives promises of them: `pull` asks for the next, `stop` says that no more is wanted. */
export class PulledItems<T> implements Items<T> {
  readonly #pull: () => PromiseLike<Pulled<T>>;
  readonly #stop: () => unknown;
  /** A promise is out. */
  #asked = false;
  #settled: Settled<T> | null = null;
  #over = false;
  #waiting: NextLeaf<T> | null = null;

  constructor(pull: () => PromiseLike<Pulled<T>>, stop: () => unknown) {
    this.#pull = pull;
    this.#stop = stop;
  }

  next(): Operation<T | null> {
    return new NextLeaf<T>(this);
  }

  close(): Operation<void> {
    return until(() => this.#closed());
  }

  [Symbol.dispose](): void {
    this.#closed().catch(() => {});
  }

  async #closed(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#settled = null;
    this.#waiting?.itemCame();
    await this.#stop();
  }

  // --- for the leaf ----------------------------------------------------------------------------------------------------------

  get isDue(): boolean {
    return this.#over || this.#settled !== null;
  }

  /** @throws what the producer threw */
  take(): T | null {
    const settled = this.#settled;
    this.#settled = null;
    if (settled === null) return null;
    if ("error" in settled) {
      this.#over = true;
      throw settled.error;
    }
    const { done = false, value } = settled.result;
    if (!done) return value as T;
    this.#over = true;
    return null;
  }

  /** False when another one waits. */
  wait(leaf: NextLeaf<T>): boolean {
    if (this.#waiting !== null) return false;
    this.#waiting = leaf;
    if (!this.#asked) this.#ask();
    return true;
  }

  stopWaiting(): void {
    this.#waiting = null;
  }

  #ask(): void {
    this.#asked = true;
    try {
      this.#pull().then(
        (result) => this.#settle({ result }),
        (error: unknown) => this.#settle({ error }),
      );
    } catch (error) {
      this.#settle({ error });
    }
  }

  #settle(settled: Settled<T>): void {
    this.#asked = false;
    if (this.#over) return;
    this.#settled = settled;
    this.#waiting?.itemCame();
  }
}

/** `items.next()`. */
class NextLeaf<T> extends Leaf<T | null> {
  readonly reason = "an item from promise code";
  readonly #items: PulledItems<T>;
  #task: Task | null = null;

  constructor(items: PulledItems<T>) {
    super();
    this.#items = items;
  }

  protected start(): IteratorResult<Wait, T | null> {
    return this.#items.isDue ? finish(this.#items.take()) : suspend(this);
  }

  protected resume(): IteratorReturnResult<T | null> {
    this.#items.stopWaiting();
    return finish(this.#items.take());
  }

  park(task: Task): void {
    const { kernel } = task;
    this.#task = task;
    kernel.host.hold();
    if (this.#items.wait(this)) return;
    this.#task = null;
    kernel.host.release();
    kernel.requeue(task, new BusyError("Cannot wait for an item: another task is already waiting"));
  }

  unpark(task: Task): boolean {
    this.#items.stopWaiting();
    this.#task = null;
    task.kernel.host.release();
    return true;
  }

  itemCame(): void {
    const task = this.#task;
    if (task === null) return;
    this.#task = null;
    const { kernel }: { kernel: Kernel } = task;
    kernel.enter();
    kernel.host.release();
    kernel.wake(task, this);
    kernel.leave();
  }
}
