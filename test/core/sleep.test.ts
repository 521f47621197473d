// Sleeping: for as long as was asked, never shorter; cancelled without a trace.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, rejection, thrown, turns } from "./kit.ts";

test("sleep parks for the time asked for and at most one tick longer", async () => {
  const slept = await simulate(function* () {
    const times: number[] = [];
    for (const ms of [0, -5, Number.NEGATIVE_INFINITY, 1, 2.5, 1_000, 2 ** 31 + 0.5, 2 ** 33]) {
      const before = now();
      yield* sleep(ms);
      times.push(now() - before - Math.max(0, ms));
    }
    return times;
  });
  for (const late of slept) {
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThanOrEqual(1);
  }
});

test("sleep wakes in the order of deadlines, and of arming within one", async () => {
  const order: string[] = [];
  await simulate(function* () {
    yield* scope(function* (scope) {
      for (const [name, ms] of [
        ["c", 30],
        ["a", 10],
        ["d", 30],
        ["b", 20],
      ] as const) {
        scope.spawn(function* () {
          yield* sleep(ms);
          order.push(name);
        });
      }
    });
  });
  expect(order).toEqual(["a", "b", "c", "d"]);
});

test("sleep that is cancelled leaves no timer armed", async () => {
  const sim = new Simulation();
  const task = sim.start(() => sleep(1_000));
  turns(sim);
  expect(sim.scheduler.timers.armed).toBe(1);
  task.cancel();
  expect(sim.scheduler.timers.armed).toBe(0);
  await sim.settle();
  expect([sim.host.now(), task.ending]).toEqual([0, "cancelled"]);
});

test("sleep refuses what is no number", () => {
  for (const ms of [Number.NaN, "5" as unknown as number, undefined as unknown as number]) {
    const error = thrown(() => sleep(ms));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(messageOf(error)).toBe(`Cannot sleep: expected a number of milliseconds and found ${String(ms)}`);
  }
});

test("sleepForever ends by a cancel and by nothing else", async () => {
  for (const forever of [sleepForever, () => sleep(Number.POSITIVE_INFINITY)]) {
    const sim = new Simulation();
    let unwound = false;
    const task = sim.start(function* () {
      try {
        yield* forever();
      } finally {
        unwound = true;
      }
    });
    turns(sim);
    expect([sim.scheduler.timers.armed, unwound]).toEqual([0, false]);
    task.cancel();
    await sim.settle();
    expect([unwound, task.ending]).toEqual([true, "cancelled"]);
    expect(messageOf(await rejection(task.promise))).toContain("it was cancelled");
  }
});
