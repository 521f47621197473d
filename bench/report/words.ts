// Numbers as the report writes them.

import type { Estimate } from "../measure/statistics.ts";

/** A whole number with commas. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A share as a percentage. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** A ratio. */
export const ratio = (value: number): string => value.toFixed(3);

/** A 95 % interval. */
export const interval = ({ low, high }: Estimate): string => `${ratio(low)}-${ratio(high)}`;

/** A ratio with its interval. */
export const withInterval = (estimate: Estimate): string => `${ratio(estimate.median)} (${interval(estimate)})`;

/** Nanoseconds as microseconds. */
export const microseconds = (ns: number): string => (ns / 1000).toFixed(2);

/** Microseconds of a latency, in the unit that reads best. */
export function latency(us: number): string {
  return us < 1_000 ? `${Math.round(us)} us` : `${(us / 1_000).toPrecision(3)} ms`;
}
