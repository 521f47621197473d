// A ratio in a table: always the same four columns, and the lines about those that are not to our advantage.

import type { Cell, Ratio } from "./model.ts";
import { VERDICT_WORDS } from "./verdict.ts";
import { interval, ratio as ratioText, withInterval } from "./words.ts";

/** The columns of a ratio in {@link ratioRow}. */
export const RATIO_COLUMNS: readonly string[] = ["ours/theirs", "at most", "verdict", "95 %"];
/** Which of them are numbers. */
export const RATIO_NUMBERS = "##-#";

/** A row: `name`, then a ratio, its bound, the verdict on it and its interval, or nothing where there is none, then `others`. */
export function ratioRow(name: string, ratio: Ratio | null, ...others: readonly Cell[]): Cell[] {
  if (ratio === null) return [name, "", "", "", "", ...others];
  const { estimate, atMost, verdict } = ratio;
  const bound = atMost === null ? "" : atMost.toFixed(2);
  const judged = { text: VERDICT_WORDS[verdict], verdict };
  return [name, ratioText(estimate.median), bound, judged, interval(estimate), ...others];
}

/** A line for each ratio that is not shown to be below 1: first those that are above, with the words for it, then those that may be either. */
export function notShownBetter(ratios: readonly Ratio[], worse: string): string[] {
  const dearer = ratios.filter(({ estimate }) => estimate.low > 1);
  const alike = ratios.filter(({ estimate: { low, high } }) => low <= 1 && high >= 1);
  const line = ({ job, against, verdict }: Ratio, what: string): string =>
    `\`${job}\` against ${against}: ${what}${verdict === "void" ? " (does not count)" : ""}`;
  return [
    ...dearer
      .toSorted((a, b) => b.estimate.median - a.estimate.median)
      .map((ratio) => line(ratio, `${worse}, ${withInterval(ratio.estimate)} of it`)),
    ...alike.map((ratio) => line(ratio, `no difference shown, ${withInterval(ratio.estimate)}`)),
  ];
}
