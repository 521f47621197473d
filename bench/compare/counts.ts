// The layer of exact counts: what an operation does, the same on any machine and in any run. One more kernel write, resume or timer an operation
// is a fault, or is meant and then has a reason; so a count that rises fails, by whatever little.

import { countOperation } from "../lone/measure.ts";
import type { Roots } from "./jobs.ts";

/** A count that is not the same in both trees. */
export interface CountChange {
  readonly job: string;
  readonly what: string;
  readonly head: number;
  readonly base: number;
}

/** What differs between head and base at a job without a kernel. Nothing is said of what only one of them counts. */
export async function countChanges(job: string, { head, base }: Roots): Promise<CountChange[]> {
  const [ours, theirs] = [await countIn(head, job), await countIn(base, job)];
  return Object.entries(ours)
    .map(([what, count]) => ({ job, what, head: count, base: theirs[what] ?? count }))
    .filter((change) => change.head !== change.base);
}

function countIn(tree: string, job: string): ReturnType<typeof countOperation> {
  return countOperation({ tree, job, side: "ours" });
}

/** A change for the worse. */
export function isWorse({ head, base }: CountChange): boolean {
  return head > base;
}
