// Gates: two players open each other's by turns, so that each wait is answered by one wake. Ours is one leaf that is handed out again and again,
// as a conn's read leaf is; a promise cannot be used twice, so the twin makes one for each wait, by an executor made once.

import { begin, finish, IDLE, Leaf, PROBE, probed, suspend } from "../../../src/core/operation.ts";
import { running, type Task, type Wait } from "../../../src/core/task.ts";

/** A gate for one task, in the manner of net/reading.ts. */
export class GateLeaf extends Leaf<void> {
  readonly reason = "the other player";
  #task: Task | null = null;

  override next(token?: unknown): IteratorResult<Wait, void> {
    const task = running;
    if (token === undefined) return begin(task, this) ?? suspend(this);
    if (token === PROBE) return probed(this);
    if (token !== task) throw token;
    this.state = IDLE;
    return finish(undefined);
  }
  protected start(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  park(task: Task): void {
    this.#task = task;
  }
  unpark(): boolean {
    this.state = IDLE;
    return true;
  }
  wake(): void {
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}

/** The twin's. */
export class PromiseGate {
  #resolve: () => void = () => {};
  readonly #executor = (resolve: () => void): void => {
    this.#resolve = resolve;
  };
  wait(): Promise<void> {
    return new Promise(this.#executor);
  }
  wake(): void {
    this.#resolve();
  }
}
