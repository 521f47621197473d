// A scope: the only way to have tasks run side by side, and the reason why none is ever lost. `scope` runs its body in the caller's own
// task and ends when the body and every task spawned in it have ended (trio's nursery, Smith 2018, "Notes on structured
// concurrency"). The rules:
//
//   a child or the body fails   siblings and body are cancelled; the first error leaves the scope as itself, the others hang on it
//   cancel() from inside        children end; the body's value if it had finished, else ScopeCancelledError
//   the deadline passes         as cancel(), but TimeoutError
//   a cancel from outside       children end, then that same Cancelled goes on outwards, unless body and children had ended before

import { DEFER_GRACE_MS } from "../config.ts";
import type { CancelNode } from "../core/cancel-tree.ts";
import { type Cancelled, isCancelled } from "../core/cancel-tree.ts";
import { ProtocolError, ScopeCancelledError, TimeoutError } from "../core/errors.ts";
import { exchangeLocals, inPresentContext, keepContext } from "../core/inheritance.ts";
import { type Body, iterate, labelOf, type Operation, operationOf } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";
import { FAILED, Task, Wait } from "../core/task.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";
import { PushedNode, runningTask } from "./cancel.ts";
import { Once } from "./delegate.ts";
import { ScopeJoin } from "./scope-join.ts";
import { StartLeaf } from "./scope-start.ts";
import { shield } from "./shield.ts";
import { firstOf } from "./suppressed.ts";

/** Options of {@link scope}. */
export interface ScopeOptions {
  /** `"first"` (default): the first error leaves as itself. `"all"`: an `AggregateError` of all errors, even of one. */
  errors?: "first" | "all";
  /** Host milliseconds (see `now()`) at which the scope is cancelled and throws `TimeoutError`. Default: never. */
  deadline?: number;
  /** Name for task lists. */
  name?: string;
  /**
   * Keeps the engine's async context (`AsyncLocalStorage`) across waits: the body goes on in the one in which the scope was opened, a task in
   * the one in which it was spawned, and so on below. Costs some ns a step. Default false.
   */
  asyncContext?: boolean;
}

/**
 * What the body of a scope gets.
 *
 * @example
 * ```ts
 * import { run, scope, sleepForever } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     tasks.defer(function* () {
 *       console.log("and the lights are out"); // => "and the lights are out"
 *     });
 *     const lamp = yield* tasks.start<string>(function* (ready) {
 *       ready("lit");
 *       yield* sleepForever();
 *     });
 *     console.log(lamp, tasks.live); // => "lit", 1
 *     tasks.cancel();
 *   }),
 * ).promise;
 * ```
 */
export interface Scope {
  /** Starts `body` as a child task. It takes its first step after the spawning one has suspended. */
  spawn<T>(body: Body<T>, name?: string): Task<T>;
  /**
   * Starts a child and parks until it says that it is ready, by calling the function it gets; gives what the child passed to it.
   * @throws MillraceError (`ERR_NOT_READY`) when the child ends without having said so; its error when it fails.
   */
  start<T>(body: (ready: (value: T) => void) => Operation<unknown>, name?: string): Operation<T>;
  /** Runs `body` when the scope ends, after all children, last in first out, shielded for `graceMs` against a cancel from outside. */
  defer(body: () => Operation<unknown>, graceMs?: number): void;
  /** Cancels body and children. No effect twice. */
  cancel(reason?: unknown): void;
  /** Host milliseconds at which the scope is cancelled; `Infinity` for never. May be moved while the scope runs. */
  deadline: number;
  /** Aborts when the scope is cancelled: the bridge to `fetch` and its like. */
  readonly signal: AbortSignal;
  /** Children that have not ended. */
  readonly live: number;
}

/**
 * Runs `body`, in the caller's own task, with a scope to spawn tasks in; gives the body's value when it and all of them have ended. Parks until then.
 *
 * When a child or the body fails, the others are cancelled, and the first error leaves the scope as itself when they have ended; theirs hang on
 * it (see `suppressedErrors`). A cancel from outside ends body and children and goes on outwards.
 * @throws ScopeCancelledError when the scope was cancelled from inside before its body had finished, TimeoutError when its deadline passed
 * before that, AggregateError in place of the first error with `errors: "all"`.
 *
 * @example
 * ```ts
 * import { run, scope, sleep } from "millrace";
 *
 * const baked: string[] = [];
 * await run(() =>
 *   scope(function* (tasks) {
 *     for (const loaf of ["rye", "oats"]) {
 *       tasks.spawn(function* () {
 *         yield* sleep(5);
 *         baked.push(loaf);
 *       });
 *     }
 *   }),
 * ).promise;
 * console.log(baked); // => ["rye", "oats"]
 * ```
 */
export function scope<T>(body: (scope: Scope) => Operation<T>, options: ScopeOptions = {}): Operation<T> {
  return new Once("scope", () => runScope(body, options));
}

/**
 * @internal As {@link scope}, for tasks that answer to `ended` alone: a failed one does not cancel the others and its error does not leave the
 * scope. Servers keep their connections in one.
 */
export function scopeOfServants<T>(body: (scope: Scope) => Operation<T>, ended: (task: Task) => void): Operation<T> {
  return new Once("scope", () => runScope(body, {}, ended));
}

function* runScope<T>(
  body: (scope: Scope) => Operation<T>,
  options: ScopeOptions,
  ended?: (task: Task) => void,
): Generator<Wait, T, unknown> {
  const node = new ScopeNode(runningTask("open a scope"), options, ended);
  node.push();
  let value: T | undefined;
  try {
    const operation = operationOf(() => body(node), "Cannot open a scope");
    value = yield* options.asyncContext === true ? inOwnContext(node.holder, operation) : operation;
  } catch (error) {
    node.bodyThrew(error);
  }
  yield* node.allEnded();
  yield* node.runDeferred();
  node.pop();
  node.throwOutcome();
  if (node.cause !== null) node.holder.kernel.returned(node.holder, node);
  return value as T;
}

function* inOwnContext<T>(task: Task, operation: Operation<T>): Generator<Wait, T, unknown> {
  const steps = inPresentContext(task.kernel, operation[Symbol.iterator]());
  const outer = keepContext(task);
  try {
    return yield* { [Symbol.iterator]: () => steps };
  } finally {
    exchangeLocals(task, outer);
  }
}

class ScopeNode extends PushedNode implements Scope, TimerOwner {
  readonly #options: ScopeOptions;
  readonly #timer: Timer = new Timer(this);
  readonly #errors = new Set<unknown>();
  #live = 0;
  #over = false;
  #timedOut = false;
  /** The `Cancelled` that interrupted the body, ours or one from outside. */
  #interruption: Cancelled | null = null;
  #deferred: { body: () => Operation<unknown>; graceMs: number }[] = [];
  #join: ScopeJoin | null = null;
  #abort: AbortController | null = null;
  #deadline = Number.POSITIVE_INFINITY;

  /** Takes a child's end over from the rule that a failed child fails the scope. */
  readonly #ended: ((task: Task) => void) | undefined;

  constructor(holder: Task, options: ScopeOptions, ended: ((task: Task) => void) | undefined) {
    super(holder);
    this.#options = options;
    this.#ended = ended;
    if (options.deadline !== undefined) this.deadline = options.deadline;
  }

  // --- for the body ----------------------------------------------------------------------------------------------------------

  get live(): number {
    return this.#live;
  }

  spawn<T>(body: Body<T>, name?: string): Task<T> {
    this.assertOpen("spawn a task into");
    const generator = iterate(body, "Cannot spawn a task");
    this.#live++;
    return this.holder.kernel.spawn(this, generator, labelOf(body, name));
  }

  start<T>(body: (ready: (value: T) => void) => Operation<unknown>, name?: string): Operation<T> {
    return new StartLeaf<T>(this, body, name ?? body.name);
  }

  defer(body: () => Operation<unknown>, graceMs: number = DEFER_GRACE_MS): void {
    this.assertOpen("defer in");
    this.#deferred.push({ body, graceMs });
  }

  cancel(reason?: unknown): void {
    if (!this.#over) this.cancelTree(reason);
  }

  get deadline(): number {
    return this.#deadline;
  }

  set deadline(at: number) {
    assertMs(at, `Cannot set the deadline of ${this.#describe()}`);
    const { timers } = this.holder.kernel;
    timers.cancel(this.#timer);
    this.#deadline = at;
    if (at === Number.POSITIVE_INFINITY || this.#over) return;
    timers.arm(this.#timer, at);
    this.holder.kernel.nudge();
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.cause !== null) this.#abort.abort(this.cause.reason);
    }
    return this.#abort.signal;
  }

  /** @throws ProtocolError when the scope has ended. */
  assertOpen(attempt: string): void {
    if (this.#over) throw new ProtocolError(`Cannot ${attempt} ${this.#describe()}: it has ended`);
  }

  // --- for the tree ----------------------------------------------------------------------------------------------------------

  override afterCancel(cause: Cancelled): void {
    this.#cutShort();
    this.#abort?.abort(cause.reason);
  }

  expired(): void {
    if (this.cancelTree(`the deadline of ${this.#describe()} passed`)) this.#timedOut = true;
  }

  override childExited(child: CancelNode): void {
    this.#live--;
    if (child instanceof Task) {
      if (this.#ended !== undefined) this.#ended(child);
      else if (child.state === FAILED) this.#failed(child.outcome);
    }
    if (this.#live === 0) this.#join?.allEnded();
  }

  // --- for runScope ----------------------------------------------------------------------------------------------------------

  bodyThrew(error: unknown): void {
    if (isCancelled(error)) {
      this.#interruption = error;
      this.cancelTree(error.reason);
    } else {
      if (this.cause !== null) this.holder.kernel.threw(this.holder, this, error);
      this.#failed(error);
    }
  }

  /** Parks until no child is left. */
  allEnded(): ScopeJoin {
    this.#cutShort();
    this.#join = new ScopeJoin(this, this.holder);
    return this.#join;
  }

  *runDeferred(): Generator<Wait, void, unknown> {
    for (let entry = this.#deferred.pop(); entry !== undefined; entry = this.#deferred.pop()) {
      try {
        yield* shield(entry.body, entry.graceMs);
      } catch (error) {
        if (!isCancelled(error)) this.#failed(error);
        else this.#interruption ??= error;
      }
      // A deferred body may have spawned.
      if (this.#live > 0) yield* this.allEnded();
    }
  }

  override pop(): void {
    this.#over = true;
    this.holder.kernel.timers.cancel(this.#timer);
    super.pop();
  }

  throwOutcome(): void {
    if (this.#errors.size > 0) throw this.#combined();
    const interruption = this.#interruption;
    if (interruption === null) return;
    if (interruption.scope !== this) {
      this.holder.kernel.delivering(this.holder, interruption);
      throw interruption;
    }
    if (this.#timedOut) {
      const wait = this.holder.kernel.waitEndedBy(this.holder, interruption);
      throw new TimeoutError(`Cannot complete ${this.#describe()}: its deadline passed`, wait);
    }
    const { reason } = interruption;
    const cause = reason === undefined ? {} : { cause: reason };
    throw new ScopeCancelledError(
      `Cannot give the value of ${this.#describe()}: it was cancelled before its body finished`,
      cause,
    );
  }

  /** A cancel from outside that finds living children interrupts the scope, even if its body is over. */
  #cutShort(): void {
    if (this.#live > 0 && this.cause !== null && this.cause.scope !== this) this.#interruption ??= this.cause;
  }

  #failed(error: unknown): void {
    this.#errors.add(error);
    this.cancelTree(error);
  }

  #combined(): unknown {
    if (this.#options.errors === "all")
      return new AggregateError([...this.#errors], `${this.#errors.size} failed in ${this.#describe()}`);
    return firstOf(this.#errors);
  }

  #describe(): string {
    return this.#options.name === undefined ? "the scope" : `the scope ${this.#options.name}`;
  }
}
