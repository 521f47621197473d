// What may be said of a ratio. A bound holds when the whole 95 % interval is within it, never because the median happens to be, and no figure
// counts in a session whose A/A control does not.

import { controlHolds, type Estimate } from "../measure/statistics.ts";
import type { Verdict } from "./model.ts";

/** The words of each verdict. */
export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  holds: "holds",
  fails: "does not hold",
  open: "not shown to hold",
  void: "does not count",
  free: "",
};

/** The verdict on a ratio that may be `atMost`, in a session whose controls count or do not. */
export function verdictOf({ low, high }: Estimate, atMost: number | null, counts: boolean): Verdict {
  if (!counts) return "void";
  if (atMost === null) return "free";
  if (high <= atMost) return "holds";
  return low > atMost ? "fails" : "open";
}

/** Whether a measurement counts: there is a control, and all that there are hold. */
export function controlsHold(controls: readonly Estimate[]): boolean {
  return controls.length > 0 && controls.every(controlHolds);
}

/** How often each verdict fell, in words; bounds only. */
export function countVerdicts(verdicts: readonly Verdict[]): string {
  const counted = (["holds", "open", "fails", "void"] as const).flatMap((verdict) => {
    const count = verdicts.filter((each) => each === verdict).length;
    return count === 0 ? [] : [`${count} ${PLURALS[verdict](count)}`];
  });
  return counted.length === 0 ? "No bound was measured" : counted.join(", ");
}

const PLURALS = {
  holds: (count: number): string => (count === 1 ? "bound holds" : "bounds hold"),
  open: (count: number): string => (count === 1 ? "is not shown to hold" : "are not shown to hold"),
  fails: (count: number): string => (count === 1 ? "does not hold" : "do not hold"),
  void: (count: number): string => (count === 1 ? "does not count" : "do not count"),
} as const;
