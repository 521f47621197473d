// What development mode reports of operations that a step made and nobody ran: the forgotten `yield*`, which JavaScript itself lets pass in silence.
// In production `watch` is null, and a leaf pays one comparison.

import type { CancelNode } from "./cancel-tree.ts";
import { running } from "./task.ts";

/** An operation as the watch sees it. */
export interface Made {
  readonly reason: string;
  /** True until somebody runs it. */
  readonly fresh: boolean;
}

/** What one step made, oldest first: under which node, and the error whose stack (costly to print, so only read for a report) tells where. */
export type MadeList = { operation: Made; node: CancelNode; trace: Error }[];

/** Keeps the operations that the present step made, with the stack that made each. */
export class ForgottenWatch {
  #made: MadeList = [];

  /** Notes an operation that was just made or handed out. Outside of steps nothing is noted: such operations are run later. */
  made(operation: Made): void {
    if (running !== null) this.#made.push({ operation, node: running.node, trace: new Error() });
  }

  /** An operation was given to another, which is watched in its place: it may well run it in a later step, as in `spawn(timeout(5, read))`. */
  adopted(operation: unknown): void {
    const at = this.#made.findLastIndex((entry) => entry.operation === operation);
    if (at !== -1) this.#made.splice(at, 1);
  }

  /** Ends the step: a report for each operation that was not run, unless its scope was cancelled meanwhile. */
  endStep(): string[] {
    if (this.#made.length === 0) return [];
    const forgotten = this.#made.filter((entry) => entry.operation.fresh && entry.node.cause === null);
    this.#made = [];
    return forgotten.map(({ operation, trace }) => {
      return `The operation "${operation.reason}" was made and never run: is a yield* missing?\n${trace.stack ?? ""}`;
    });
  }

  /** Swaps in an empty list for a nested scheduler's step; give the result back to `restore`. */
  save(): MadeList {
    const saved = this.#made;
    this.#made = [];
    return saved;
  }

  restore(saved: MadeList): void {
    this.#made = saved;
  }
}

/** The watch, when any scheduler of this process runs in development; else `null`. */
export let watch: ForgottenWatch | null = null;

/** Switches the watch on. It stays on: schedulers come and go, and a null check cannot tell them apart. */
export function watchForgotten(): void {
  watch ??= new ForgottenWatch();
}
