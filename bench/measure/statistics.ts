// The statistics of a bench: medians, ratios of pairs, and an interval by resampling (Efron's bootstrap, in two stages because bursts of one
// process are more alike than those of two: first the restarts are drawn, then the pairs within each). Seeded, so that the same rounds
// always give the same interval.

import { createPrng } from "../../src/sim/prng.ts";

/** A point estimate with its 95 % interval. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Values that it rests on. */
  readonly count: number;
}

const RESAMPLES = 2_000;
const SEED = 20_231;

/** The middle value; of an even number the mean of the two in the middle. @throws RangeError without values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot give a median: there are no values");
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}

/** The value below which the share `q` (0 to 1) of the values lies, by linear interpolation. @throws RangeError without values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("Cannot give a quantile: there are no values");
  const sorted = Float64Array.from(values).sort();
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  return low + (at - below) * ((sorted[Math.min(below + 1, sorted.length - 1)] as number) - low);
}

/** The ratios of bursts in the order A B B A A B B A: each A with the B beside it. @throws RangeError unless they pair up. */
export function pairRatios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new RangeError(`Cannot pair ${a.length} bursts with ${b.length}`);
  return a.map((value, i) => value / (b[i] as number));
}

/** Median and 95 % interval over `groups`: the values of each restart. @throws RangeError without values. */
export function estimate(groups: readonly (readonly number[])[]): Estimate {
  const values = groups.flat();
  const point = median(values);
  const prng = createPrng(SEED);
  const draw = <T>(from: readonly T[]): T => from[prng.between(0, from.length - 1)] as T;
  const filled = groups.filter((group) => group.length > 0);
  const medians = Array.from({ length: RESAMPLES }, () => median(filled.flatMap(() => resample(draw(filled), draw))));
  return { median: point, low: quantile(medians, 0.025), high: quantile(medians, 0.975), count: values.length };
}

function resample(group: readonly number[], draw: (from: readonly number[]) => number): number[] {
  return group.map(() => draw(group));
}

/** Whether an A/A control lets its measurement count: it holds 1 and is narrower than 2 % to each side. */
export function controlHolds(control: Estimate): boolean {
  return control.low <= 1 && control.high >= 1 && control.low > 0.98 && control.high < 1.02;
}
