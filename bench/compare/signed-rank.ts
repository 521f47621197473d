// The estimate of a difference that needs no bell curve: the Hodges-Lehmann estimate with the exact limits of Wilcoxon's signed-rank test
// (Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", chapter 3). Its levels hold for any values that are independent and as
// likely to lie so far above the middle as below, and in an A/A run they are: exchanging the two sides turns each into its negative. So what
// the machine does to the figures, outliers and two-humped processes included, cannot make false alarms more frequent than the level says.

/** The middle of a set of values with one-sided limits. */
export interface Location {
  readonly estimate: number;
  /** The middle is below it with at most the probability that was asked for; minus infinity where there are too few values to tell. */
  readonly low: number;
  /** The same above. */
  readonly high: number;
}

/**
 * Estimates the middle of `values`. `lowLevel` and `highLevel`: how often the limits may be wrong.
 * @throws RangeError without values.
 */
export function locate(values: readonly number[], lowLevel: number, highLevel: number): Location {
  const n = values.length;
  if (n === 0) throw new RangeError("Cannot give a location: there are no values");
  const averages = walshAverages(values);
  const lowRank = limitRank(n, lowLevel);
  const highRank = limitRank(n, highLevel);
  const last = averages.length - 1;
  return {
    estimate: ((averages[last >> 1] as number) + (averages[(last + 1) >> 1] as number)) / 2,
    low: lowRank === 0 ? Number.NEGATIVE_INFINITY : (averages[lowRank - 1] as number),
    high: highRank === 0 ? Number.POSITIVE_INFINITY : (averages[averages.length - highRank] as number),
  };
}

/** The means of all pairs of values, each with itself too, in rising order. */
function walshAverages(values: readonly number[]): Float64Array {
  const n = values.length;
  const averages = new Float64Array((n * (n + 1)) / 2);
  let at = 0;
  for (let i = 0; i < n; i++)
    for (let j = i; j < n; j++) averages[at++] = ((values[i] as number) + (values[j] as number)) / 2;
  return averages.sort();
}

/** Which of the averages, counted from an end, is the limit at `level`: 0 for none. */
function limitRank(n: number, level: number): number {
  const cumulative = distributionOf(n);
  let rank = 0;
  while (rank < cumulative.length && (cumulative[rank] as number) <= level) rank++;
  return rank;
}

const distributions = new Map<number, Float64Array>();

/** P(W <= w) of the signed-rank sum of `n` values, for w from 0 up. */
function distributionOf(n: number): Float64Array {
  const known = distributions.get(n);
  if (known !== undefined) return known;
  const size = (n * (n + 1)) / 2 + 1;
  let probability = new Float64Array(size);
  probability[0] = 1;
  // Each rank is in the sum or not, by the toss of a coin.
  for (let rank = 1; rank <= n; rank++) {
    const next = new Float64Array(size);
    for (let sum = 0; sum < size; sum++)
      next[sum] = ((probability[sum] as number) + (sum >= rank ? (probability[sum - rank] as number) : 0)) / 2;
    probability = next;
  }
  for (let sum = 1; sum < size; sum++)
    probability[sum] = (probability[sum] as number) + (probability[sum - 1] as number);
  distributions.set(n, probability);
  return probability;
}
