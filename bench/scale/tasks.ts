// Parked tasks: children of one scope that wait at a latch, against async functions that await one promise. The twin's functions are joined by
// nobody, which a scope's children are: Promise.all would cost the twin 150 bytes more each. Then the latch is opened, and the promise
// settled, and all run to their end. The scheduler is driven by hand, as in the micro benches: on Bun a pass of 256 steps is a setImmediate.

import { Latch } from "../../src/concurrency/latch.ts";
import { type Scope, scope } from "../../src/concurrency/scope.ts";
import type { Steps } from "../../src/core/operation.ts";
import { runOn } from "../../src/core/run.ts";
import { sleepForever } from "../../src/core/sleep.ts";
import type { SideName } from "../micro/shared/bench.ts";
import { createDriver } from "../micro/shared/driver.ts";
import type { CrowdMeasures } from "./crowd.ts";
import { bytesEach, readMemory } from "./memory.ts";

/** Tasks made in all, in as many crowds as it takes: a single one is over before a clock has moved. */
const TASKS_MIN = 10_000;
/** Crowds before the one that is measured. */
const WARM_TASKS = 20_000;

/** A crowd that stands still until it is told to go on. */
interface StandingCrowd {
  /** Tasks that wait. */
  readonly waiting: () => number;
  /** Makes all go on, to their end. */
  readonly finish: () => Promise<void>;
}

type MakeCrowd = (count: number) => StandingCrowd;

/** Measures `count` tasks of one side. */
export async function measureTasks(side: SideName, count: number): Promise<CrowdMeasures> {
  const make = side === "ours" ? taskMaker() : makeFunctions;
  for (let made = 0; made < WARM_TASKS; made += count) await make(Math.min(count, WARM_TASKS)).finish();
  const before = await readMemory();
  const crowds: StandingCrowd[] = [];
  const beganAt = Bun.nanoseconds();
  do crowds.push(make(count));
  while (crowds.length * count < TASKS_MIN);
  const total = crowds.length * count;
  const beginNs = (Bun.nanoseconds() - beganAt) / total;
  const waiting = crowds.reduce((sum, crowd) => sum + crowd.waiting(), 0);
  if (waiting !== total) throw new Error(`Cannot measure ${total} parked tasks: ${waiting} are parked`);
  const bytes = bytesEach(before, await readMemory(), count, total);
  const cpu = process.cpuUsage();
  for (const crowd of crowds) await crowd.finish();
  const { user, system } = process.cpuUsage(cpu);
  return { ...bytes, beginNs, armCancelNs: 0, endNs: ((user + system) * 1_000) / total };
}

/** All crowds are children of one scope. */
function taskMaker(): MakeCrowd {
  const { host, scheduler } = createDriver();
  let children: Scope | null = null;
  runOn(scheduler, () =>
    scope(function* (opened) {
      children = opened;
      yield* sleepForever();
    }),
  );
  host.drain();
  return (count) => {
    const gate = new Latch();
    let waiting = 0;
    function* task(): Steps<void> {
      waiting++;
      yield* gate.wait();
      waiting--;
    }
    for (let i = 0; i < count; i++) children?.spawn(task);
    host.drain();
    const finish = async (): Promise<void> => {
      gate.open();
      host.drain();
      if (waiting !== 0) throw new Error(`Cannot end the crowd: ${waiting} tasks are still parked`);
    };
    return { waiting: () => waiting, finish };
  };
}

function makeFunctions(count: number): StandingCrowd {
  const gate = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  let waiting = 0;
  const task = async (): Promise<void> => {
    waiting++;
    await gate.promise;
    if (--waiting === 0) over.resolve();
  };
  for (let i = 0; i < count; i++) void task();
  const finish = async (): Promise<void> => {
    gate.resolve();
    await over.promise;
  };
  return { waiting: () => waiting, finish };
}
