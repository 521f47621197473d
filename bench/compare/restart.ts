// The value of a restart: by how much head was slower than the base in two fresh processes, as a logarithm. How it is taken from the pairs depends
// on what disturbs them, measured on A/A runs (docs/decisions/0009).

import { median, quantile } from "../measure/statistics.ts";

/** One restart: costs of head and base, those of equal index being a pair. */
export interface Restart {
  readonly head: readonly number[];
  readonly base: readonly number[];
}

/**
 * The median of the pairs' ratios. For bursts over sockets: they average over much, and what they have in common with the one beside them, the
 * machine's speed at that moment, is most of their noise.
 */
export function medianOfPairs({ head, base }: Restart): number {
  if (head.length !== base.length) throw new RangeError(`Cannot pair ${head.length} samples with ${base.length}`);
  return median(head.map((cost, i) => Math.log(cost / (base[i] as number))));
}

/** The ratio of the lower quartiles. For samples of milliseconds: a disturbance hits one of a pair and not the other, and can only add. */
export function ratioOfQuiet({ head, base }: Restart): number {
  return Math.log(quantile(head, 0.25) / quantile(base, 0.25));
}
