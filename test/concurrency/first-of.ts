// A composite in the smallest form, for tests of leaves: it starts all of its operations, parks those that must wait side by side, and finishes with
// the first that fires, after it has unparked the others. `pause` runs between starting and parking, where a real composite may run anything.

import { finish, type Operation, PROBE, probed, suspend } from "../../src/core/operation.ts";
import { running, type Stepper, type Task, Wait } from "../../src/core/task.ts";

/** What {@link firstOf} gives. */
export interface First {
  readonly index: number;
  readonly value: unknown;
}

/** Options of {@link firstOf}. */
export interface FirstOfOptions {
  pause?: () => void;
  /** Goes on parking after one has fired: a composite that asks for trouble. */
  careless?: boolean;
}

/** Runs `operations` side by side in the task that runs it. */
export function firstOf(operations: readonly Operation<unknown>[], options: FirstOfOptions = {}): Operation<First> {
  return { [Symbol.iterator]: () => new FirstOf(operations, options) };
}

type Part = Wait & Stepper<unknown>;

class FirstOf extends Wait implements Stepper<First> {
  readonly reason = "the first of some";
  readonly #operations: readonly Operation<unknown>[];
  readonly #options: FirstOfOptions;
  #parts: Part[] = [];
  #parked: Part[] = [];
  #fired: Part | null = null;
  #cancelled = false;
  #task: Task | null = null;
  /** Parts are parked for it: its kernel hears which one was woken. */
  readonly #standIn = { kernel: { wake: (_task: unknown, by: Part) => this.#wokenBy(by) } } as unknown as Task;

  constructor(operations: readonly Operation<unknown>[], options: FirstOfOptions) {
    super();
    this.#operations = operations;
    this.#options = options;
  }

  next(token?: unknown): IteratorResult<Wait, First> {
    if (token === PROBE) return probed(this);
    if (token === undefined) return this.#start();
    if (token !== running) throw token;
    const result = (this.#fired as Part).next(token);
    if (result.done !== true) throw new Error("a woken leaf finishes on its next step");
    return finish({ index: this.#parts.indexOf(this.#fired as Part), value: result.value });
  }

  throw(error: unknown): never {
    throw error;
  }

  #start(): IteratorResult<Wait, First> {
    this.#parts = [];
    for (const [index, operation] of this.#operations.entries()) {
      const part = operation[Symbol.iterator]() as Part;
      const result = part.next(undefined);
      if (result.done === true) return finish({ index, value: result.value });
      if (result.value !== part) throw new Error("a leaf waits in itself");
      this.#parts.push(part);
    }
    this.#options.pause?.();
    return suspend(this);
  }

  park(task: Task): void {
    this.#task = task;
    for (const part of this.#parts) {
      if (this.#fired !== null && this.#options.careless !== true) break;
      this.#parked.push(part);
      part.park(this.#standIn);
    }
    if (this.#fired !== null) this.#unparkAllBut(this.#fired);
  }

  unpark(): boolean {
    // From here on a part is woken in vain: unparking one may let another of the same queue go on.
    this.#cancelled = true;
    this.#unparkAllBut(null);
    return true;
  }

  #wokenBy(part: Part): void {
    if (this.#fired !== null || this.#cancelled) return;
    this.#fired = part;
    this.#unparkAllBut(part);
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }

  #unparkAllBut(winner: Part | null): void {
    const parked = this.#parked;
    this.#parked = [];
    for (const part of parked) if (part !== winner) part.unpark(this.#standIn);
  }
}
