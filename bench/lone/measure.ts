// Two processes timed against each other without a kernel between: both are started and warmed, then samples of a few milliseconds are taken in
// the order A B B A. Whatever else the machine does meets both alike, as both are bound to one core by then: two cores are not equally
// disturbed. Which of them starts first alternates from restart to restart, and restarts matter more than samples: two processes of the
// very same code differ by more than two samples of one.

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

import { Child } from "../measure/processes.ts";
import { type CountCommand, READY, RUN_IN_SHARE, type Sample, type SampleCommand } from "./child.ts";
import type { Counts, SideName } from "./shared/job.ts";

/** What one of the two processes runs. */
export interface LoneArm {
  /** Root of the source tree that it runs from. */
  readonly tree: string;
  readonly job: string;
  readonly side: SideName;
}

/** How much is measured in a restart. */
export interface LoneExtent {
  /** Ms that each process runs before it is timed: the compilers work beside it and need their time. */
  readonly warmMs: number;
  readonly sampleMs: number;
  /** A B B A sequences: two pairs each. */
  readonly sequences: number;
}

/** The samples of one restart, those of equal index being a pair. */
export interface LoneRestart {
  readonly a: readonly Sample[];
  readonly b: readonly Sample[];
}

/** Ms after which the slowest job to warm up has reached its speed. */
export const LONE_WARM_MS = 800;

/** The root of the tree that this bench belongs to. */
export const OWN_TREE: string = join(import.meta.dir, "..", "..");

const BENCH = join(OWN_TREE, "bench");
const READY_MS_MAX = 20_000;
const SAMPLE_EXTRA_MS_MAX = 20_000;
const WARM_SLICE_MS = 100;
const COUNTED_ROUNDS = 50;

/** Measures one restart; `restart` decides who is first. @throws Error when a side cannot run, or an answer is missing. */
export async function measureRestart(
  a: LoneArm,
  b: LoneArm,
  extent: LoneExtent,
  restart: number,
): Promise<LoneRestart> {
  await using first = await open(restart % 2 === 0 ? a : b);
  await using second = await open(restart % 2 === 0 ? b : a);
  const slice = Math.min(WARM_SLICE_MS, extent.warmMs) / (1 + RUN_IN_SHARE);
  for (let warmed = 0; warmed < extent.warmMs; warmed += WARM_SLICE_MS)
    for (const child of [first, second]) await sample(child, slice);
  for (const { pid } of [first, second]) bindToLastCore(pid);
  const [childA, childB] = restart % 2 === 0 ? [first, second] : [second, first];
  const results: { a: Sample[]; b: Sample[] } = { a: [], b: [] };
  for (let i = 0; i < extent.sequences; i++)
    for (const side of ["a", "b", "b", "a"] as const)
      results[side].push(await sample(side === "a" ? childA : childB, extent.sampleMs));
  return results;
}

/** Binds the main thread; the collector's and the compilers' stay where they are. Without `taskset` (util-linux) the figures are noisier, no more. */
function bindToLastCore(pid: number): void {
  if (Bun.which("taskset") === null) return;
  const status = readFileSync("/proc/self/status", "latin1");
  const cores = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "0";
  Bun.spawnSync(["taskset", "-cp", cores.split(/[-,]/).at(-1) as string, String(pid)]);
}

/** What an operation of `arm` does, in exact numbers. @throws Error when it cannot run. */
export async function countOperation(arm: LoneArm): Promise<Counts> {
  await using child = await open(arm);
  const command: CountCommand = { rounds: COUNTED_ROUNDS };
  return await child.ask<Counts>(command, SAMPLE_EXTRA_MS_MAX, "count an operation");
}

/** Starts the process of `arm` and waits until its answers have been checked. */
async function open({ tree, job, side }: LoneArm): Promise<Child> {
  const child = new Child(relative(BENCH, join(tree, "bench", "lone", "child.ts")), [job, side]);
  const what = `run ${job} (${side}) without a kernel`;
  const line = await child.line(READY_MS_MAX, what);
  if (line === READY) return child;
  await child[Symbol.asyncDispose]();
  throw new Error(`Cannot ${what}: ${line}`);
}

function sample(child: Child, ms: number): Promise<Sample> {
  const command: SampleCommand = { ms };
  return child.ask<Sample>(command, ms + SAMPLE_EXTRA_MS_MAX, "take a sample");
}
