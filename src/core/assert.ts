// Assertions are for our own bugs, never for bad input: input gets an error class of its own.

/** Thrown when an invariant of millrace itself does not hold. Seeing one is a bug in millrace: please report it. */
export class AssertionError extends Error {
  override name = "AssertionError";
  readonly code = "ERR_ASSERTION";
}

/** Throws {@link AssertionError} unless `condition` holds. `message` states the invariant that was broken. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(`millrace invariant broken: ${message}`);
}
