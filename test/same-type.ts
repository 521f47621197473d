// A type assertion: the compiler's, so that `bun run check` fails and no test at run time.

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;

/** Compiles only when both types are the same: `same<typeof value, number>(true)`. */
export function same<A, B>(_same: Same<A, B>): void {}
