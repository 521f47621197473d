// The operation protocol: how a generator task and the scheduler talk.
//
// `yield* operation` drives a leaf's iterator. Its first `next()` tries to finish at once; if it cannot, it yields itself as a `Wait` and
// the scheduler parks the task in it. Later resumes carry a token: `undefined` starts (or starts over), the task itself says "your wait
// fired", PROBE asks only for the stack, anything else is thrown. Leaves throw from inside `next()`, never by `generator.throw`, so
// that the error's stack shows the handler's own line; and nobody is ever cancelled by `generator.return()`, because a
// `finally` that suspends under `yield*` would make the outer generator carry on past the cancelled call (ECMAScript 27.5.3.7).

import type { Cancelled } from "./cancel-tree.ts";
import { MillraceError, ProtocolError } from "./errors.ts";
import { watch } from "./forgotten.ts";
import { type AnyStepper, charge, describeTask, isOverdrawn, running, type Stepper, type Task, Wait } from "./task.ts";

/**
 * Something a task can run with `yield*`; the value of the `yield*` expression is a `T`. Any generator of waits is one too.
 *
 * @example
 * ```ts
 * import { type Operation, run, type Steps, until } from "millrace";
 *
 * // Operations are single-use, so it takes what makes them.
 * function* twice<T>(make: () => Operation<T>): Steps<[T, T]> {
 *   return [yield* make(), yield* make()];
 * }
 *
 * console.log(await run(() => twice(() => until(Promise.resolve("rye")))).promise); // => ["rye", "rye"]
 * ```
 */
export interface Operation<out T> {
  [Symbol.iterator](): Stepper<T>;
}

/**
 * The return type to write on a generator function whose steps are operations: `function* echo(conn: Conn): Steps<void>`.
 *
 * @example
 * ```ts
 * import { run, sleep, type Steps } from "millrace";
 *
 * function* baked(loaf: string): Steps<string> {
 *   yield* sleep(5);
 *   return `${loaf}, baked`;
 * }
 *
 * console.log(await run(() => baked("rye")).promise); // => "rye, baked"
 * ```
 */
export type Steps<T> = Generator<Wait, T, unknown>;

/** A token that records the stack of the leaf that gets it and changes nothing: how `where` finds the line a task waits at. */
export const PROBE: { trace: Error | null } = { trace: null };

/**
 * Result objects are shared by all leaves: `yield*` and the scheduler read them at once and never keep them. So a leaf that finishes
 * allocates nothing, and an idle connection does not keep its last chunk alive in a result of its own.
 */
const doneResult: IteratorReturnResult<unknown> = { done: true, value: undefined };
const NOWHERE = undefined as never;
const parkResult: IteratorYieldResult<Wait> = { done: false, value: NOWHERE };

/** Ends an operation with `value`: what a leaf's `next()` returns. */
export function finish<T>(value: T): IteratorReturnResult<T> {
  doneResult.value = value;
  return doneResult as IteratorReturnResult<T>;
}

/** Suspends the task in `wait`: what a leaf's `next()` returns. */
export function suspend(wait: Wait): IteratorYieldResult<Wait> {
  parkResult.value = wait;
  return parkResult;
}

/**
 * Whether `value`, which a task has just yielded, came out of `suspend`. An identity and not a class: a leaf that was yielded without its star, and
 * so never started, is a foreign value too.
 */
export function isSuspension(value: unknown): value is Wait {
  return value !== undefined && value === parkResult.value;
}

/** The task is parked in it: from now on the same object is no suspension any more, and is not kept alive by having been one. */
export function forgetSuspension(): void {
  parkResult.value = NOWHERE;
}

/** States of a leaf: made or handed out and not yet run; run; and, for a preallocated one, over and ready to be handed out again. */
export const FRESH = 0;
export const STARTED = 1;
export const IDLE = 2;

/**
 * Base of all leaf operations. A subclass gives `start`, `resume`, `park`, `unpark` and a reason; single use, tokens and the
 * prologue (cancelled? budget spent?) are settled here.
 */
export abstract class Leaf<out T> extends Wait implements Operation<T> {
  declare protected state: number;

  constructor() {
    super();
    this.state = FRESH;
    watch?.made(this);
  }

  /** Tries to finish at once: `finish(value)`, or `suspend(this)`. May throw. Must have no other effect before `park`. */
  protected abstract start(task: Task): IteratorResult<Wait, T>;
  /** The wait fired: `finish(value)` or throw. A leaf that must wait again returns `suspend(this)`. */
  protected abstract resume(task: Task): IteratorResult<Wait, T>;

  /** True until somebody runs the operation. */
  get fresh(): boolean {
    return this.state === FRESH;
  }

  /** Makes a preallocated leaf that is over fresh again; false while it is in use. */
  handOut(): boolean {
    if (this.state !== IDLE) return false;
    this.state = FRESH;
    watch?.made(this);
    return true;
  }

  [Symbol.iterator](): Stepper<T> {
    if (this.state !== FRESH) throw ranBefore(this.reason);
    this.state = STARTED;
    return this;
  }

  next(token?: unknown): IteratorResult<Wait, T> {
    const task = running;
    if (token === undefined) return begin(task, this) ?? this.start(task as Task);
    if (token === task) return this.resume(task as Task);
    if (token === PROBE) return probed(this);
    throw thrownNow(token);
  }

  /** What is made of an operation that nobody ran would be nonsense. @throws ProtocolError */
  toJSON(): never {
    throw usedAsValue(this.reason);
  }

  [Symbol.toPrimitive](): never {
    throw usedAsValue(this.reason);
  }

  /** The scheduler's way to fail a task that yielded a foreign value; see scheduler.ts. */
  throw(error: unknown): never {
    throw error;
  }
}

/** What an operation throws that was taken for its value. */
export function usedAsValue(reason: string): ProtocolError {
  return new ProtocolError(
    `Cannot use the operation "${reason}" as a value: it was not run; write yield* in a function* before it (await does not run it)`,
  );
}

/** Operations are single-use: what running one a second time throws. */
export function ranBefore(reason: string): ProtocolError {
  return new ProtocolError(`Cannot run the operation "${reason}": it was run before; operations are single-use`);
}

/**
 * The prologue of every leaf: throws `Cancelled` when the task's innermost node is cancelled, and charges the step's budget. Gives a
 * suspension to return when the leaf has to go round the ring first, `null` when it may go on.
 */
export function begin(task: Task | null, leaf: { readonly reason: string }): IteratorYieldResult<Wait> | null {
  if (task === null)
    throw new ProtocolError(
      `Cannot run the operation "${leaf.reason}": no task is running; start one with run() or main()`,
    );
  if (task.node.cause !== null) return deliver(task, task.node.cause);
  if (!charge()) return suspend(ONCE_ROUND);
  return null;
}

/**
 * The token, to be thrown. An error that was made while its task was parked, such as that of a second reader, has a stack without the task, and
 * gets another one.
 */
export function thrownNow(token: unknown): unknown {
  if (token instanceof MillraceError) Error.captureStackTrace(token, thrownNow);
  return token;
}

/** Records the stack for `where` and leaves everything as it is. */
export function probed(wait: Wait): IteratorYieldResult<Wait> {
  // Its stack is made into text when somebody reads it.
  PROBE.trace = new Error();
  return suspend(wait);
}

/**
 * Cancellation is level-triggered: each leaf throws. From the second time on it goes through the ring first, so that a loop that catches
 * everything cannot freeze the process, and it is counted, because the first one was swallowed or lost. First throws are charged to the
 * budget, as a loop may well make a scope of its own in each round, cancel it and catch the outcome.
 */
function deliver(task: Task, cause: Cancelled): IteratorYieldResult<Wait> {
  if (task.rare?.delivered === cause) {
    task.kernel.swallowed(task, cause);
    return suspend(ONCE_ROUND_THEN_THROW);
  }
  task.extras.delivered = cause;
  task.kernel.delivering(task, cause);
  if (!charge()) return suspend(ONCE_ROUND_THEN_THROW);
  throw cause;
}

/** Parks nowhere: the task goes to the end of the ring, or out of everybody's way when it was bytes that spent its budget. */
class OnceRound extends Wait {
  readonly reason = "its next turn";
  readonly #token: (task: Task) => unknown;

  constructor(token: (task: Task) => unknown) {
    super();
    this.#token = token;
  }
  park(task: Task): void {
    const token = this.#token(task);
    if (isOverdrawn()) task.kernel.postpone(task, token);
    else task.kernel.requeue(task, token);
  }
  unpark(): boolean {
    return false;
  }
}

const ONCE_ROUND = new OnceRound(() => undefined);
const ONCE_ROUND_THEN_THROW = new OnceRound((task) => task.extras.delivered);

/**
 * An operation, or a function that makes one: what `run`, `spawn` and `scope` take.
 *
 * @example
 * ```ts
 * import { type Body, run, sleep, type Steps } from "millrace";
 *
 * function* nap(): Steps<void> {
 *   yield* sleep(1);
 * }
 *
 * const bodies: Body<void>[] = [nap, nap(), sleep(1), () => sleep(1)];
 * for (const body of bodies) console.log(await run(body).promise); // => undefined, undefined, undefined, undefined
 * ```
 */
export type Body<T> = Operation<T> | (() => Operation<T>);

/** The operation that a body is or makes. @throws ProtocolError when it is none: `attempt` says what was tried. */
export function operationOf<T>(body: Body<T>, attempt: string): Operation<T> {
  const operation: Operation<T> = typeof body === "function" ? body() : body;
  if (typeof operation !== "object" || typeof operation?.[Symbol.iterator] !== "function" || Array.isArray(operation)) {
    const hint = (operation as unknown) instanceof Promise ? "; write function* in place of async" : "";
    throw new ProtocolError(
      `${attempt}: expected an operation, such as a generator, and found ${describeValue(operation)}${hint}`,
    );
  }
  return operation;
}

/** Starts the iterator of a body, for those who drive it by hand. @throws ProtocolError as {@link operationOf}. */
export function iterate<T>(body: Body<T>, attempt: string): Stepper<T> {
  return operationOf(body, attempt)[Symbol.iterator]();
}

/** What a task that runs `body` is called. */
export function labelOf(body: Body<unknown>, name: string | undefined): string | { readonly name: string } {
  return name ?? (typeof body === "function" ? body : "");
}

/**
 * The generator of a task that yielded `value`, which is none of our waits: at its next turn the error is thrown at its own yield. This is the
 * one use of `generator.throw`. It waits for that turn, so that a loop which catches the error and yields again cannot freeze the process.
 */
export function failingForeign(task: Task, value: unknown): AnyStepper {
  const { generator } = task;
  return {
    next: () => {
      task.generator = generator;
      const error = foreignYield(task, value);
      if (generator.throw === undefined) throw error;
      return generator.throw(error);
    },
  };
}

function foreignYield(task: Task, value: unknown): ProtocolError {
  const isObject = typeof value === "object" && value !== null;
  let hint = "";
  if (isObject && Symbol.iterator in value) hint = "; write yield* to run an operation";
  else if (value instanceof Promise) hint = "; write yield* until(promise) to wait for it";
  return new ProtocolError(
    `Cannot park ${describeTask(task)}: it yielded a foreign value, ${describeValue(value)}${hint}`,
  );
}

/** A short description of any value for a message. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "function") return `a function ${value.name || "without a name"}`;
  if (typeof value !== "object") return `${typeof value} ${String(value)}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const { constructor } = value;
  // A generator has a constructor without a name.
  const name =
    constructor === undefined ? "no class" : constructor.name || Object.prototype.toString.call(value).slice(8, -1);
  return `an object of ${name}`;
}
