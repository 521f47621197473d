// What a micro bench is: two bodies that do the same number of the same operations, ours and the twin's. Each runs in a process of its own,
// because the engine's type profiles of one pollute the other (child.ts), paired and alternated (run.ts).

/** How large a bench is. */
export type Size = "full" | "quick" | "smoke";

/** One side, ready to be timed. */
export interface Side {
  /** Operations that one call of `body` does. */
  readonly operations: number;
  /** Does them. What it gives is kept from the optimiser. */
  body(): unknown;
}

/** Which side. */
export type SideName = "ours" | "twin";

/** One bench. */
export interface MicroBench {
  readonly name: string;
  /** What one operation is, on each side. */
  readonly about: string;
  /** Most that ours may cost of the twin's, as we want it; none where nothing is asked. */
  readonly target?: number;
  /** Nanoseconds that ours may take, as we want it, where the machine is the development machine; none where nothing is asked. */
  readonly targetNs?: number;
  /** Makes a side; what is made here is not timed. */
  readonly make: Readonly<Record<SideName, (size: Size) => Side>>;
}

/** Operations of a body: ten thousand, unless it is only to be seen to run. */
export function operationsOf(size: Size): number {
  return size === "smoke" ? 100 : 10_000;
}
