// What a task takes over from the one that spawned it: its task-local values, as a linked list that is never changed, and, where it was asked for, the
// async context of the engine. Programs that use neither pay one comparison a spawn: the hook is `null` until the first value is set.

import type { CancelNode } from "./cancel-tree.ts";
import { ProtocolError } from "./errors.ts";
import type { ContextRestorer } from "./host.ts";
import {
  type AnyStepper,
  type AnyTask,
  type Kernel,
  type Locals,
  running,
  type Stepper,
  Task,
  type Wait,
} from "./task.ts";

/** Gives a new task what it inherits; `null` while no task has anything to give. */
export let inherit: ((child: AnyTask, parent: CancelNode) => void) | null = null;

/** Sets the values of `task` and gives those that it had. */
export function exchangeLocals(task: AnyTask, locals: Locals | null): Locals | null {
  const { extras } = task;
  const before = extras.locals;
  extras.locals = locals;
  inherit ??= inheritFrom;
  return before;
}

/** The entry of `key` in the values of the running task. */
export function localOf(key: object): Locals | null {
  return running === null ? null : entryOf(running, key);
}

function entryOf(task: AnyTask, key: object): Locals | null {
  let entry = task.rare?.locals ?? null;
  while (entry !== null && entry.key !== key) entry = entry.outer;
  return entry;
}

function inheritFrom(child: AnyTask, parent: CancelNode): void {
  // Spawned from outside of all steps, a promise say: then the scope's own task stands for the spawning one.
  const isOwn = running !== null && running.kernel === child.kernel;
  const spawner = isOwn ? running : parent.holder;
  if (!(spawner instanceof Task) || spawner.rare === null || spawner.rare.locals === null) return;
  child.extras.locals = spawner.rare.locals;
  if (entryOf(child, KEEPS_CONTEXT) !== null) child.generator = inPresentContext(child.kernel, child.generator);
}

// --- async context -----------------------------------------------------------------------------------------------------------

/** The key under which tasks note that theirs is kept. */
const KEEPS_CONTEXT = {};

/** Has `task`, and what it spawns from now on, keep the async context. Gives the values that it had. */
export function keepContext(task: AnyTask): Locals | null {
  return exchangeLocals(task, { key: KEEPS_CONTEXT, value: true, outer: task.rare?.locals ?? null });
}

/**
 * The steps of `inner`, each in the async context of this moment.
 * @throws ProtocolError where the host has none
 */
export function inPresentContext<T>(kernel: Kernel, inner: Stepper<T>): Stepper<T> {
  const { host } = kernel;
  if (host.captureContext === undefined)
    throw new ProtocolError(
      "Cannot keep the async context: this host has none; give SimHost the option captureContext",
    );
  return new ContextSteps<T>(inner, host.captureContext());
}

/** A wrapper and not a branch in the scheduler: tasks without it pay nothing. */
class ContextSteps<T> implements Stepper<T> {
  readonly #inner: AnyStepper;
  readonly #restore: ContextRestorer;

  constructor(inner: Stepper<T>, restore: ContextRestorer) {
    this.#inner = inner;
    this.#restore = restore;
  }

  next(token?: unknown): IteratorResult<Wait, T> {
    return this.#restore(this.#next, token);
  }

  throw(error: unknown): IteratorResult<Wait, T> {
    return this.#restore(this.#throw, error);
  }

  readonly #next = (token: unknown): IteratorResult<Wait, T> => this.#inner.next(token);

  readonly #throw = (error: unknown): IteratorResult<Wait, T> => {
    if (this.#inner.throw === undefined) throw error;
    return this.#inner.throw(error);
  };
}
