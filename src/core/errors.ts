// Every error class that the kernel throws. Each has a stable `code`, so that callers compare codes and never messages; a message
// says what was attempted, a colon, and the state that was found. Cancellation is not here: `Cancelled` is no Error (see cancel.ts).
// Layers above add their own classes beside their code (net/errors.ts, http/errors.ts), all of them on MillraceError.

/** Base of every error that millrace throws on purpose: `error instanceof MillraceError`, then look at `code`. */
export class MillraceError extends Error {
  override name = "MillraceError";
  /** Stable, machine-readable name of the fault, such as `ERR_BUSY`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The operation protocol was broken: a foreign value was yielded, an operation was run twice, or one was run outside a task. */
export class ProtocolError extends MillraceError {
  override name = "ProtocolError";
  constructor(message: string) {
    super("ERR_PROTOCOL", message);
  }
}

/** A wait slot that holds one task at a time is taken, for example a second reader on one connection. */
export class BusyError extends MillraceError {
  override name = "BusyError";
  constructor(message: string) {
    super("ERR_BUSY", message);
  }
}

/** `timeout(ms, operation)` ran out of time. */
export class TimeoutError extends MillraceError {
  override name = "TimeoutError";
  constructor(message: string) {
    super("ERR_TIMEOUT", message);
  }
}

/** A scope was cancelled from inside, so its body has no value to give. */
export class ScopeCancelledError extends MillraceError {
  override name = "ScopeCancelledError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_SCOPE_CANCELLED", message, options);
  }
}

/** A task that was joined had been cancelled, so it has no value to give. */
export class TaskCancelledError extends MillraceError {
  override name = "TaskCancelledError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_TASK_CANCELLED", message, options);
  }
}

/** What a task's `.promise` rejects with when the task was cancelled: `name` is `AbortError`, as promise users expect. */
export class AbortError extends MillraceError {
  override name = "AbortError";
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_ABORTED", message, options);
  }
}

/** Every task is parked and nothing can ever wake one. The message holds the printed task tree. */
export class DeadlockError extends MillraceError {
  override name = "DeadlockError";
  constructor(message: string) {
    super("ERR_DEADLOCK", message);
  }
}
