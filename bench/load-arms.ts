// `bun run bench:load`: the arms under load, by three generators. What is measured is in measure/load.ts, how it is read in
// report/from-load.ts; `bun run load` loads a server that is already running. Prints Markdown; the raw rounds go to bench/results. Exit
// code 1 when an answer was wrong.

import { type Arm, ARMS, armNamed, armsNamed } from "./measure/arms.ts";
import { type Progress, runBench } from "./measure/command.ts";
import { countOf, listOf } from "./measure/flags.ts";
import { type Job, JOBS, jobsNamed } from "./measure/jobs.ts";
import {
  type Capacity,
  type GeneratorName,
  GENERATORS,
  isAllRight,
  type LoadExtent,
  type LoadResults,
  type OpenComparison,
  openLoop,
  saturate,
  type SaturationRuns,
} from "./measure/load.ts";
import { P99_AT_MOST } from "./measure/p99.ts";
import { startServices } from "./measure/services.ts";
import { verifyJobs } from "./measure/verify.ts";
import { buildReport } from "./report/build.ts";
import { markdownOf } from "./report/markdown.ts";

const DEFAULT_JOBS = ["http", "http16"];
const DEFAULT_ARMS = ["generator", "async-await", "raw", "bun-serve", "bun-static"];
const QUICK_ARMS = ["generator", "bun-serve"];
const SATURATING = ["autocannon", "wrk"] as const;

const USAGE = `usage: bun run bench:load [options]

  --quick             a smoke run of some seconds, of ${QUICK_ARMS.join(" and ")} only: no figure of it counts
  --jobs a,b          of ${JOBS.filter(isLoadable)
    .map(({ name }) => name)
    .join(", ")} (default: ${DEFAULT_JOBS.join(", ")})
  --arms a,b          of ${ARMS.map(({ name }) => name).join(", ")}
                      (default: ${DEFAULT_ARMS.join(", ")}, in the open loop those with a limit);
                      the first arm of a job always runs
  --generators a,b    of ${GENERATORS.join(", ")} (default: all); the open loop takes no job that sends requests ahead
  --restarts n        fresh processes of each arm, or pair of arms (default 3)
  --burst-ms n        ms at saturation (default 2000; wrk counts whole seconds)
  --open-burst-ms n   ms of a burst of the open loop (default 50)
  --sequences n       A B B A sequences of the open loop a restart (default 24)
  --connections n     (default 64)
  --no-control        without the first arm against itself in the open loop`;

interface Settings extends Omit<LoadExtent, "serverFlags"> {
  readonly jobs: readonly Job[];
  /** `null`: those of the defaults. */
  readonly arms: readonly Arm[] | null;
  readonly generators: readonly GeneratorName[];
  readonly quick: boolean;
  readonly control: boolean;
}

/** Whether all three generators can drive a job: one request, again and again. */
function isLoadable({ load, others }: Job): boolean {
  return load === "http" && others.length === 0;
}

/** @throws RangeError for a name that is none, or a job that is not loadable. */
function jobsOf(names: readonly string[], quick: boolean): readonly Job[] {
  const defaults = quick ? DEFAULT_JOBS.slice(0, 1) : DEFAULT_JOBS;
  const jobs = jobsNamed(names.length === 0 ? defaults : names);
  const other = jobs.find((job) => !isLoadable(job));
  if (other !== undefined)
    throw new RangeError(`Cannot load the job ${other.name}: it does not send one HTTP request again and again`);
  return jobs;
}

function generatorsNamed(names: readonly string[]): readonly GeneratorName[] {
  const unknown = names.find((name) => !GENERATORS.some((known) => known === name));
  if (unknown !== undefined)
    throw new RangeError(`Cannot use the generator ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? GENERATORS : GENERATORS.filter((name) => names.includes(name));
}

/** The first arm of a job, and of its others those that were asked for, or `defaults`. */
function armsOf(job: Job, settings: Settings, defaults: readonly string[]): [Arm, ...Arm[]] {
  const [first, ...others] = job.arms;
  const wanted = settings.arms?.map(({ name }) => name) ?? (settings.quick ? QUICK_ARMS : defaults);
  return [armNamed(first), ...others.filter((name) => wanted.includes(name)).map(armNamed)];
}

async function measure(
  settings: Settings,
  progress: Progress,
): Promise<Pick<LoadResults, "saturation" | "capacities" | "open">> {
  const saturation: SaturationRuns[] = [];
  const capacities: Capacity[] = [];
  const open: OpenComparison[] = [];
  await using services = await startServices(settings.jobs);
  const extent: LoadExtent = { ...settings, serverFlags: services.flags };
  progress("all arms answer alike");
  const used = new Set(settings.jobs.flatMap((job) => armsOf(job, settings, DEFAULT_ARMS)));
  await verifyJobs(settings.jobs, [...used], services.flags);
  const saturating = SATURATING.filter((name) => settings.generators.includes(name));
  for (const job of settings.jobs) {
    if (saturating.length > 0)
      saturation.push(...(await saturate(job, armsOf(job, settings, DEFAULT_ARMS), saturating, extent, progress)));
    if (job.pipelining > 1 || !settings.generators.includes("open-loop")) continue;
    const arms = armsOf(job, settings, Object.keys(P99_AT_MOST));
    const opened = await openLoop(job, arms, extent, settings.control, progress);
    capacities.push(...opened.capacities);
    open.push(...opened.open);
  }
  return { saturation, capacities, open };
}

const results = await runBench({
  script: "bench:load",
  usage: USAGE,
  flags: {
    names: ["jobs", "arms", "generators", "restarts", "burst-ms", "open-burst-ms", "sequences", "connections"],
    switches: ["control"],
  },
  settingsOf: ({ quick, values, switches }): Settings => {
    const arms = listOf(values.arms);
    return {
      jobs: jobsOf(listOf(values.jobs), quick),
      arms: arms.length === 0 ? null : armsNamed(arms),
      generators: generatorsNamed(listOf(values.generators)),
      quick,
      restarts: countOf(values.restarts, quick ? 1 : 3, 1, 100),
      warmMs: quick ? 100 : 1_000,
      burstMs: countOf(values["burst-ms"], quick ? 200 : 2_000, 1, 60_000),
      openBurstMs: countOf(values["open-burst-ms"], quick ? 20 : 50, 1, 60_000),
      sequences: countOf(values.sequences, quick ? 2 : 24, 1, 1_000),
      connections: countOf(values.connections, 64, 1, 10_000),
      control: switches.control && !quick,
    };
  },
  optionsOf: (settings) => ({
    ...settings,
    jobs: settings.jobs.map(({ name }) => name),
    arms: settings.arms?.map(({ name }) => name) ?? "default",
  }),
  measure,
  reportOf: (results) => markdownOf(buildReport({ load: [results] })),
});
if (results !== null && !isAllRight(results)) {
  console.error("Cannot count the run: answers were wrong, see the tables");
  process.exitCode = 1;
}
