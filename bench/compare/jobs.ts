// What the gate measures, job by job, on two layers. A job knows how to measure some restarts of head against base; the plan says how many.
//
// What each layer can catch. End to end: what a server pays, the kernel included, which is 85 % of an echo and half of a small HTTP request: code
// of ours that got slower by a quarter may not show. Without a kernel: our own code alone, there 5 % are 5 % of it; what it does not see is
// the garbage that is collected (quiet moments are timed) and system calls that were not made before. Exact counts (counts.ts) see one more
// kernel write, resume or timer, and nothing else.

import { join } from "node:path";

import { compare, type Extent } from "../measure/rounds.ts";
import type { BurstResult } from "../load/shared/burst.ts";
import { type Arm, armNamed } from "../measure/arms.ts";
import { type Job, jobsNamed } from "../measure/jobs.ts";
import { LONE_JOBS } from "../lone/jobs.ts";
import { LONE_WARM_MS, type LoneArm, type LoneExtent, measureRestart } from "../lone/measure.ts";
import { medianOfPairs, ratioOfQuiet, type Restart } from "./restart.ts";
import { programIn } from "./trees.ts";

/** How much of everything: what counts, or only to see that it runs. */
export type Size = "full" | "smoke";

/** The two trees. */
export interface Roots {
  readonly head: string;
  readonly base: string;
}

/** One job of the gate. */
export interface GateJob {
  /** `lone http`, `wire echo`: the layer and the job. */
  readonly name: string;
  readonly layer: "lone" | "wire";
  /** Measures `count` restarts, an even number: who starts first alternates. @throws Error when a side cannot run. */
  measure(roots: Roots, count: number, size: Size): Promise<Restart[]>;
  /** The value of a restart. */
  valueOf(restart: Restart): number;
}

/** Jobs end to end that the gate runs: one for each path through the runtime that a server has. */
const WIRE_JOBS = ["echo", "line16", "http", "http16", "json", "post1k"];

/**
 * Jobs without a kernel that it leaves out. Two processes of one version differ by 6 % at `spawn`, mostly in what the compiler makes of it, and 40
 * restarts do not overcome that; `bun run bench:micro spawn` shows its cost beside the engine's own.
 */
const TOO_NOISY: ReadonlySet<string> = new Set(["spawn"]);

const LONE_EXTENTS: Readonly<Record<Size, LoneExtent>> = {
  full: { warmMs: LONE_WARM_MS, sampleMs: 10, sequences: 5 },
  smoke: { warmMs: 1, sampleMs: 1, sequences: 1 },
};

const WIRE_EXTENTS: Readonly<Record<Size, Omit<Extent, "restarts">>> = {
  full: { warmMs: 500, burstMs: 100, sequences: 5, connections: 64, rate: 0 },
  smoke: { warmMs: 4, burstMs: 5, sequences: 1, connections: 2, rate: 0 },
};

/** All jobs of the gate, those without a kernel first. */
export const GATE_JOBS: readonly GateJob[] = [
  ...LONE_JOBS.filter((name) => !TOO_NOISY.has(name)).map(loneJob),
  ...WIRE_JOBS.map((name) => wireJob(jobsNamed([name])[0] as Job)),
];

/** The jobs called `names`; a name without a layer stands for both. All without names. @throws RangeError for a name that is none. */
export function gateJobsNamed(names: readonly string[]): readonly GateJob[] {
  const isMeant = (name: string, job: GateJob): boolean => job.name === name || job.name === `${job.layer} ${name}`;
  const unknown = names.find((name) => !GATE_JOBS.some((job) => isMeant(name, job)));
  if (unknown !== undefined)
    throw new RangeError(`Cannot compare the job ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? GATE_JOBS : GATE_JOBS.filter((job) => names.some((name) => isMeant(name, job)));
}

function loneJob(job: string): GateJob {
  return {
    name: `lone ${job}`,
    layer: "lone",
    valueOf: ratioOfQuiet,
    async measure({ head, base }, count, size) {
      const armIn = (tree: string): LoneArm => ({ tree, job, side: "ours" });
      const restarts: Restart[] = [];
      for (let restart = 0; restart < count; restart++) {
        const { a, b } = await measureRestart(armIn(head), armIn(base), LONE_EXTENTS[size], restart);
        restarts.push({ head: a.map(({ quietNs }) => quietNs), base: b.map(({ quietNs }) => quietNs) });
      }
      return restarts;
    },
  };
}

function wireJob(job: Job): GateJob {
  return {
    name: `wire ${job.name}`,
    layer: "wire",
    valueOf: medianOfPairs,
    async measure({ head, base }, count, size) {
      for (const tree of [head, base]) await assertBundles(tree);
      const extent: Extent = { ...WIRE_EXTENTS[size], restarts: count };
      const { rounds } = await compare(job, armIn("head", head), armIn("base", base), extent, () => {});
      return rounds.map(({ a, b }) => ({ head: a.map(cpuNs), base: b.map(cpuNs) }));
    },
  };
}

const bundled = new Set<string>();

/** A server that lacks an import ends without a word that could be reported; the bundler says what is missing. @throws Error with that */
async function assertBundles(tree: string): Promise<void> {
  if (bundled.has(tree)) return;
  const entrypoint = join(tree, "bench", "servers", `${armNamed("generator").program}.ts`);
  const { success, logs } = await Bun.build({ entrypoints: [entrypoint], root: tree, target: "bun", throw: false });
  if (!success) throw new Error(`Cannot start the server: ${logs.map(({ message }) => message).join("; ")}`);
  bundled.add(tree);
}

/** Our arm, its program being the one of another tree. */
function armIn(name: string, tree: string): Arm {
  const ours = armNamed("generator");
  return { ...ours, name, program: programIn(tree, `bench/servers/${ours.program}`, "bench/servers") };
}

const cpuNs = ({ serverCpuNs, answers }: BurstResult): number => serverCpuNs / answers;
