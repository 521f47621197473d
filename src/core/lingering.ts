// Connections that go on closing after their task has ended. A root is over when those of its own tasks are gone; another program on the
// same event loop, a busy server say, does not hold it up.

import type { AnyTask } from "./task.ts"; /** The closing connections of one scheduler, by the root they belong to (`null`: to nobody). */
export class Lingering {
  readonly #roots = new Map<object, AnyTask | null>();
  readonly #counts = new Map<AnyTask | null, number>();
  #waiters: { root: AnyTask; wake: () => void }[] = [];

  /** All of them. */
  get size(): number {
    return this.#roots.size;
  }

  /** Those that belong to `root`. */
  of(root: AnyTask | null): number {
    return this.#counts.get(root) ?? 0;
  }

  /** A conn begins to close on its own. */
  begin(conn: object, root: AnyTask | null): void {
    this.#roots.set(conn, root);
    this.#counts.set(root, this.of(root) + 1);
  }

  /** The conn is closed for good. No effect on one that did not begin. */
  end(conn: object): void {
    const root = this.#roots.get(conn);
    if (root === undefined) return;
    this.#roots.delete(conn);
    const left = this.of(root) - 1;
    if (left > 0) {
      this.#counts.set(root, left);
      return;
    }
    this.#counts.delete(root);
    const woken = this.#waiters.filter((waiter) => waiter.root === root);
    this.#waiters = this.#waiters.filter((waiter) => waiter.root !== root);
    for (const { wake } of woken) wake();
  }

  /** Calls `wake` once when none of `root` is left. */
  whenNone(root: AnyTask, wake: () => void): void {
    this.#waiters.push({ root, wake });
  }
}

/** The root of the tree that `task` stands in. */
export function rootOf(task: AnyTask): AnyTask {
  let node: AnyTask["parent"] = task;
  while (node.parent !== null) node = node.parent;
  return node as AnyTask;
}
