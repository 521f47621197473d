// `bun run bench`: the throughput of millrace against its baseline, its ceiling and Bun's own server. Rounds are in measure/rounds.ts, the
// arms in measure/arms.ts, the reading of the figures in report/. Prints Markdown; the raw rounds go to bench/results.

import { type Arm, ARMS, armNamed, armsNamed } from "./measure/arms.ts";
import { type Progress, runBench } from "./measure/command.ts";
import { countOf, listOf } from "./measure/flags.ts";
import { frozenFingerprint } from "./measure/frozen.ts";
import { type Job, JOBS, jobsNamed } from "./measure/jobs.ts";
import type { Results } from "./measure/results.ts";
import { compareAll, type Comparison, type Extent, secondsOfRounds } from "./measure/rounds.ts";
import { startServices } from "./measure/services.ts";
import { verifyJobs } from "./measure/verify.ts";
import { buildReport } from "./report/build.ts";
import { markdownOf } from "./report/markdown.ts";

const USAGE = `usage: bun run bench [options]

  --quick           a smoke run of half a minute, without controls: no figure of it counts
  --jobs a,b        of ${JOBS.map(({ name }) => name).join(", ")} (default: all)
  --arms a,b        of ${ARMS.map(({ name }) => name).join(", ")} (default: all);
                    the first arm of a job always runs
  --restarts n      rounds with fresh processes of all arms of a job (default 2; a claim needs 5 or more)
  --burst-ms n      ms of a burst (default 60); many short ones tell more than a few long ones
  --sequences n     A B B A sequences of each pair of arms in a round (default 2; a claim needs 8 or more)
  --connections n   (default 64)
  --rate n          requests a second offered, instead of a closed loop
  --no-control      without the A/A control`;

interface Settings extends Extent {
  readonly jobs: readonly Job[];
  readonly arms: readonly Arm[];
  readonly control: boolean;
}

/** The first arm of a job and those of its others that were asked for. */
function armsOf(job: Job, settings: Settings): [Arm, ...Arm[]] {
  const [first, ...others] = job.arms;
  return [armNamed(first), ...settings.arms.filter(({ name }) => others.includes(name))];
}

/** The first arm against each other, against itself, and, for echo, the baseline against the ceiling: it says whether the baseline is any good. */
function pairsOf(job: Job, settings: Settings): [Arm, Arm][] {
  const [first, ...others] = armsOf(job, settings);
  const pairs = others.map((arm): [Arm, Arm] => [first, arm]);
  const baseline = others.find(({ name }) => name === "async-await");
  const ceiling = others.find(({ name }) => name === "raw");
  if (job.load === "echo" && baseline !== undefined && ceiling !== undefined) pairs.push([baseline, ceiling]);
  if (settings.control) pairs.push([first, first]);
  return pairs;
}

async function measure(settings: Settings, progress: Progress): Promise<Pick<Results, "comparisons" | "frozen">> {
  const comparisons: Comparison[] = [];
  await using services = await startServices(settings.jobs);
  progress("all arms answer alike");
  await verifyJobs(settings.jobs, settings.arms, services.flags);
  const extent = { ...settings, serverFlags: services.flags };
  for (const job of settings.jobs)
    comparisons.push(...(await compareAll(job, pairsOf(job, settings), extent, progress)));
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
  settingsOf: ({ quick, values, switches }): Settings => ({
    jobs: jobsNamed(listOf(values.jobs)),
    arms: armsNamed(listOf(values.arms)),
    restarts: countOf(values.restarts, quick ? 1 : 2, 1, 100),
    warmMs: quick ? 40 : 400,
    burstMs: countOf(values["burst-ms"], quick ? 20 : 60, 1, 60_000),
    sequences: countOf(values.sequences, quick ? 1 : 2, 1, 100),
    connections: countOf(values.connections, 64, 1, 10_000),
    rate: countOf(values.rate, 0, 0, 10_000_000),
    control: switches.control && !quick,
  }),
  optionsOf: (settings) => ({ ...settings, jobs: namesOf(settings.jobs), arms: namesOf(settings.arms) }),
  secondsOf: (settings) =>
    settings.jobs.reduce((sum, job) => sum + secondsOfRounds(pairsOf(job, settings), settings), 0),
  measure,
  reportOf: (results) => markdownOf(buildReport({ arms: [results] })),
});
