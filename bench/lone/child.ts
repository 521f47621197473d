// One side of one job in a process of its own, because the engine's type profiles of one pollute the other. It takes a line of JSON for each
// sample and answers with what it measured, so that two such processes can be timed in turns of a few milliseconds.
// `bun bench/lone/child.ts echo ours`, then lines such as `{"ms": 10}`.

import { runCommands } from "../load/shared/program.ts";
import { loadJob } from "./jobs.ts";
import type { Side, SideName } from "./shared/job.ts";

/** The first line of a child whose side is set up; any other first line says why it is not. */
export const READY = "ready";

/** How long a sample runs at least. */
export interface SampleCommand {
  readonly ms: number;
}

/** What a sample gives. */
export interface Sample {
  /** CPU nanoseconds an operation, of all threads: the collector's and the compilers' work is part of the price. */
  readonly ns: number;
  readonly operations: number;
}

/** Sets up a side. @throws Error when the job has no such side, or answers wrongly. */
export async function openSide(jobName: string, sideName: SideName): Promise<Side> {
  const job = await loadJob(jobName);
  const make = job.make[sideName];
  if (make === null) throw new Error(`Cannot run the ${sideName} of ${jobName}: there is none`);
  return make();
}

/** Runs rounds for `ms`. @throws Error when an operation was not answered. */
export function takeSample(side: Side, { ms }: SampleCommand): Sample {
  let rounds = 0;
  const end = performance.now() + ms;
  const before = process.cpuUsage();
  do {
    side.round();
    rounds++;
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(before);
  side.check();
  const operations = rounds * side.operations;
  return { ns: ((user + system) * 1000) / operations, operations };
}

if (import.meta.main) {
  const [jobName = "", sideName = "ours"] = process.argv.slice(2);
  try {
    const side = await openSide(jobName, sideName as SideName);
    console.log(READY);
    await runCommands(async (command: SampleCommand) => takeSample(side, command));
  } catch (error) {
    // One line, to whoever started this: a source tree may lack what the job imports.
    console.log(String((error as Error).message).replaceAll(/\s+/g, " "));
    process.exit(1);
  }
}
