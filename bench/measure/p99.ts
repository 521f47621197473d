// The ratio of two arms' p99 in the open loop: what it may be, and when it counts.

import type { OpenLoopResult } from "../load/open-loop.ts";
import type { OpenComparison } from "./load.ts";
import { type Estimate, estimate, pairRatios } from "./statistics.ts";

/** Most that our p99 may be of another arm's, at half load of the job `http`. */
export const P99_AT_MOST: Readonly<Record<string, number>> = { raw: 1.1, "bun-serve": 1 };
/** The job that they are laid down for. */
export const P99_JOB = "http";
/** By how much the A/A control's interval may leave 1 for the ratios of p99 to count: by what the limits ask to tell apart. */
const CONTROL_WIDTH_MAX = 0.1;

/** Ratio of p99, `a` over `b`, pair by pair: below 1 the first one is quicker. */
export function p99Ratio({ rounds }: OpenComparison): Estimate {
  return estimate(rounds.map(({ a, b }) => pairRatios(a.map(p99), b.map(p99))));
}

/** The same by those pairs alone in which the generator was not saturated; `null` when there are none. */
export function cleanP99Ratio({ rounds }: OpenComparison): Estimate | null {
  const clean = rounds.map(({ a, b }) => {
    const pairs = a.map((burst, i): [OpenLoopResult, OpenLoopResult] => [burst, b[i] as OpenLoopResult]);
    return pairs
      .filter((pair) => pair.every(({ saturated }) => saturated === null))
      .map(([ours, theirs]) => p99(ours) / p99(theirs));
  });
  return clean.flat().length === 0 ? null : estimate(clean);
}

const p99 = ({ p99Us }: OpenLoopResult): number => p99Us;

/** Whether a control of p99 lets its ratios count. */
export function p99ControlHolds({ low, high }: Estimate): boolean {
  return low <= 1 && high >= 1 && low > 1 - CONTROL_WIDTH_MAX && high < 1 + CONTROL_WIDTH_MAX;
}
