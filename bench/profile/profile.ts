// An arm under Bun's CPU profiler, with the load of a job: warmed up first, so that the compiler's work is not in what is counted. The profile is
// written when the process ends; which part of it is the burst is told by the clock that both processes share.

import { join } from "node:path";

import type { BurstResult } from "../load/shared/burst.ts";
import type { Arm } from "../measure/arms.ts";
import { type Job, portFor } from "../measure/jobs.ts";
import { startServices } from "../measure/services.ts";
import { Generator, Server } from "../measure/processes.ts";
import { type CpuProfile, type HotFunctions, hotFunctions } from "./hot-functions.ts";

const ROOT = join(import.meta.dir, "..", "..");
const NAME = "arm.cpuprofile";
/** For a server to end and to write its profile. */
const END_MS_MAX = 30_000;

/** How much is profiled. */
export interface ProfileExtent {
  readonly connections: number;
  readonly warmMs: number;
  readonly ms: number;
  /** Microseconds from sample to sample. */
  readonly intervalUs: number;
}

/** What came of it. */
export interface Profiled {
  readonly file: string;
  readonly burst: BurstResult;
  readonly hot: HotFunctions;
}

/** Profiles an arm at a job; the profile is left in `folder`. @throws Error for an arm that does not serve the job. */
export async function profileArm(job: Job, arm: Arm, extent: ProfileExtent, folder: string): Promise<Profiled> {
  const file = join(folder, NAME);
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${NAME}`];
  await using services = await startServices([job]);
  await using generator = new Generator(job.load);
  await using server = await Server.start(arm, services.flags, [...flags, `--cpu-prof-interval=${extent.intervalUs}`]);
  const port = portFor(job, server.ports);
  if (port === 0) throw new Error(`Cannot profile the arm ${arm.name} at ${job.name}: it does not serve that`);
  const { request, others, pipelining } = job;
  const connections = Math.min(extent.connections, job.connectionsMax);
  const load = { port, serverPid: server.pid, connections, request, others, pipelining, rate: 0 };
  await generator.run({ ...load, ms: extent.warmMs });
  const fromUs = Date.now() * 1_000;
  const burst = await generator.run({ ...load, ms: extent.ms });
  const toUs = Date.now() * 1_000;
  await server.end(END_MS_MAX, `profile the arm ${arm.name}`);
  const profile = (await Bun.file(file).json()) as CpuProfile;
  return { file, burst, hot: hotFunctions(profile, { fromUs, toUs }, ROOT) };
}
