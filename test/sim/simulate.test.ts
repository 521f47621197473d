// Programs in a world of their own: values, errors, virtual time, deadlocks, promises from outside.

import { describe, expect, test } from "bun:test";
import { until } from "../../src/concurrency/until.ts";
import { DeadlockError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { now, random } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { CALM_NETWORK, simulate, Simulation } from "../../src/sim/index.ts";

const HOUR_MS = 3_600_000;

describe("simulate", () => {
  test("simulate gives the body's value", async () => {
    const body = function* (): Operation<string> {
      yield* sleep(5);
      return "done";
    };
    expect(await simulate(body)).toBe("done");
    expect(await simulate(body())).toBe("done");
  });

  test("simulate throws the body's error, itself", async () => {
    const error = new Error("the body failed");
    const caught = await simulate(function* () {
      yield* sleep(1);
      throw error;
    }).catch((caught: unknown) => caught);
    expect(caught).toBe(error);
  });

  test("simulate passes an hour in no time", async () => {
    const start = performance.now();
    const passed = await simulate(function* () {
      const before = now();
      for (let i = 0; i < 60; i++) yield* sleep(HOUR_MS / 60);
      return now() - before;
    });
    expect(passed).toBeWithin(HOUR_MS, HOUR_MS + 120);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test("simulate draws the same random numbers for the same seed, and others for another", async () => {
    const draw = (seed: number): Promise<number[]> =>
      simulate(
        function* () {
          yield* sleep(1);
          return [random(), random(), random()];
        },
        { seed },
      );
    expect(await draw(5)).toEqual(await draw(5));
    expect(await draw(5)).not.toEqual(await draw(6));
  });

  test("simulate fails with DeadlockError, which shows the tree of tasks, when nothing can happen any more", async () => {
    const world = new Simulation();
    const error = await world.run(sleepForever, "the sleeper").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DeadlockError);
    const { message } = error as DeadlockError;
    expect(message).toContain("every task is parked and nothing can wake one");
    expect(message).toContain("the sleeper");
    expect(message).toContain("waits for nothing: it sleeps for ever");
  });

  test("simulate gives up a world where only a listener is left: nobody will ever come", async () => {
    const world = new Simulation();
    world.host.transport.listen({ port: 80 }, () => null);
    expect(await world.run(sleepForever).catch((error: unknown) => error)).toBeInstanceOf(DeadlockError);
  });

  test("simulate runs worlds within tests side by side without mixing them", async () => {
    const clockOf = (ms: number): Promise<number> =>
      simulate(function* () {
        yield* sleep(ms);
        yield* until(Promise.resolve());
        yield* sleep(ms);
        return Math.round(now());
      });
    const [short, long] = await Promise.all([clockOf(10), clockOf(1_000)]);
    expect(short).toBeWithin(20, 23);
    expect(long).toBeWithin(2_000, 2_003);
  });

  test("simulate gives a world within a simulated task's synchronous code its own clock", async () => {
    let inner = Promise.resolve(0);
    const outer = await simulate(function* () {
      yield* sleep(500);
      inner = simulate(function* () {
        yield* sleep(3);
        return now();
      });
      return now();
    });
    expect(outer).toBeWithin(500, 502);
    expect(await inner).toBeWithin(3, 5);
  });
});

describe("simulate and promises from outside", () => {
  test("simulate waits for a held promise that real time settles", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    setImmediate(() => resolve("from outside"));
    expect(
      await simulate(function* () {
        return yield* until(promise);
      }),
    ).toBe("from outside");
  });

  test("simulate lets a settled promise through before virtual time jumps", async () => {
    const passed = await simulate(function* () {
      const start = now();
      const chain = (async () => {
        for (let i = 0; i < 5; i++) await Promise.resolve();
      })();
      yield* until(chain);
      return now() - start;
    });
    expect(passed).toBe(0);
    const order: string[] = [];
    const world = new Simulation();
    const ticker = world.start(function* () {
      for (let i = 0; i < 3; i++) {
        yield* sleep(10);
        order.push("tick");
      }
    });
    await world.run(function* () {
      yield* until(Promise.resolve());
      order.push("promise");
    });
    await ticker.promise;
    expect(order).toEqual(["promise", "tick", "tick", "tick"]);
  });

  test("simulate gives real I/O its turn beside a task that ticks for ever", async () => {
    const world = new Simulation();
    const ticker = world.start(function* () {
      for (;;) yield* sleep(1_000);
    });
    void ticker.promise.catch(() => {});
    const text = world.start(function* () {
      const text = yield* until(Bun.file(import.meta.path).text());
      ticker.cancel("the file was read");
      return text;
    });
    await world.settle();
    expect(await text.promise).toContain("a task that ticks for ever");
  });

  test("simulate throws what a held promise rejects with", async () => {
    const caught = await simulate(function* () {
      return yield* until(Promise.reject(new RangeError("refused outside")));
    }).catch((error: unknown) => error);
    expect(caught).toBeInstanceOf(RangeError);
  });
});

describe("Simulation", () => {
  test("settle lets several roots end", async () => {
    const world = new Simulation({ seed: 2, network: CALM_NETWORK });
    const ends: string[] = [];
    const root = (name: string, ms: number) =>
      world.start(function* () {
        yield* sleep(ms);
        ends.push(name);
      }, name);
    root("late", 20);
    root("early", 10);
    expect(ends).toEqual([]);
    await world.settle();
    expect(ends).toEqual(["early", "late"]);
  });

  test("settle throws what no task can be blamed for", async () => {
    const world = new Simulation();
    world.host.schedule(5, () => world.host.fatal(new Error("an invariant is broken")));
    world.start(sleepForever);
    await expect(world.settle()).rejects.toThrow("an invariant is broken");
  });

  test("settle throws what a callback of the network's throws", async () => {
    const world = new Simulation();
    world.host.schedule(5, () => {
      throw new Error("a handler failed");
    });
    world.start(sleepForever);
    await expect(world.settle()).rejects.toThrow("a handler failed");
  });
});
