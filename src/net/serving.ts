// What the task of a server is parked in: the wait for the word to drain. A latch would do; this one says in lists of tasks whom it serves, and
// how many connections it has that no task stands for.

import { finish, Leaf, suspend } from "../core/operation.ts";
import type { Task, Wait } from "../core/task.ts";
import type { Listener } from "./listener.ts";

/** Parks until `drain` is called. */
export class Serving extends Leaf<void> {
  readonly #listener: Listener;
  #task: Task | null = null;
  #draining = false;

  constructor(listener: Listener) {
    super();
    this.#listener = listener;
  }

  get reason(): string {
    const { open, resting } = this.#listener.statistics();
    const counts = resting === 0 ? `${open} open` : `${open} open, ${resting} of them at rest`;
    return `connections to ${this.#listener.address} (${counts})`;
  }

  /** No effect twice. */
  drain(): void {
    this.#draining = true;
    const task = this.#task;
    this.#task = null;
    if (task !== null) task.kernel.wake(task, this);
  }

  protected start(): IteratorResult<Wait, void> {
    return this.#draining ? finish(undefined) : suspend(this);
  }

  protected resume(): IteratorResult<Wait, void> {
    return finish(undefined);
  }

  park(task: Task): void {
    this.#task = task;
  }

  unpark(): boolean {
    this.#task = null;
    return true;
  }
}
