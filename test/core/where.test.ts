// The line at which a parked task waits, live, without disturbing it.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { running, type Task, type Wait } from "../../src/core/task.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, ready, turns } from "./kit.ts";

/** The line of this file on which the caller stands, with an offset. */
function here(offset: number): string {
  const line = /where\.test\.ts:(\d+)/.exec(new Error().stack?.split("\n")[2] ?? "")?.[1];
  return `where.test.ts:${Number(line) + offset}:`;
}

function parked(body: () => Operation<unknown>): Task {
  const sim = new Simulation();
  const task = sim.start(body);
  turns(sim);
  return task;
}

test("whereIsTask names the generators from the innermost down, each with its line", () => {
  const lines: string[] = [];
  function* readLine(gate: Gate<number>): Generator<Wait, number, unknown> {
    lines.push(here(1));
    return yield* gate.take();
  }
  function* handler(): Generator<Wait, number, unknown> {
    lines.push(here(1));
    return yield* readLine(new Gate<number>());
  }
  const frames = whereIsTask(parked(handler));
  expect(frames[0]).toContain("readLine");
  expect(frames[0]).toContain(lines[1] as string);
  expect(frames[1]).toContain("handler");
  expect(frames[1]).toContain(lines[0] as string);
  expect(frames.length).toBe(2);
});

test("whereIsTask shows the user's line first, whatever the task waits in", () => {
  for (const wait of [
    () => sleep(5),
    () => sleepForever(),
    () => timeout(50, sleep(5)),
    () => timeout(50, timeout(60, sleepForever())),
    () => shield(sleep(5), 5),
    () => scope(() => sleep(5)),
    () => scope((scope) => scope.start(() => sleepForever())),
    () =>
      scope(function* (scope) {
        scope.spawn(() => sleepForever());
        yield* ready(1);
      }),
  ] as (() => Operation<unknown>)[]) {
    const frames = whereIsTask(
      parked(function* waiter() {
        yield* wait();
      }),
    );
    expect(frames[0]).toMatch(/^waiter .*where\.test\.ts:/);
  }
});

test("whereIsTask gives nothing for a task that is not parked", async () => {
  const sim = new Simulation();
  const seen: string[][] = [];
  const task = sim.start(function* () {
    seen.push(whereIsTask(task));
    yield* ready(1);
  });
  seen.push(whereIsTask(task));
  await sim.settle();
  seen.push(whereIsTask(task));
  expect(seen).toEqual([[], [], []]);
});

test("whereIsTask runs no user code, moves no task and restores who was running", async () => {
  const sim = new Simulation();
  let moved = 0;
  const task = sim.start(function* () {
    for (let i = 0; i < 3; i++) {
      yield* sleep(10);
      moved++;
    }
    return "done";
  });
  turns(sim);
  const { steps } = sim.scheduler;
  for (let i = 0; i < 100; i++) whereIsTask(task);
  expect([moved, sim.scheduler.steps, sim.scheduler.timers.arms, running]).toEqual([0, steps, 1, null]);
  await sim.settle();
  expect([await task.promise, sim.host.now()]).toEqual(["done", 30]);
});
