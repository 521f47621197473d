// `bun run bench`: the throughput of millrace against its baseline, its ceiling and Bun's own server. Rounds are in measure/rounds.ts, the
// arms in measure/arms.ts, the reading of the figures in report/. Prints Markdown; the raw rounds go to bench/results.

import { parseArgs } from "node:util";

import { type Arm, ARMS, armNamed, armsNamed } from "./measure/arms.ts";
import { commandLine, countOf, listOf, openFilesMax } from "./measure/flags.ts";
import { type IdleResult, measureIdle } from "./measure/idle.ts";
import { type Job, JOBS, jobsNamed } from "./measure/jobs.ts";
import { describeMachine } from "./measure/machine.ts";
import { type Results, saveResults } from "./measure/results.ts";
import { compareAll, type Comparison, type Extent } from "./measure/rounds.ts";
import { startServices } from "./measure/services.ts";
import { verifyJobs } from "./measure/verify.ts";
import { buildReport } from "./report/build.ts";
import { markdownOf } from "./report/markdown.ts";

/** Descriptors that a process needs beside its connections. */
const SPARE_FILES = 500;

const USAGE = `usage: bun run bench [options]

  --quick           a smoke run of half a minute, without controls: no figure of it counts
  --jobs a,b        of ${JOBS.map(({ name }) => name).join(", ")} (default: all)
  --arms a,b        of ${ARMS.map(({ name }) => name).join(", ")} (default: all);
                    the first arm of a job always runs
  --restarts n      rounds with fresh processes of all arms of a job (default 2; a claim needs 5 or more)
  --burst-ms n      ms of a burst (default 60); many short ones tell more than a few long ones
  --sequences n     A B B A sequences of each pair of arms in a round (default 2; a claim needs 8 or more)
  --connections n   of a load job (default 64)
  --idle n          connections of the idle job (default 10000)
  --rate n          requests a second offered, instead of a closed loop
  --no-control      without the A/A control`;

interface Settings extends Extent {
  readonly jobs: readonly Job[];
  readonly arms: readonly Arm[];
  readonly idle: number;
  readonly settles: number;
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
    arms: armsNamed(listOf(values.arms)),
    restarts: countOf(values.restarts, quick ? 1 : 2, 1, 100),
    warmMs: quick ? 40 : 400,
    burstMs: countOf(values["burst-ms"], quick ? 20 : 60, 1, 60_000),
    sequences: countOf(values.sequences, quick ? 1 : 2, 1, 100),
    connections: countOf(values.connections, 64, 1, 10_000),
    idle: Math.min(countOf(values.idle, quick ? 1_000 : 10_000, 100, 25_000), openFilesMax() - SPARE_FILES),
    settles: quick ? 1 : 3,
    rate: countOf(values.rate, 0, 0, 10_000_000),
    control: values.control && !quick,
  };
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

async function measure(settings: Settings): Promise<Pick<Results, "comparisons" | "idle">> {
  const comparisons: Comparison[] = [];
  let idle: IdleResult[] = [];
  await using services = await startServices(settings.jobs);
  progress("all arms answer alike");
  await verifyJobs(settings.jobs, settings.arms, services.flags);
  for (const job of settings.jobs) {
    if (job.load === "idle") {
      idle = await measureIdle(
        armsOf(job, settings),
        settings.idle,
        Math.min(settings.restarts, 3),
        settings.settles,
        progress,
      );
      continue;
    }
    comparisons.push(
      ...(await compareAll(job, pairsOf(job, settings), { ...settings, serverFlags: services.flags }, progress)),
    );
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
const namesOf = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);
const options = { ...settings, jobs: namesOf(settings.jobs), arms: namesOf(settings.arms) };
const command = commandLine("bench");
const results: Results = { machine, startedAt, command, options, ...(await measure(settings)) };
await saveResults("", startedAt, results);
console.log(markdownOf(buildReport({ arms: [results], load: [], scale: [] })));
