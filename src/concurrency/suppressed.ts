// Several errors and one throw: the first one leaves as itself, so that a handler catches what it knows by its class and code, and the others
// hang on it. They are kept beside the error and not in it, as it may be frozen, or somebody else's.

/**
 * The other errors of the scope, `all` or `race` that `error` came out of, in the order in which they happened; empty when there were none.
 *
 * @example
 * ```ts
 * import { run, scope, suppressedErrors } from "millrace";
 *
 * const failing = run(() =>
 *   scope(function* (tasks) {
 *     for (const told of ["first", "second"]) {
 *       tasks.spawn(function* () {
 *         throw new Error(told);
 *       });
 *     }
 *   }),
 * );
 * await failing.promise.catch((error: Error) => {
 *   console.log(error.message, suppressedErrors(error)); // => "first", [new Error("second")]
 * });
 * ```
 */
export function suppressedErrors(error: unknown): readonly unknown[] {
  return (typeof error === "object" && error !== null && suppressed.get(error)) || [];
}

/** The first of `errors`, with the others hung on it. */
export function firstOf(errors: Iterable<unknown>): unknown {
  const [first, ...others] = new Set(errors);
  if (others.length > 0 && typeof first === "object" && first !== null)
    suppressed.set(first, [...suppressedErrors(first), ...others]);
  return first;
}

const suppressed = new WeakMap<object, unknown[]>();
