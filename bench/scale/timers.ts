// Armed timers: those of our wheel against setTimeout, both on Bun's event loop. A wheel's timer is an object that its owner keeps and arms again
// and again; what the twin gets for each is a Timeout that Bun makes. Both call a function that they share.

import { BunHost } from "../../src/bun/host.ts";
import { Scheduler } from "../../src/core/scheduler.ts";
import { Timer, type TimerOwner } from "../../src/core/timers.ts";
import type { SideName } from "../micro/shared/bench.ts";
import type { CrowdMeasures } from "./crowd.ts";
import { bytesEach, readMemory } from "./memory.ts";

/** Those that must not fire are spread over an hour, as deadlines of idle connections are. */
const FAR_MS = 3_600_000;
/** Those that fire. */
const NEAR_MS = 1;
/** Timers armed and cancelled, and armed ahead of the measurement. */
const PAIRS = 50_000;
/** A single timer is armed and fires this many times: each time takes a turn of the event loop. */
const EXPIRIES_MIN = 500;

const WARM_ROUNDS = 4;
const WARM_EXPIRIES = 1_000;

/** What one side can do. `arm` gives a function that disarms it. */
interface TimerSide {
  arm(ms: number): unknown;
  cancel(timer: unknown): void;
  /** Told of each that fires. */
  fired: () => void;
}

/** Measures `count` timers of one side. */
export async function measureTimers(sideName: SideName, count: number): Promise<CrowdMeasures> {
  const side = sideName === "ours" ? ours() : twin();
  for (let i = 0; i < WARM_ROUNDS; i++) {
    timeArmCancel(side);
    await expire(side, WARM_EXPIRIES);
  }
  const before = await readMemory();
  const { beginNs, timers } = armAll(side, count);
  const bytes = bytesEach(before, await readMemory(), count, count);
  const armCancelNs = timeArmCancel(side);
  for (const timer of timers) side.cancel(timer);
  let cpuNs = 0;
  let expiries = 0;
  do {
    cpuNs += await expire(side, count);
    expiries += count;
  } while (expiries < EXPIRIES_MIN);
  return { ...bytes, beginNs, armCancelNs, endNs: cpuNs / expiries };
}

function armAll(side: TimerSide, count: number): { beginNs: number; timers: unknown[] } {
  const rounds = Math.max(1, Math.ceil(PAIRS / count));
  const timers: unknown[] = new Array(count).fill(null);
  let ns = 0;
  for (let round = 0; round < rounds; round++) {
    if (round > 0) for (const timer of timers) side.cancel(timer);
    const beganAt = Bun.nanoseconds();
    for (let i = 0; i < count; i++) timers[i] = side.arm(FAR_MS + (i * FAR_MS) / count);
    ns += Bun.nanoseconds() - beganAt;
  }
  return { beginNs: ns / (rounds * count), timers };
}

function timeArmCancel(side: TimerSide): number {
  const beganAt = Bun.nanoseconds();
  for (let i = 0; i < PAIRS; i++) side.cancel(side.arm(FAR_MS));
  return (Bun.nanoseconds() - beganAt) / PAIRS;
}

/** Arms `count` and has them all fire; gives the CPU time in nanoseconds from the last one armed to the last one fired. */
async function expire(side: TimerSide, count: number): Promise<number> {
  const all = Promise.withResolvers<void>();
  let left = count;
  side.fired = () => {
    if (--left === 0) all.resolve();
  };
  for (let i = 0; i < count; i++) side.arm(NEAR_MS);
  const cpu = process.cpuUsage();
  await all.promise;
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) * 1_000;
}

function ours(): TimerSide {
  const host = new BunHost();
  const scheduler = new Scheduler(host);
  const { timers } = scheduler;
  const owner: TimerOwner = { expired: () => side.fired() };
  const side: TimerSide = {
    fired: () => {},
    arm(ms) {
      const timer = new Timer(owner);
      timers.arm(timer, host.now() + ms);
      scheduler.nudge();
      return timer;
    },
    cancel: (timer) => timers.cancel(timer as Timer),
  };
  return side;
}

function twin(): TimerSide {
  const fired = (): void => side.fired();
  const side: TimerSide = {
    fired: () => {},
    arm: (ms) => setTimeout(fired, ms),
    cancel: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  };
  return side;
}
