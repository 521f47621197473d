// One run of the gate: looks which jobs both trees can run, compares the exact counts, then measures what the plan asks for until it is done or
// the time is up.

import { describeMachine } from "../measure/machine.ts";
import { type CountChange, countChanges, isWorse } from "./counts.ts";
import type { GateJob, Roots } from "./jobs.ts";
import { followPlan, type Standing, verdictOfAll } from "./plan.ts";
import type { Outcome, Skipped } from "./report.ts";
import type { Trees } from "./trees.ts";

/** How a gate is run. */
export interface GateOptions {
  readonly jobs: readonly GateJob[];
  /** Minutes that it may take in all, counted from `startedAt` (ms of `performance.now()`). */
  readonly minutesMax: number;
  readonly startedAt: number;
  /** Only see that everything runs, and compare the counts. */
  readonly quick: boolean;
  readonly progress: (text: string) => void;
}

/** Kept back for stopping the last processes and writing the report. */
const SPARE_MS = 5_000;

/** Runs the gate. @throws Error when head cannot run a job, or the base none of a layer. */
export async function runGate(trees: Trees, options: GateOptions): Promise<Outcome> {
  const { jobs, progress, startedAt } = options;
  const machine = describeMachine();
  const skipped: Skipped[] = [];
  const counts: CountChange[] = [];
  const able: GateJob[] = [];
  for (const job of jobs) {
    progress(`${job.name}: does it run in both`);
    const reason = await whyNot(job, trees);
    if (reason !== null) skipped.push({ job: job.name, reason });
    else able.push(job);
    if (reason === null && job.layer === "lone") counts.push(...(await countChanges(job.name.slice(5), trees)));
  }
  for (const layer of new Set(jobs.map((job) => job.layer)))
    if (!able.some((job) => job.layer === layer))
      throw new Error(
        `Cannot compare on the layer ${layer}: ${skipped.find(({ job }) => job.startsWith(layer))?.reason}`,
      );
  const standings = options.quick ? [] : await measure(able, trees, options);
  const verdict = counts.some(isWorse) ? "fails" : verdictOfAll(standings);
  const minutes = (performance.now() - startedAt) / 60_000;
  const { headName, baseName } = trees;
  const names = { headName, baseName, able: able.map(({ name }) => name) };
  return { ...names, machine, standings, counts, skipped, verdict, minutes, quick: options.quick };
}

/** Why the base cannot run a job; `null` when it can. @throws Error when head cannot. */
async function whyNot(job: GateJob, { head, base }: Roots): Promise<string | null> {
  await job.measure({ head, base: head }, 1, "smoke");
  try {
    await job.measure({ head, base }, 1, "smoke");
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function measure(jobs: readonly GateJob[], trees: Trees, options: GateOptions): Promise<Standing[]> {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  return followPlan(
    [...byName.keys()],
    async ({ job: name, restarts }) => {
      const job = byName.get(name) as GateJob;
      const minutes = (performance.now() - options.startedAt) / 60_000;
      options.progress(
        `${minutes.toFixed(1)} of at most ${options.minutesMax} minutes: ${name}, ${restarts} more restarts`,
      );
      return (await job.measure(trees, restarts, "full")).map(job.valueOf);
    },
    () => performance.now(),
    options.startedAt + options.minutesMax * 60_000 - SPARE_MS,
  );
}
