// The join at a scope's exit. Nothing ends it but the end of the children, who are cancelled with the scope.

import { finish, PROBE, probed, suspend } from "../core/operation.ts";
import { type Task, Wait } from "../core/task.ts";

/** Parks `task` until `scope` has no live child. */
export class ScopeJoin extends Wait {
  readonly #scope: { readonly live: number };
  readonly #task: Task;

  constructor(scope: { readonly live: number }, task: Task) {
    super();
    this.#scope = scope;
    this.#task = task;
  }

  get reason(): string {
    return `${this.#scope.live} tasks of its scope`;
  }
  [Symbol.iterator](): this {
    return this;
  }
  next(token?: unknown): IteratorResult<Wait, void> {
    if (token === PROBE) return probed(this);
    return this.#scope.live === 0 ? finish(undefined) : suspend(this);
  }
  park(): void {}
  unpark(): boolean {
    return false;
  }
  allEnded(): void {
    this.#task.kernel.wake(this.#task, this);
  }
}
