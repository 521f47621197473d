// The door into a scheduler: roots, what they wait for at their end, and the clock and chance that tasks get.

import { expect, test } from "bun:test";
import { TimeoutError } from "../../src/core/errors.ts";
import { now, random } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { running } from "../../src/core/task.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { ready, rejection, thrown, turns } from "./kit.ts";

test("runOn makes a root for a generator, a leaf and a function of either", async () => {
  const sim = new Simulation();
  function* body() {
    return yield* ready("a generator");
  }
  expect(await sim.run(body())).toBe("a generator");
  expect(await sim.run(body)).toBe("a generator");
  expect(await sim.run(ready("a leaf"))).toBe("a leaf");
  expect(await rejection(sim.run(timeout(1, sleepForever())))).toBeInstanceOf(TimeoutError);
});

test("runOn runs nothing before the host gives a turn", () => {
  const sim = new Simulation();
  let started = false;
  sim.start(function* () {
    started = true;
    yield* sleep(1);
  });
  expect([started, sim.scheduler.roots.size]).toEqual([false, 1]);
  turns(sim);
  expect(started).toBe(true);
});

test("runOn takes the root off the list when it has ended, in whichever way", async () => {
  const sim = new Simulation();
  const roots = [
    sim.start(() => sleep(1)),
    sim.start(function* () {
      yield* sleep(2);
      throw new Error("boom");
    }),
    sim.start(() => sleepForever()),
  ];
  for (const root of roots) root.promise.catch(() => {});
  turns(sim);
  expect(sim.scheduler.roots.size).toBe(3);
  roots[2]?.cancel();
  await sim.settle();
  expect(sim.scheduler.roots.size).toBe(0);
  expect(roots.map((root) => root.ending)).toEqual(["returned", "failed", "cancelled"]);
});

test("runOn asks the host for no alarm once every root has ended, though timers were armed and cancelled", async () => {
  const sim = new Simulation();
  await sim.run(() => timeout(60_000, sleep(5)));
  expect(sim.host.now()).toBe(5);
  // A move would be the jump to an alarm nobody needs: on Bun it would keep the process alive for a minute.
  while (sim.host.advance());
  expect(sim.host.now()).toBe(5);
});

test("runOn makes a failing root's promise reject even if nobody asked for it, so that the engine reports it", async () => {
  const sim = new Simulation();
  const task = sim.start(function* () {
    yield* sleep(1);
    throw new Error("unseen");
  });
  const settled = sim.settle();
  expect(task.rare?.promise ?? null).not.toBeNull();
  await rejection(task.promise);
  await settled;
});

test("runOn leaves the promise of a root that returned or was cancelled unmade, so that nothing is reported", async () => {
  const sim = new Simulation();
  const returned = sim.start(() => ready(1));
  const cancelled = sim.start(() => sleepForever());
  turns(sim);
  cancelled.cancel();
  await sim.settle();
  expect([returned.rare?.promise ?? null, cancelled.rare?.promise ?? null]).toEqual([null, null]);
});

test("runOn waits for conns that close on their own, after its body has ended, failed or been cancelled", async () => {
  for (const how of ["returned", "failed", "cancelled"] as const) {
    const sim = new Simulation();
    const conn = {};
    const task = sim.start(function* () {
      sim.scheduler.lingering.begin(conn, running);
      if (how === "failed") throw new Error("boom");
      if (how === "cancelled") yield* sleepForever();
    });
    task.promise.catch(() => {});
    turns(sim);
    if (how === "cancelled") task.cancel();
    turns(sim);
    expect([task.ending, task.wait?.reason]).toEqual([null, "connections that are closing"]);
    task.cancel();
    sim.scheduler.lingering.end(conn);
    await sim.settle();
    expect(task.ending).toBe(how);
  }
});

test("now and random come from the task's own host: virtual time, seeded chance", async () => {
  function* body() {
    const before = now();
    yield* sleep(1_000);
    return [now() - before, random(), random()];
  }
  const [first, second, other] = await Promise.all([
    simulate(body, { seed: 7 }),
    simulate(body, { seed: 7 }),
    simulate(body, { seed: 8 }),
  ]);
  expect(first).toEqual(second);
  expect(first.slice(1)).not.toEqual(other.slice(1));
  expect(first[0]).toBe(1_000);
});

test("now and random outside of a task throw", () => {
  expect(String(thrown(now))).toContain("Cannot read the clock: no task is running");
  expect(String(thrown(random))).toContain("Cannot draw a random number: no task is running");
});
