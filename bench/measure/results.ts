// Where the raw rounds of a bench are left.

import { join } from "node:path";

/** Writes `results` to bench/results as JSON. `kind` goes before the time in the name of the file; empty for the bench of the arms. */
export async function saveResults(kind: string, startedAt: string, results: object): Promise<void> {
  const name = [...(kind === "" ? [] : [kind]), startedAt.replaceAll(/[:.]/g, "-")].join("-");
  await Bun.write(join(import.meta.dir, "..", "results", `${name}.json`), `${JSON.stringify(results, null, 1)}\n`);
}
