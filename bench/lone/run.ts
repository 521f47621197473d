// `bun run bench:lone [--quick] [--restarts n] [jobs]`: what our own code costs an operation when there is no kernel, beside its twin in
// async/await where it has one: CPU time of all threads, the collector's too, and beside it the ratio in quiet moments. The floor is what the
// bench itself costs on top, with a callback that throws the bytes back; the ratio above it is that of the rest. Nothing is asserted. The gate
// compares two versions of ours in their quiet moments.

import { type Progress, runBench } from "../measure/command.ts";
import { countOf } from "../measure/flags.ts";
import { describeSession } from "../measure/session.ts";
import { type Estimate, estimate, median, pairRatios } from "../measure/statistics.ts";
import type { Sample } from "./child.ts";
import { loadJob, LONE_JOBS } from "./jobs.ts";
import { LONE_WARM_MS, type LoneArm, type LoneExtent, type LoneRestart, measureRestart, OWN_TREE } from "./measure.ts";
import type { LoneJob, SideName } from "./shared/job.ts";

const USAGE = `usage: bun run bench:lone [options] [jobs]

  --quick       a smoke run: no figure of it counts
  --restarts n  pairs of fresh processes a job (default 5)
  jobs          of ${LONE_JOBS.join(", ")} (default: all)`;

const FULL: LoneExtent = { warmMs: LONE_WARM_MS, sampleMs: 50, sequences: 5 };
const QUICK: LoneExtent = { warmMs: 20, sampleMs: 2, sequences: 1 };

interface Result {
  readonly job: LoneJob;
  /** Ours against the twin; against itself where there is none. */
  readonly restarts: readonly LoneRestart[];
  /** Nanoseconds an operation of the bench itself; 0 where there is nothing to tell. */
  readonly floorNs: number;
}

async function measureJob(name: string, restarts: number, extent: LoneExtent, progress: Progress): Promise<Result> {
  const job = await loadJob(name);
  const arm = (side: SideName): LoneArm => ({ tree: OWN_TREE, job: name, side });
  const other = job.make.twin === null ? "ours" : "twin";
  const measured: LoneRestart[] = [];
  for (let restart = 0; restart < restarts; restart++) {
    progress(`${name}, restart ${restart + 1} of ${restarts}`);
    measured.push(await measureRestart(arm("ours"), arm(other), extent, restart));
  }
  if (job.make.floor === null) return { job, restarts: measured, floorNs: 0 };
  const floors = await measureRestart(arm("floor"), arm("floor"), extent, 0);
  return { job, restarts: measured, floorNs: median(cpuOf([...floors.a, ...floors.b])) };
}

function row({ job, restarts, floorNs }: Result): string {
  const ours = median(restarts.flatMap(({ a }) => cpuOf(a))).toFixed(1);
  const floor = floorNs === 0 ? "" : floorNs.toFixed(1);
  if (job.make.twin === null) return `| ${[job.name, ours, "", "", "", "", floor, "", job.about].join(" | ")} |`;
  const twin = median(restarts.flatMap(({ b }) => cpuOf(b))).toFixed(1);
  const ratioBy = (read: (samples: readonly Sample[]) => number[]): Estimate =>
    estimate(restarts.map(({ a, b }) => pairRatios(read(a), read(b))));
  const ratio = ratioBy(cpuOf);
  const quiet = ratioBy((samples) => samples.map(({ quietNs }) => quietNs)).median.toFixed(3);
  const above = ratioBy((samples) => cpuOf(samples).map((ns) => ns - floorNs)).median.toFixed(3);
  const cells = [job.name, ours, twin, ratio.median.toFixed(3), interval(ratio), quiet, floor, above, job.about];
  return `| ${cells.join(" | ")} |`;
}

const cpuOf = (samples: readonly Sample[]): number[] => samples.map(({ cpuNs }) => cpuNs);
const interval = ({ low, high }: Estimate): string => `${low.toFixed(3)}-${high.toFixed(3)}`;

function tableOf(results: readonly Result[]): string {
  return [
    "| job | ours, ns | twin, ns | ours/twin | 95 % | quiet | floor, ns | above it | one operation |",
    "| --- | ---: | ---: | ---: | :---: | ---: | ---: | ---: | --- |",
    ...results.map(row),
  ].join("\n");
}

await runBench({
  script: "bench:lone",
  usage: USAGE,
  flags: { names: ["restarts"], words: true },
  settingsOf: ({ quick, values, words }) => ({
    jobs: words.length === 0 ? LONE_JOBS : words,
    restarts: countOf(values.restarts, quick ? 1 : 5, 1, 100),
    quick,
  }),
  optionsOf: (settings) => settings,
  measure: async ({ jobs, restarts, quick }, progress) => {
    const results: Result[] = [];
    for (const name of jobs) results.push(await measureJob(name, restarts, quick ? QUICK : FULL, progress));
    return { results };
  },
  reportOf: (session) => `${describeSession(session)}\n\n${tableOf(session.results)}`,
});
