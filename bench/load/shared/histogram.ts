// Latencies of many bursts put together: counts in buckets that are 2 % wide each, so that percentiles over all of them can be had without
// keeping every value. As data it is a plain object from the number of a bucket to its count, which JSON carries.

/** Counts by bucket. */
export type Histogram = Readonly<Record<string, number>>;

/** Width of a bucket: each ends this much above where it begins. */
const STEP = Math.log(1.02);

/** The histogram of `valuesUs`; what is below 1 is counted as 1. */
export function histogramOf(valuesUs: readonly number[]): Histogram {
  const counts: Record<string, number> = {};
  for (const value of valuesUs) {
    const bucket = Math.floor(Math.log(Math.max(1, value)) / STEP);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return counts;
}

/** The value below which the share `q` (0 to 1) of all values lies: the middle of its bucket. @throws RangeError without values. */
export function quantileOf(histograms: readonly Histogram[], q: number): number {
  const counts = new Map<number, number>();
  for (const histogram of histograms) {
    for (const [bucket, count] of Object.entries(histogram))
      counts.set(Number(bucket), (counts.get(Number(bucket)) ?? 0) + count);
  }
  const rising = [...counts].sort(([a], [b]) => a - b);
  const total = rising.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) throw new RangeError("Cannot give a quantile: there are no values");
  let left = q * total;
  for (const [bucket, count] of rising) {
    left -= count;
    if (left <= 0) return Math.exp((bucket + 0.5) * STEP);
  }
  return Math.exp(((rising.at(-1)?.[0] ?? 0) + 0.5) * STEP);
}
