// The figures of a comparison: CPU time of the server a request, and requests a second, each as a ratio of two arms measured side by side. How
// they are shown is in bench/report.

import type { BurstResult } from "../load/shared/burst.ts";
import type { Comparison } from "./rounds.ts";
import { type Estimate, estimate, pairRatios } from "./statistics.ts";

/** Most that the baseline's echo may cost of the raw one's to count as well written. */
export const BASELINE_RATIO_MAX = 1.2;

/** Ratio of CPU time a request, `a` over `b`: below 1 the first one is cheaper. */
export function cpuRatio(comparison: Comparison): Estimate {
  return ratioOf(comparison, cpuPerAnswer);
}

/** Ratio of requests a second, `a` over `b`: above 1 the first one is faster. */
export function rateRatio(comparison: Comparison): Estimate {
  return ratioOf(comparison, answersPerSecond);
}

function ratioOf({ rounds }: Comparison, figure: (burst: BurstResult) => number): Estimate {
  return estimate(rounds.map(({ a, b }) => pairRatios(a.map(figure), b.map(figure))));
}

/** Nanoseconds of the server's CPU time an answer. */
export function cpuPerAnswer({ serverCpuNs, answers }: BurstResult): number {
  return serverCpuNs / answers;
}

/** Answers a second of wall time. */
export function answersPerSecond({ answers, wallNs }: BurstResult): number {
  return answers / (wallNs / 1e9);
}
