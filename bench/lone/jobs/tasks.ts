// Jobs without connections: those of the micro benches whose cost every server pays. The bodies are the very same.

import { spawnBatch } from "../../micro/spawn.ts";
import type { MicroBench } from "../../micro/shared/bench.ts";
import { timeoutOperation } from "../../micro/timer.ts";
import type { LoneJob, Side } from "../shared/job.ts";

function job(name: string, about: string, bench: MicroBench): LoneJob {
  const ours = (): Side => {
    const { operations, body } = bench.make.ours("full");
    // The body runs all of them to their end or throws: nothing is left to check.
    return { operations, round: () => void body(), check: () => {}, counts: () => ({}) };
  };
  return { name, about, make: { ours, twin: null, floor: null } };
}

export const spawn: LoneJob = job("spawn", "a child of a scope of 1,000, joined at its exit", spawnBatch);
export const deadline: LoneJob = job("timeout", "a deadline around an operation that suspends once", timeoutOperation);
