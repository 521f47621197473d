// `bun run bench`: the throughput of millrace against its baseline, its ceiling and Bun's own server. Rounds are in measure/rounds.ts, the
// arms in measure/arms.ts, the reading of the figures in report/. Prints Markdown; the raw rounds go to bench/results.

import { type Arm, ARMS, armsNamed } from "./measure/arms.ts";
import { type Progress, runBench } from "./measure/command.ts";
import { countOf, listOf } from "./measure/flags.ts";
import { frozenFingerprint } from "./measure/frozen.ts";
import { type Job, JOBS, jobsNamed } from "./measure/jobs.ts";
import { FULL_EXTENT, pairsOf, QUICK_EXTENT, secondsOf } from "./measure/plan.ts";
import type { Results } from "./measure/results.ts";
import { compareAll, type Comparison, type Extent } from "./measure/rounds.ts";
import { startServices } from "./measure/services.ts";
import { verifyJobs } from "./measure/verify.ts";
import { buildReport } from "./report/build.ts";
import { markdownOf } from "./report/markdown.ts";

const USAGE = `usage: bun run bench [options]

  --quick           a smoke run of half a minute, without controls: no figure of it counts
  --jobs a,b        of ${JOBS.map(({ name }) => name).join(", ")} (default: all)
  --arms a,b        of ${ARMS.map(({ name }) => name).join(", ")} (default: all);
                    the first arm of a job always runs
  --restarts n      rounds with fresh processes of all arms of a job (default ${FULL_EXTENT.restarts}; a claim needs 5 or more)
  --burst-ms n      ms of a burst (default ${FULL_EXTENT.burstMs}); many short ones tell more than a few long ones
  --sequences n     A B B A sequences of each pair of arms in a round (default ${FULL_EXTENT.sequences}; a claim needs 8 or more)
  --connections n   (default 64)
  --rate n          requests a second offered, instead of a closed loop
  --no-control      without the A/A control`;

interface Settings extends Extent {
  readonly jobs: readonly Job[];
  readonly arms: readonly Arm[];
  readonly control: boolean;
}

async function measure(settings: Settings, progress: Progress): Promise<Pick<Results, "comparisons" | "frozen">> {
  const comparisons: Comparison[] = [];
  await using services = await startServices(settings.jobs);
  progress("all arms answer alike");
  await verifyJobs(settings.jobs, settings.arms, services.flags);
  const extent = { ...settings, serverFlags: services.flags };
  for (const job of settings.jobs)
    comparisons.push(...(await compareAll(job, pairsOf(job, settings.arms, settings.control), extent, progress)));
  return { comparisons, frozen: await frozenFingerprint() };
}

const namesOf = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);

await runBench({
  script: "bench",
  usage: USAGE,
  flags: {
    names: ["jobs", "arms", "restarts", "burst-ms", "sequences", "connections", "rate"],
    switches: ["control"],
  },
  settingsOf: ({ quick, values, switches }): Settings => {
    const extent = quick ? QUICK_EXTENT : FULL_EXTENT;
    return {
      jobs: jobsNamed(listOf(values.jobs)),
      arms: armsNamed(listOf(values.arms)),
      restarts: countOf(values.restarts, extent.restarts, 1, 100),
      warmMs: extent.warmMs,
      burstMs: countOf(values["burst-ms"], extent.burstMs, 1, 60_000),
      sequences: countOf(values.sequences, extent.sequences, 1, 100),
      connections: countOf(values.connections, extent.connections, 1, 10_000),
      rate: countOf(values.rate, extent.rate, 0, 10_000_000),
      control: switches.control && !quick,
    };
  },
  optionsOf: (settings) => ({ ...settings, jobs: namesOf(settings.jobs), arms: namesOf(settings.arms) }),
  secondsOf: (settings) => secondsOf(settings.jobs, settings.arms, settings.control, settings),
  measure,
  reportOf: (results) => markdownOf(buildReport({ arms: [results] })),
});
