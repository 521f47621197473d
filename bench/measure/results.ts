// What one call of the bench has measured, and where its raw rounds are left.

import { join } from "node:path";

import type { IdleResult } from "./idle.ts";
import type { Machine } from "./machine.ts";
import type { Comparison } from "./rounds.ts";

/** The folder of all results. */
export const RESULTS_FOLDER: string = join(import.meta.dir, "..", "results");

/** Everything that one call of `bun run bench` has measured. */
export interface Results {
  readonly machine: Machine;
  readonly startedAt: string;
  /** The command line that measured it. */
  readonly command?: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly comparisons: readonly Comparison[];
  readonly idle: readonly IdleResult[];
}

/** Writes `results` to bench/results as JSON. `kind` goes before the time in the name of the file; empty for the bench of the arms. */
export async function saveResults(kind: string, startedAt: string, results: object): Promise<void> {
  const name = [...(kind === "" ? [] : [kind]), startedAt.replaceAll(/[:.]/g, "-")].join("-");
  await Bun.write(join(RESULTS_FOLDER, `${name}.json`), `${JSON.stringify(results, null, 1)}\n`);
}
