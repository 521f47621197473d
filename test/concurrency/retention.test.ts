// Nothing is retained: tasks, scopes and timers that have ended are garbage, however many there were and however they ended, while the
// scheduler and the task that ran them live on. There is room for what a conservative collector may still see on the stack.

import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { scope, type Scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, ready, turns } from "../core/kit.ts";

/** Objects on the heap of the kinds that tasks are made of: the engine counts instances of all classes as one kind. */
function objects(): number {
  const counts: Record<string, number | undefined> = heapStats().objectTypeCounts;
  return (counts["Object"] ?? 0) + (counts["Generator"] ?? 0);
}

/** Objects that survive a collection: the least of some tries. */
async function survivors(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    Bun.gc(true);
    least = Math.min(least, objects());
  }
  return least;
}

/** Has one task run `body` and live on, and tells how many objects there were in the middle and how many are left. */
async function retained(body: () => Operation<unknown>): Promise<{ most: number; left: number }> {
  const sim = new Simulation({ development: false });
  const done = new Gate<string>();
  const root = sim.start(function* () {
    yield* body();
    yield* done.take();
  });
  const before = await survivors();
  turns(sim, 1_000);
  const most = objects() - before;
  while (done.parks === 0) sim.host.advance();
  const left = (await survivors()) - before;
  expect(root.ending).toBeNull();
  done.give("enough");
  await sim.settle();
  return { most, left };
}

function crowd(scope: Scope, size: number): void {
  for (let i = 0; i < size; i++)
    scope.spawn(function* () {
      yield* i % 2 === 0 ? sleepForever() : sleep(1_000_000 + i);
    });
}

test("scope with 100,000 tasks that are spawned and cancelled keeps none of them", async () => {
  const { most, left } = await retained(() =>
    moveOnAfter(500, () =>
      scope(function* (scope) {
        crowd(scope, 100_000);
        yield* sleepForever();
      }),
    ),
  );
  expect(most).toBeGreaterThan(300_000);
  expect(left).toBeLessThan(1_000);
});

test("scope that lives on keeps none of the 20,000 children that have ended, failed joins, deadlines or shields", async () => {
  const sim = new Simulation({ development: false });
  const root = sim.start(() =>
    scope(function* (scope) {
      for (let i = 0; i < 5_000; i++) {
        const victim = scope.spawn(() => sleepForever());
        const child = scope.spawn(() => timeout(50, shield(sleep(1), 5)));
        yield* child;
        yield* moveOnAfter(1, victim);
        yield* moveOnAfter(1_000, ready(i));
        victim.cancel();
      }
      yield* sleepForever();
    }),
  );
  sim.host.advance();
  const before = await survivors();
  while (sim.scheduler.timers.armed > 0) sim.host.advance();
  turns(sim);
  expect(sim.scheduler.timers.arms).toBeGreaterThan(10_000);
  const left = (await survivors()) - before;
  expect(left).toBeLessThan(1_000);
  root.cancel();
  await sim.settle();
});

test("Simulation that is dropped in mid-work is garbage as a whole", async () => {
  const before = await survivors();
  const worlds: Simulation[] = [];
  for (let i = 0; i < 50; i++) {
    const sim = new Simulation({ development: false });
    sim.start(() =>
      scope(function* (scope) {
        crowd(scope, 200);
        yield* sleepForever();
      }),
    );
    turns(sim, 3);
    worlds.push(sim);
  }
  const most = (await survivors()) - before;
  expect(most).toBeGreaterThan(20_000);
  expect(worlds.splice(0).length).toBe(50);
  // A word on the stack that looks like a pointer may keep a whole world, but not most of fifty.
  expect((await survivors()) - before).toBeLessThan(most / 2);
});
