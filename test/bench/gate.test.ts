// The decision of the regression gate. Its power is proven on the noise of real machines: restarts of A/A runs on record (bench/compare/recorded) are
// drawn again and again, whole restarts first and then the pairs within each, and the function that decides for the gate decides on them,
// clock and deadline included. Everything is seeded; the seeds are in the titles of what fails.

import { describe, expect, test } from "bun:test";

import { GATE_JOBS } from "../../bench/compare/jobs.ts";
import {
  CAUGHT_SLOWDOWN,
  followPlan,
  LOOKS,
  Plan,
  type Restart,
  type Standing,
  valueOf,
  verdictOfAll,
} from "../../bench/compare/plan.ts";
import { readRecords, type Record, restartsOf } from "../../bench/compare/recorded.ts";
import { locate } from "../../bench/compare/signed-rank.ts";
import { createPrng, type Prng } from "../../src/sim/prng.ts";
import { wholeNumber } from "../environment.ts";

const SEED = wholeNumber("GATE_SEED", 1_812);
const RUNS = wholeNumber("GATE_RUNS", 400);

/** Minutes that a run may take, and what it needs before the first restart: check-out, install, a look at every job. */
const MINUTES_MAX = 12;
const SETUP_MS = 60_000;

const records = await readRecords();
const jobs = Object.keys(records);

/** Draws restarts of a record, head being slower by `slowdown` than it was. */
function draw(restarts: readonly Restart[], count: number, slowdown: number, prng: Prng): Restart[] {
  return Array.from({ length: count }, () => {
    const { head, base } = restarts[prng.between(0, restarts.length - 1)] as Restart;
    const pairs = head.map(() => prng.between(0, head.length - 1));
    return {
      head: pairs.map((pair) => (head[pair] as number) * (1 + slowdown)),
      base: pairs.map((pair) => base[pair] as number),
    };
  });
}

/** A whole run of the gate in virtual time, `slower` being the jobs that got slower, and by how much. */
async function simulate(
  seed: number,
  slower: ReadonlyMap<string, number>,
): Promise<{ standings: Standing[]; ms: number }> {
  const prng = createPrng(seed);
  const pools = new Map(jobs.map((job) => [job, restartsOf(records[job] as Record)]));
  let ms = SETUP_MS;
  const standings = await followPlan(
    jobs,
    async ({ job, restarts }) => {
      ms += restarts * (records[job] as Record).seconds * 1000;
      return draw(pools.get(job) as Restart[], restarts, slower.get(job) ?? 0, prng);
    },
    () => ms,
    MINUTES_MAX * 60_000,
  );
  return { standings, ms };
}

/** The shares of runs that fail, pass and stay unsure, and the longest. */
async function shares(runs: number, seed: number, slower: ReadonlyMap<string, number>) {
  const verdicts = { fails: 0, passes: 0, unsure: 0 };
  let msMax = 0;
  for (let run = 0; run < runs; run++) {
    const { standings, ms } = await simulate(seed + run, slower);
    verdicts[verdictOfAll(standings)]++;
    msMax = Math.max(msMax, ms);
  }
  return {
    fails: verdicts.fails / runs,
    passes: verdicts.passes / runs,
    unsure: verdicts.unsure / runs,
    minutesMax: msMax / 60_000,
  };
}
const started = performance.now();
console.log("AA", await shares(RUNS, SEED, new Map()));
for (const job of jobs)
  console.log(
    job,
    restartsOf(records[job] as Record).length,
    (records[job] as Record).seconds,
    await shares(100, SEED, new Map([[job, 0.05]])),
  );
console.log(performance.now() - started);
