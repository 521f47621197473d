// `bun run bench:profile <job>`: which functions of an arm the time goes to while it serves a job. Says where to look, not how fast it is: the
// profiler itself costs time. The profile opens in the developer tools of a browser.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { ARMS, armNamed } from "./measure/arms.ts";
import { countOf } from "./measure/flags.ts";
import { type Job, JOBS, jobsNamed } from "./measure/jobs.ts";
import type { HotFunction } from "./profile/hot-functions.ts";
import { profileArm, type Profiled } from "./profile/profile.ts";
import { percent, whole } from "./report/words.ts";

const USAGE = `usage: bun run bench:profile [options] <job>

The job is one of ${JOBS.map(({ name }) => name).join(", ")}.

  --arm name        one of ${ARMS.map(({ name }) => name).join(", ")} (default: the first arm of the job)
  --ms n            how long (default 5000)
  --quick           a smoke run: 200 ms
  --connections n   open at once (default 64)
  --interval-us n   from sample to sample (default 250)
  --top n           functions that are shown of each kind (default 30)`;

/** Does what the command line says. @throws Error for a job or an arm that is none, or one that cannot be profiled. */
async function start(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      arm: { type: "string" },
      ms: { type: "string" },
      quick: { type: "boolean", default: false },
      connections: { type: "string" },
      "interval-us": { type: "string" },
      top: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (positionals.length !== 1) throw new Error(`Cannot profile ${positionals.length} jobs: expected the name of one`);
  const job = jobsNamed(positionals)[0] as Job;
  const arm = armNamed(values.arm ?? job.arms[0]);
  const ms = countOf(values.ms, values.quick ? 200 : 5_000, 1, 60_000);
  const extent = {
    connections: countOf(values.connections, 64, 1, 10_000),
    warmMs: Math.min(ms, 1_500),
    ms,
    intervalUs: countOf(values["interval-us"], 250, 50, 100_000),
  };
  const top = countOf(values.top, 30, 1, 10_000);
  const profiled = await profileArm(job, arm, extent, mkdtempSync(join(tmpdir(), "millrace-profile-")));
  console.log(told(`${job.name} on ${arm.name}`, profiled, top));
}

function told(what: string, { file, burst, hot }: Profiled, top: number): string {
  const { answers, wallNs, serverCpuNs } = burst;
  const native = hot.functions.filter(({ owner }) => owner === "native");
  const code = hot.functions.filter(({ owner }) => owner !== "native");
  return [
    `${what}: ${whole(answers)} answers in ${(wallNs / 1e9).toFixed(1)} s, server ${percent(serverCpuNs / wallNs)} busy`,
    `${whole(hot.samples)} samples: JavaScript and what it calls ran for about ${percent(hot.runningShare)} of the time`,
    ...listOf("JavaScript", code, top),
    ...listOf("native code that it calls", native, top),
    `\n${file}`,
  ].join("\n");
}

/** The functions of a kind by self time, as shares of that kind. */
function listOf(kind: string, functions: readonly HotFunction[], top: number): string[] {
  const all = functions.reduce((sum, { share }) => sum + share, 0);
  return [
    `\n${kind}: ${(all * 100).toFixed(1)} % of the samples, of which by self time`,
    ...functions.slice(0, top).map(({ share, name, where }) => {
      return `${((100 * share) / all).toFixed(1).padStart(6)} %  ${name}  ${where}`.trimEnd();
    }),
  ];
}

await start().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
