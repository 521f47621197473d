// `scope.start`: spawning a child and waiting until it says that it is ready, as trio's `nursery.start`.

import { MillraceError } from "../core/errors.ts";
import { type Body, finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Task, Wait } from "../core/task.ts";

/** A scope as far as starting needs it. */
export interface StartingScope {
  spawn<T>(body: Body<T>, name?: string): Task<T>;
  /** @throws ProtocolError when the scope has ended. */
  assertOpen(attempt: string): void;
}

/** Waits until a child has called its `ready`, or has ended without. */
export class StartLeaf<T> extends Leaf<T> {
  readonly reason = "a task to be ready";
  readonly #scope: StartingScope;
  readonly #body: (ready: (value: T) => void) => Operation<unknown>;
  readonly #name: string;
  #waiter: Task | null = null;
  #answer: { value: T } | null = null;
  #child: Task | null = null;

  constructor(scope: StartingScope, body: (ready: (value: T) => void) => Operation<unknown>, name: string) {
    super();
    this.#scope = scope;
    this.#body = body;
    this.#name = name;
  }

  protected start(): IteratorResult<Wait, T> {
    // Here and not in `park`, where a throw is fatal.
    this.#scope.assertOpen("start a task in");
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<T> {
    if (this.#answer !== null) return finish(this.#answer.value);
    if (this.#child?.ending === "failed") throw this.#child.outcome;
    throw new MillraceError(
      "ERR_NOT_READY",
      `Cannot start ${this.#name || "the task"}: it ended before it said that it was ready`,
    );
  }

  park(task: Task): void {
    this.#waiter = task;
    this.#child ??= this.#scope.spawn(() => this.#run(), this.#name);
  }

  unpark(): boolean {
    this.#waiter = null;
    return true;
  }

  *#run(): Generator<Wait, void, unknown> {
    try {
      yield* this.#body((value) => {
        this.#answer ??= { value };
        this.#wake();
      });
    } finally {
      this.#wake();
    }
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    this.#waiter = null;
    waiter.kernel.wake(waiter, this);
  }
}
