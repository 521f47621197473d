// All micro benches, in the order of the report.

import { channels } from "../channel.ts";
import { allGenerators, allLeaves } from "../all.ts";
import { raceGenerators, raceLeaves } from "../race.ts";
import { resume } from "../resume.ts";
import { spawnBatch, spawnBatchSuspending, spawnOne, spawnOneSuspending } from "../spawn.ts";
import { switches } from "../switch.ts";
import { timeoutAtOnce } from "../timeout.ts";
import { timeoutOperation, timer, timerClock, timerMillion } from "../timer.ts";
import type { MicroBench } from "./bench.ts";

/** Every bench. */
export const BENCHES: readonly MicroBench[] = [
  resume,
  spawnBatch,
  spawnOne,
  spawnBatchSuspending,
  spawnOneSuspending,
  timer,
  timerClock,
  timerMillion,
  timeoutOperation,
  timeoutAtOnce,
  raceLeaves,
  raceGenerators,
  allLeaves,
  allGenerators,
  ...switches,
  ...channels,
];

/** The benches called `names` (`switch` and `channel` stand for all of their sizes), or all. @throws RangeError for a name that is none. */
export function benchesNamed(names: readonly string[]): readonly MicroBench[] {
  const isMeant = (name: string, bench: MicroBench): boolean =>
    bench.name === name || bench.name.replace(/-\d+$/, "") === name;
  const unknown = names.find((name) => !BENCHES.some((bench) => isMeant(name, bench)));
  if (unknown !== undefined)
    throw new RangeError(`Cannot run the bench ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? BENCHES : BENCHES.filter((bench) => names.some((name) => isMeant(name, bench)));
}
