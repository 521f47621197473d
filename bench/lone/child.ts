// One side of one job in a process of its own, because the engine's type profiles of one pollute the other. It takes a line of JSON for each
// sample and answers with what it measured, so that two such processes can be timed in turns of a few milliseconds.
// `bun bench/lone/child.ts echo ours`, then lines such as `{"ms": 10}`.

import { runCommands } from "../load/shared/program.ts";
import { quantile } from "../measure/statistics.ts";
import { loadJob } from "./jobs.ts";
import type { Counts, Side, SideName } from "./shared/job.ts";

/** The first line of a child whose side is set up; any other first line says why it is not. */
export const READY = "ready";

/** Asks for a sample. */
export interface SampleCommand {
  /** How long it runs at least. */
  readonly ms: number;
}

/** Asks what an operation does, in exact numbers. */
export interface CountCommand {
  /** Rounds that are counted. */
  readonly rounds: number;
}

/** What a sample gives. */
export interface Sample {
  /**
   * Nanoseconds an operation in the quiet moments of the sample: the lower quartile of slices of a tenth of a millisecond. Collections of garbage
   * and other processes disturb fewer slices than that, so it tells two versions apart that differ by a few per cent.
   */
  readonly quietNs: number;
  /** CPU nanoseconds an operation over the whole sample, of all threads: the collector's and the compilers' work is in it. */
  readonly cpuNs: number;
  readonly operations: number;
}

const SLICE_NS = 100_000;
/** Part of a sample's length that is run before it and not timed: after the other side's sample the caches are cold and the heap is swept. */
export const RUN_IN_SHARE = 0.5;
const FIRST_ROUNDS = 10;

/** Sets up a side. @throws Error when the job has no such side, or answers wrongly. */
export async function openSide(jobName: string, sideName: SideName): Promise<Side> {
  const job = await loadJob(jobName);
  const make = job.make[sideName];
  if (make === null) throw new Error(`Cannot run the ${sideName} of ${jobName}: there is none`);
  return await make();
}

/** Runs in, then times rounds for `ms`, one slice at least. @throws Error when an operation was not answered. */
export function takeSample(side: Side, { ms }: SampleCommand): Sample {
  runFor(side, ms * RUN_IN_SHARE);
  const before = process.cpuUsage();
  const { slices, operations } = runFor(side, ms);
  const { user, system } = process.cpuUsage(before);
  side.check();
  return { quietNs: quantile(slices, 0.25), cpuNs: ((user + system) * 1000) / operations, operations };
}

function runFor(side: Side, ms: number): { slices: number[]; operations: number } {
  const slices: number[] = [];
  let operations = 0;
  let now = Bun.nanoseconds();
  for (const end = now + ms * 1e6; slices.length === 0 || now < end;) {
    const begin = now;
    let done = 0;
    do {
      side.round();
      done += side.operations;
      now = Bun.nanoseconds();
    } while (now - begin < SLICE_NS);
    slices.push((now - begin) / done);
    operations += done;
  }
  return { slices, operations };
}

/** Counts what an operation does, on average over so many rounds. */
export function countRounds(side: Side, { rounds }: CountCommand): Counts {
  // The first rounds arm timers and the like, once.
  for (let i = 0; i < FIRST_ROUNDS; i++) side.round();
  const before = side.counts();
  for (let i = 0; i < rounds; i++) side.round();
  const operations = rounds * side.operations;
  const each = Object.entries(side.counts()).map(([what, count]) => [what, (count - (before[what] ?? 0)) / operations]);
  return Object.fromEntries(each) as Counts;
}

if (import.meta.main) {
  const [jobName = "", sideName = "ours"] = process.argv.slice(2);
  try {
    const side = await openSide(jobName, sideName as SideName);
    console.log(READY);
    await runCommands(async (command: SampleCommand | CountCommand) =>
      "rounds" in command ? countRounds(side, command) : takeSample(side, command),
    );
  } catch (error) {
    // One line, to whoever started this: a source tree may lack what the job imports.
    console.log(String((error as Error).message).replaceAll(/\s+/g, " "));
    process.exit(1);
  }
}
