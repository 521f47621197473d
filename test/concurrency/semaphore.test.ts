// What a semaphore does, case by case; permits-model.test.ts holds all of it against a model.

import { expect, test } from "bun:test";

import { scope } from "../../src/concurrency/scope.ts";
import { Semaphore } from "../../src/concurrency/semaphore.ts";
import { DeadlockError, ProtocolError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { Simulation, simulate } from "../../src/sim/simulate.ts";
import { messageOf, rejection, thrown, turns } from "../core/kit.ts";
import { firstOf } from "./first-of.ts";

test("Semaphore lets so many through at once and no more, first come, first served", async () => {
  const semaphore = new Semaphore(3);
  const order: number[] = [];
  let most = 0;
  await simulate(() =>
    scope(function* (scope) {
      for (let i = 0; i < 10; i++)
        scope.spawn(function* () {
          using _ = yield* semaphore.acquire();
          order.push(i);
          most = Math.max(most, semaphore.statistics().borrowers);
          yield* sleep(1 + (i % 3));
        });
      yield* sleep(1);
    }),
  );
  expect(most).toBe(3);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(semaphore.statistics()).toEqual({ permits: 3, available: 3, borrowers: 0, waiting: 0, timesEmpty: 7 });
});

test("Semaphore gives a permit back however the block ends, and only once", async () => {
  const semaphore = new Semaphore(2);
  const error = await rejection(
    simulate(function* () {
      using permit = yield* semaphore.acquire(2);
      expect([semaphore.statistics().available, permit.released]).toEqual([0, false]);
      throw new Error("in the block");
    }),
  );
  expect(messageOf(error)).toBe("in the block");
  const permit = semaphore.tryAcquire();
  permit?.release();
  permit?.release();
  permit?.[Symbol.dispose]();
  expect([permit?.released, semaphore.statistics().available]).toEqual([true, 2]);
});

test("Semaphore does not let those that want one starve the one that waits for several", () => {
  const sim = new Simulation({ development: false });
  const semaphore = new Semaphore(3);
  const held = [semaphore.tryAcquire(), semaphore.tryAcquire(), semaphore.tryAcquire()];
  const order: string[] = [];
  const ask = (name: string, count: number): void => {
    sim.start(function* () {
      using _ = yield* semaphore.acquire(count);
      order.push(name);
      yield* sleepForever();
    });
  };
  ask("three", 3);
  ask("one", 1);
  turns(sim);
  held[0]?.release();
  held[1]?.release();
  turns(sim);
  expect([order, semaphore.statistics().available, semaphore.tryAcquire()]).toEqual([[], 2, undefined]);
  held[2]?.release();
  turns(sim);
  expect([order, semaphore.statistics().waiting]).toEqual([["three"], 1]);
});

test("Semaphore delivers a permit that was handed over before a cancel, and `using` gives it back", () => {
  const sim = new Simulation();
  const semaphore = new Semaphore(1);
  const held = semaphore.tryAcquire();
  let delivered = false;
  const task = sim.start(function* () {
    using _ = yield* semaphore.acquire();
    delivered = true;
    yield* sleepForever();
  });
  turns(sim);
  held?.release();
  task.cancel();
  expect(semaphore.statistics()).toMatchObject({ available: 0, borrowers: 1, waiting: 0 });
  turns(sim);
  expect([delivered, task.ending, semaphore.statistics().available]).toEqual([true, "cancelled", 1]);
});

test("Semaphore lets those behind go on when a cancelled one that wanted more leaves the queue", () => {
  const sim = new Simulation({ development: false });
  const semaphore = new Semaphore(2);
  using _ = semaphore.tryAcquire();
  const big = sim.start(() => semaphore.acquire(2));
  const small = sim.start(() => semaphore.acquire(1));
  turns(sim);
  big.cancel();
  turns(sim);
  expect([big.ending, small.ending, semaphore.statistics().available]).toEqual(["cancelled", "returned", 0]);
});

test("Semaphore gets a permit back from a composite that goes on without it", async () => {
  const semaphores = [new Semaphore(1), new Semaphore(1)] as const;
  const held = semaphores.map((semaphore) => semaphore.tryAcquire());
  const first = await simulate(
    function* () {
      const pause = (): void => held.forEach((permit) => permit?.release());
      return yield* firstOf(
        semaphores.map((semaphore) => semaphore.acquire()),
        { pause, careless: true },
      );
    },
    { development: false },
  );
  expect(first.index).toBe(0);
  expect(semaphores.map((semaphore) => semaphore.statistics().available)).toEqual([0, 1]);
});

test("Semaphore refuses counts that could never be had", () => {
  for (const permits of [0, -1, 1.5, Number.POSITIVE_INFINITY, Number.NaN]) {
    const error = thrown(() => new Semaphore(permits));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(messageOf(error)).toBe(
      `Cannot make a semaphore: expected a whole number of permits from 1 and found number ${permits}`,
    );
  }
  const semaphore = new Semaphore(2, { name: "uploads" });
  for (const count of [0, 3, 1.5, Number.NaN])
    for (const attempt of [() => semaphore.acquire(count), () => semaphore.tryAcquire(count)])
      expect(messageOf(thrown(attempt))).toBe(
        `Cannot acquire from semaphore "uploads": expected 1 to 2 whole permits and found number ${count}`,
      );
  expect(semaphore.statistics()).toMatchObject({ available: 2, timesEmpty: 0 });
});

test("Semaphore says in a deadlock what is waited for, and where", async () => {
  const sim = new Simulation();
  const semaphore = new Semaphore(4, { name: "uploads" });
  using _ = semaphore.tryAcquire(3);
  const task = sim.start(function* uploader() {
    using _ = yield* semaphore.acquire(2);
  });
  const failed = rejection(task.promise);
  turns(sim);
  expect(whereIsTask(task)[0]).toMatch(/uploader.*semaphore\.test\.ts:\d+/);
  await sim.settle();
  const error = await failed;
  expect(error).toBeInstanceOf(DeadlockError);
  expect(messageOf(error)).toContain('waits for 2 permits of semaphore "uploads" (1 of 4 available) at uploader');
});
