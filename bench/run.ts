// `bun run bench`: the throughput of millrace against its baseline, its ceiling and Bun's own server. Rounds are in measure/rounds.ts, the
// arms in measure/arms.ts, the reading of the figures in measure/report.ts. Prints Markdown; the raw rounds go to bench/results.

import { join } from "node:path";
import { parseArgs } from "node:util";

import { type Arm, ARMS, armsNamed, type JobName, OURS } from "./measure/arms.ts";
import { type IdleResult, measureIdle } from "./measure/idle.ts";
import { describeMachine } from "./measure/machine.ts";
import { reportOf, type Results } from "./measure/report.ts";
import { compare, type Comparison, type Extent, type LoadJob } from "./measure/rounds.ts";
import { verifyArms } from "./measure/verify.ts";

const JOBS: readonly JobName[] = ["http", "http16", "echo", "idle"];
/** Descriptors that a process needs beside its connections. */
const SPARE_FILES = 500;

const USAGE = `usage: bun run bench [options]

  --quick           a smoke run of under a minute: no figure of it counts
  --jobs a,b        of ${JOBS.join(", ")} (default: all)
  --arms a,b        of ${ARMS.map(({ name }) => name).join(", ")} (default: all); ours always runs
  --restarts n      fresh processes for each pair of arms (default 5)
  --burst-ms n      ms of a burst (default 2000)
  --sequences n     A B B A sequences a restart (default 1); on a busy machine many short bursts tell more: 10 of 200 ms
  --connections n   of a load job (default 64)
  --idle n          connections of the idle job (default 10000)
  --rate n          requests a second offered, instead of a closed loop
  --no-control      without the A/A control`;

interface Settings extends Extent {
  readonly jobs: readonly JobName[];
  readonly arms: readonly Arm[];
  readonly idle: number;
  readonly control: boolean;
}

function settingsOf(args: string[]): Settings | null {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      quick: flag,
      help: flag,
      jobs: text,
      arms: text,
      restarts: text,
      "burst-ms": text,
      sequences: text,
      connections: text,
      idle: text,
      rate: text,
      control: { type: "boolean", default: true },
    },
  });
  if (values.help) return null;
  const { quick } = values;
  return {
    jobs: jobsNamed(listOf(values.jobs)),
    arms: armsNamed(listOf(values.arms)).filter((arm) => arm !== OURS),
    restarts: countOf(values.restarts, quick ? 1 : 5, 1, 100),
    warmMs: quick ? 200 : 1_500,
    burstMs: countOf(values["burst-ms"], quick ? 150 : 2_000, 1, 60_000),
    sequences: countOf(values.sequences, 1, 1, 100),
    connections: countOf(values.connections, 64, 1, 10_000),
    idle: Math.min(countOf(values.idle, quick ? 1_000 : 10_000, 100, 25_000), openFilesMax() - SPARE_FILES),
    rate: countOf(values.rate, 0, 0, 10_000_000),
    control: values.control,
  };
}

function listOf(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(",").map((name) => name.trim());
}

function jobsNamed(names: readonly string[]): readonly JobName[] {
  const unknown = names.find((name) => !(JOBS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new RangeError(`Cannot run the job ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? JOBS : JOBS.filter((job) => names.includes(job));
}

function countOf(value: string | undefined, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  const count = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(count >= min && count <= max))
    throw new RangeError(`Cannot use ${JSON.stringify(value)}: expected a whole number from ${min} to ${max}`);
  return count;
}

/** The hard limit of open files: Bun raises the soft one to it. */
function openFilesMax(): number {
  const { stdout } = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]);
  const limit = Number(stdout.toString().trim());
  return Number.isSafeInteger(limit) ? limit : Number.MAX_SAFE_INTEGER;
}

/** Ours against each arm, ours against itself, and, for echo, the baseline against the ceiling, which says whether the baseline is any good. */
function pairsOf(job: LoadJob, settings: Settings): [Arm, Arm][] {
  const arms = settings.arms.filter((arm) => arm.jobs.includes(job));
  const pairs = arms.map((arm): [Arm, Arm] => [OURS, arm]);
  const baseline = arms.find(({ name }) => name === "async-await");
  const ceiling = arms.find(({ name }) => name === "raw");
  if (job === "echo" && baseline !== undefined && ceiling !== undefined) pairs.push([baseline, ceiling]);
  if (settings.control) pairs.push([OURS, OURS]);
  return pairs;
}

async function measure(settings: Settings): Promise<Pick<Results, "comparisons" | "idle">> {
  const comparisons: Comparison[] = [];
  let idle: IdleResult[] = [];
  progress("all arms answer alike");
  await verifyArms(settings.arms);
  for (const job of settings.jobs) {
    if (job === "idle") {
      const arms = [OURS, ...settings.arms.filter((arm) => arm.jobs.includes(job))];
      idle = await measureIdle(arms, settings.idle, Math.min(settings.restarts, 3), progress);
      continue;
    }
    for (const [a, b] of pairsOf(job, settings)) comparisons.push(await compare(job, a, b, settings, progress));
  }
  return { comparisons, idle };
}

function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

const settings = settingsOf(process.argv.slice(2));
if (settings === null) {
  console.log(USAGE);
  process.exit(0);
}
const machine = describeMachine();
const startedAt = new Date().toISOString();
const options = { ...settings, arms: settings.arms.map(({ name }) => name) };
const results: Results = { machine, startedAt, options, ...(await measure(settings)) };
const file = join(import.meta.dir, "results", `${startedAt.replaceAll(/[:.]/g, "-")}.json`);
await Bun.write(file, `${JSON.stringify(results, null, 1)}\n`);
console.log(reportOf(results));
