// What `bun run bench` has measured, and where the raw rounds of all benches are left.

import { join } from "node:path";

import type { Comparison } from "./rounds.ts";
import type { Session } from "./session.ts";

/** The folder of all results. */
export const RESULTS_FOLDER: string = join(import.meta.dir, "..", "results");

/** Everything that one call of `bun run bench` has measured. */
export interface Results extends Session {
  readonly comparisons: readonly Comparison[];
  /** Fingerprint of the raw callbacks of that day: see frozen.ts. */
  readonly frozen?: string;
}

/** Writes `results` to bench/results as JSON. `kind` goes before the time in the name of the file; empty for the bench of the arms. */
export async function saveResults(kind: string, startedAt: string, results: object): Promise<void> {
  const name = [...(kind === "" ? [] : [kind]), startedAt.replaceAll(/[:.]/g, "-")].join("-");
  await Bun.write(join(RESULTS_FOLDER, `${name}.json`), `${JSON.stringify(results, null, 1)}\n`);
}
