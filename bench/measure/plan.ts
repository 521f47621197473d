// What `bun run bench` measures by itself: which arms are held against which at a job, how much of everything, and how long that takes. A run by the
// defaults is to take five minutes, so that it is run; it shows what is large. A claim asks for more restarts and sequences.

import { type Arm, armNamed } from "./arms.ts";
import type { Job } from "./jobs.ts";
import { type Extent, type Pair, secondsOfRounds } from "./rounds.ts";

/** How much, unless something else is asked for. */
export const FULL_EXTENT: Extent = {
  restarts: 2,
  warmMs: 400,
  burstMs: 35,
  sequences: 3,
  connections: 64,
  rate: 0,
};

/** The same of a smoke run. */
export const QUICK_EXTENT: Extent = { ...FULL_EXTENT, restarts: 1, warmMs: 40, burstMs: 20, sequences: 1 };

/** Seconds before the first round: each arm is started and looked at. */
const CHECK_SECONDS = 3;

/**
 * The first arm of a job against each of its others among `arms`, against itself for `control`, and, for echo, the baseline against the ceiling:
 * it says whether the baseline is any good.
 */
export function pairsOf(job: Job, arms: readonly Arm[], control: boolean): Pair[] {
  const first = armNamed(job.arms[0]);
  const others = arms.filter((arm) => arm !== first && job.arms.includes(arm.name));
  const pairs = others.map((arm): Pair => [first, arm]);
  const baseline = others.find(({ name }) => name === "async-await");
  const ceiling = others.find(({ name }) => name === "raw");
  if (job.load === "echo" && baseline !== undefined && ceiling !== undefined) pairs.push([baseline, ceiling]);
  return control ? [...pairs, [first, first]] : pairs;
}

/** About how many seconds it takes. */
export function secondsOf(jobs: readonly Job[], arms: readonly Arm[], control: boolean, extent: Extent): number {
  const rounds = jobs.map((job) => secondsOfRounds(pairsOf(job, arms, control), extent));
  return rounds.reduce((sum, seconds) => sum + seconds, CHECK_SECONDS);
}
