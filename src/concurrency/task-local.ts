// Values that go with a task instead of through every parameter list: the user of a request, a trace id, a logger. A task inherits the values of the
// one that spawned it, as they are at that moment, and can change none of its parent's: a value is set for the length of an operation.

import { exchangeLocals, localOf } from "../core/inheritance.ts";
import { watch } from "../core/forgotten.ts";
import { type Body, type Operation, operationOf } from "../core/operation.ts";
import type { Wait } from "../core/task.ts";
import { runningTask } from "./cancel.ts";
import { Once } from "./delegate.ts";

/** A value that each task sees its own of. */
export interface TaskLocal<T> {
  /** The value of the running task; the initial one where none was set, and outside of tasks. */
  get(): T;
  /** Runs `body` with `value`, and with it every task that is spawned meanwhile. */
  run<R>(value: T, body: Body<R>): Operation<R>;
}

/**
 * Makes a task-local value. Tasks that use none pay nothing; `get` costs a look at each value that is set around it.
 *
 * @example
 * ```ts
 * import { all, run, type Steps, taskLocal } from "millrace";
 *
 * const user = taskLocal("nobody");
 *
 * function* whoami(): Steps<string> {
 *   return user.get();
 * }
 *
 * await run(function* () {
 *   console.log(yield* user.run("ada", all([whoami, whoami]))); // => ["ada", "ada"]
 *   console.log(user.get()); // => "nobody"
 * }).promise;
 * ```
 */
export function taskLocal<T>(initial: T): TaskLocal<T>;
export function taskLocal<T>(): TaskLocal<T | undefined>;
export function taskLocal<T>(initial?: T): TaskLocal<T | undefined> {
  return new Local(initial);
}

class Local<T> implements TaskLocal<T> {
  readonly #initial: T;

  constructor(initial: T) {
    this.#initial = initial;
  }

  get(): T {
    const entry = localOf(this);
    return entry === null ? this.#initial : (entry.value as T);
  }

  run<R>(value: T, body: Body<R>): Operation<R> {
    watch?.adopted(body);
    return new Once("a task-local value", () => this.#run(value, body));
  }

  *#run<R>(value: T, body: Body<R>): Generator<Wait, R, unknown> {
    const task = runningTask("set a task-local value");
    const outer = exchangeLocals(task, { key: this, value, outer: task.rare?.locals ?? null });
    try {
      return yield* operationOf(body, "Cannot set a task-local value");
    } finally {
      exchangeLocals(task, outer);
    }
  }
}
