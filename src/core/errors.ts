// Every error class that the kernel throws. Each has a stable `code`, so that callers compare codes and never messages; a message
// says what was attempted, a colon, and the state that was found. Cancellation is not here: `Cancelled` is no Error (see cancel.ts).
// Layers above add their own classes beside their code (net/errors.ts, http/errors.ts), all of them on MillraceError.

/**
 * Base of every error that millrace throws on purpose: `error instanceof MillraceError`, then look at `code`.
 *
 * @example
 * ```ts
 * import { MillraceError, run, sleepForever, timeout } from "millrace";
 *
 * await run(function* () {
 *   try {
 *     yield* timeout(5, sleepForever());
 *   } catch (error) {
 *     if (!(error instanceof MillraceError)) throw error;
 *     console.log(error.code); // => "ERR_TIMEOUT"
 *   }
 * }).promise;
 * ```
 */
export class MillraceError extends Error {
  override name = "MillraceError";
  /** Stable, machine-readable name of the fault, such as `ERR_BUSY`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The operation protocol was broken: a foreign value was yielded, an operation was run twice, or one was run outside a task.
 *
 * @example
 * ```ts
 * import { ProtocolError, run, sleep } from "millrace";
 *
 * const twice = run(function* () {
 *   const nap = sleep(1);
 *   yield* nap;
 *   yield* nap; // operations are single-use
 * });
 * await twice.promise.catch((error: unknown) => console.log(error instanceof ProtocolError)); // => true
 * ```
 */
export class ProtocolError extends MillraceError {
  override name = "ProtocolError";
  constructor(message: string) {
    super("ERR_PROTOCOL", message);
  }
}

/**
 * A wait slot that holds one task at a time is taken, for example a second reader on one connection.
 *
 * @example
 * ```ts
 * import { all, BusyError, connect, listen } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * const twoReaders = simulate(function* () {
 *   using _listener = yield* listen({ port: 7000 });
 *   using conn = yield* connect({ port: 7000 });
 *   yield* all([conn.read(), conn.read()]);
 * });
 * await twoReaders.catch((error: unknown) => console.log(error instanceof BusyError)); // => true
 * ```
 */
export class BusyError extends MillraceError {
  override name = "BusyError";
  constructor(message: string) {
    super("ERR_BUSY", message);
  }
}

/**
 * `timeout(ms, operation)` ran out of time, or a scope with a deadline did. In development `cause` has the stack of the wait that it ended.
 *
 * @example
 * ```ts
 * import { now, run, scope, sleepForever, TimeoutError } from "millrace";
 *
 * const late = run(function* () {
 *   yield* scope(() => sleepForever(), { name: "oven", deadline: now() + 5 });
 * });
 * await late.promise.catch((error: unknown) => {
 *   if (!(error instanceof TimeoutError)) throw error;
 *   console.log(error.message); // => "Cannot complete the scope oven: its deadline passed"
 * });
 * ```
 */
export class TimeoutError extends MillraceError {
  override name = "TimeoutError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_TIMEOUT", message, options);
  }
}

/**
 * A scope was cancelled from inside, so its body has no value to give. Its `cause` is the reason that `cancel` was given.
 *
 * @example
 * ```ts
 * import { run, scope, ScopeCancelledError, sleep } from "millrace";
 *
 * const given = run(() =>
 *   scope(function* (tasks) {
 *     tasks.cancel("enough");
 *     yield* sleep(1); // throws, so the scope has no value to give
 *     return "a value";
 *   }),
 * );
 * await given.promise.catch((error: unknown) => {
 *   console.log(error instanceof ScopeCancelledError && error.cause); // => "enough"
 * });
 * ```
 */
export class ScopeCancelledError extends MillraceError {
  override name = "ScopeCancelledError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_SCOPE_CANCELLED", message, options);
  }
}

/**
 * A task that was joined had been cancelled, so it has no value to give. Its `cause` is the reason that `cancel` was given.
 *
 * @example
 * ```ts
 * import { run, scope, sleepForever, TaskCancelledError } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const task = tasks.spawn(() => sleepForever());
 *     task.cancel();
 *     try {
 *       yield* task;
 *     } catch (error) {
 *       console.log(error instanceof TaskCancelledError); // => true
 *     }
 *   }),
 * ).promise;
 * ```
 */
export class TaskCancelledError extends MillraceError {
  override name = "TaskCancelledError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_TASK_CANCELLED", message, options);
  }
}

/**
 * What a task's `.promise` rejects with when the task was cancelled: `name` is `AbortError`, as promise users expect.
 *
 * @example
 * ```ts
 * import { AbortError, run, sleepForever } from "millrace";
 *
 * const task = run(() => sleepForever());
 * task.cancel();
 * await task.promise.catch((error: unknown) => {
 *   console.log(error instanceof AbortError && error.name); // => "AbortError"
 * });
 * ```
 */
export class AbortError extends MillraceError {
  override name = "AbortError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_ABORTED", message, options);
  }
}

/**
 * Every task is parked and nothing can ever wake one. The message holds the printed task tree.
 *
 * @example
 * ```ts
 * import { channel, DeadlockError } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * const [, receiver] = channel<string>(0); // whose sender nobody uses
 * const stuck = simulate(() => receiver.receive());
 * await stuck.catch((error: unknown) => console.log(error instanceof DeadlockError)); // => true
 * ```
 */
export class DeadlockError extends MillraceError {
  override name = "DeadlockError";
  constructor(message: string) {
    super("ERR_DEADLOCK", message);
  }
}
