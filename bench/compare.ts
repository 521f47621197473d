// `bun run bench:compare --base <git ref>`: the regression gate. Compares the merge-base of `ref` and HEAD with the working tree, both on this machine
// and in this run, never with a number from elsewhere. The decision is in compare/plan.ts, what is measured in compare/jobs.ts, and the proof
// that it catches what it must in test/bench/gate.test.ts. Prints Markdown. Ends with 0 when nothing is slower, as far as could be
// told, 1 when something is, 2 when no comparison was possible.

import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { runGate } from "./compare/gate.ts";
import { GATE_JOBS, type GateJob, gateJobsNamed } from "./compare/jobs.ts";
import { addToRecords } from "./compare/recorded.ts";
import { reportOf } from "./compare/report.ts";
import { openSameTrees, openTrees, type Trees } from "./compare/trees.ts";
import { countOf, listOf } from "./measure/flags.ts";
import { saveResults } from "./measure/results.ts";

const USAGE = `usage: bun run bench:compare --base <git ref> [options]
       bun run bench:compare --self [options]

  --base ref      compares with the merge-base of ref and HEAD
  --self          compares the working tree with itself: an A/A run
  --jobs a,b      of ${GATE_JOBS.map(({ name }) => name).join(", ")};
                  a name alone stands for both layers (default: all)
  --quick         under a minute: that every job runs, and the exact counts; nothing is timed
  --minutes n     for the whole run (default 12); what is not decided by then is reported as unsure
  --summary file  appends the report to a file too
  --record n      with --self: measures n restarts of each job and adds them to compare/recorded, on which the proof
                  of the gate's power rests`;

const CANNOT = 2;

function progress(text: string): void {
  process.stderr.write(`compare: ${text}\n`);
}

async function record(jobs: readonly GateJob[], trees: Trees, restarts: number): Promise<void> {
  for (const job of jobs) {
    progress(`${job.name}: recording ${restarts} restarts`);
    const began = performance.now();
    const measured = await job.measure(trees, restarts, "full");
    await addToRecords(job.name, measured, (performance.now() - began) / 1000 / restarts);
  }
}

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    options: {
      base: text,
      jobs: text,
      minutes: text,
      summary: text,
      record: text,
      self: flag,
      quick: flag,
      help: flag,
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const startedAt = performance.now();
  const time = new Date().toISOString();
  if ((values.base === undefined) !== values.self)
    throw new TypeError("Cannot compare: one of --base and --self is needed");
  const jobs = gateJobsNamed(listOf(values.jobs));
  const minutesMax = countOf(values.minutes, 12, 1, 600);
  using trees = values.base === undefined ? openSameTrees() : openTrees(values.base);
  // Without these a signal would leave the trees behind.
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
    process.on(signal, () => {
      trees[Symbol.dispose]();
      process.exit(code);
    });
  if (values.record !== undefined) {
    await record(jobs, trees, countOf(values.record, 2, 2, 100));
    return 0;
  }
  const outcome = await runGate(trees, { jobs, minutesMax, startedAt, quick: values.quick, progress });
  const report = reportOf(outcome);
  console.log(report);
  if (values.summary !== undefined) appendFileSync(values.summary, report);
  if (!values.quick) await saveResults("compare", time, outcome);
  return outcome.verdict === "fails" ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = CANNOT;
}
