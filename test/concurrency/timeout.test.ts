// Deadlines around an operation: free when it completes at once, the nearest one wins, and they stop what they are around. What happens at
// one and the same moment is in timeout-race.test.ts.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { ProtocolError, TimeoutError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { running } from "../../src/core/task.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready, rejection, thrown } from "../core/kit.ts";

test("timeout around an operation that completes at once makes no node and arms no timer", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    const task = running;
    for (let i = 0; i < 30; i++) {
      expect(yield* timeout(5, ready(i))).toBe(i);
      expect(yield* moveOnAfter(5, () => timeout(6, ready(i)))).toBe(i);
      expect(
        yield* timeout(5, function* () {
          expect(task?.node).toBe(task as NonNullable<typeof task>);
          return yield* ready(i);
        }),
      ).toBe(i);
    }
    try {
      yield* timeout(5, function* () {
        yield* ready(1);
        throw new Error("at once");
      });
    } catch (error) {
      expect(messageOf(error)).toBe("at once");
    }
    expect(task?.node).toBe(task as NonNullable<typeof task>);
  });
  expect([sim.scheduler.timers.arms, sim.host.wakeAts, sim.scheduler.steps]).toEqual([0, 0, 1]);
});

test("timeout throws TimeoutError and moveOnAfter gives undefined when the time has passed", async () => {
  const sim = new Simulation();
  const error = await rejection(sim.run(timeout(30, sleepForever())));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(messageOf(error)).toBe("Cannot complete the operation: 30 ms have passed");
  expect(await sim.run(moveOnAfter(12, sleepForever()))).toBeUndefined();
  expect(sim.host.now()).toBe(42);
});

test("timeout gives the value of an operation that completes in time, and disarms its timer", async () => {
  const sim = new Simulation();
  const value = await sim.run(function* () {
    return yield* timeout(30, function* () {
      yield* sleep(10);
      yield* sleep(10);
      return "in time";
    });
  });
  expect([value, sim.host.now(), sim.scheduler.timers.armed]).toEqual(["in time", 20, 0]);
});

test("timeout counts from its first wait", async () => {
  const value = await simulate(function* () {
    const operation = moveOnAfter(10, sleep(8));
    yield* ready(1);
    yield* sleep(0);
    const before = now();
    yield* operation;
    return now() - before;
  });
  expect(value).toBe(8);
});

test("timeout runs finally blocks before its error goes on", async () => {
  const log: string[] = [];
  const error = await rejection(
    simulate(() =>
      timeout(5, function* () {
        try {
          yield* sleepForever();
        } catch (error) {
          log.push(`cancelled: ${isCancelled(error)}`);
          throw error;
        } finally {
          yield* shield(sleep(10), 50);
          log.push(`cleaned up at ${now()}`);
        }
      }),
    ),
  );
  expect(error).toBeInstanceOf(TimeoutError);
  expect(log).toEqual(["cancelled: true", "cleaned up at 15"]);
});

test("timeout inside a timeout: the nearest deadline wins, and only its own operation is stopped", async () => {
  const log: unknown[] = [];
  await simulate(function* () {
    log.push(
      yield* moveOnAfter(50, function* () {
        log.push(yield* moveOnAfter(10, sleepForever()), now());
        log.push(yield* moveOnAfter(1_000, sleepForever()));
        return "never";
      }),
    );
    log.push(now());
  });
  expect(log).toEqual([undefined, 10, undefined, 50]);
  const outer = await rejection(simulate(() => timeout(10, timeout(50, sleepForever()))));
  expect(messageOf(outer)).toContain("10 ms");
  const inner = await rejection(simulate(() => timeout(50, timeout(10, sleepForever()))));
  expect(messageOf(inner)).toContain("10 ms");
});

test("timeout whose operation catches the cancel and returns gives that value", async () => {
  const value = await simulate(() =>
    timeout(5, function* () {
      try {
        yield* sleepForever();
      } catch {
        // Swallowed on purpose.
      }
      return "a partial answer";
    }),
  );
  expect(value).toBe("a partial answer");
});

test("timeout whose operation throws something else when it is stopped throws that", async () => {
  const error = await rejection(
    simulate(() =>
      timeout(5, function* () {
        try {
          yield* sleepForever();
        } catch (error) {
          throw new Error("translated", { cause: error });
        }
      }),
    ),
  );
  expect(messageOf(error)).toBe("translated");
});

test("timeout around a scope stops the scope with all its tasks", async () => {
  const log: string[] = [];
  const sim = new Simulation();
  const value = await sim.run(function* () {
    const value = yield* moveOnAfter(10, () =>
      scope(function* (scope) {
        for (let i = 0; i < 3; i++) {
          scope.spawn(function* () {
            try {
              yield* sleepForever();
            } finally {
              log.push(`child ${i} unwinds`);
            }
          });
        }
        return "never";
      }),
    );
    log.push("after");
    return value;
  });
  expect(value).toBeUndefined();
  expect(log).toEqual(["child 0 unwinds", "child 1 unwinds", "child 2 unwinds", "after"]);
});

test("timeout over a scope over a timeout: whichever is nearest stops what it is around, and no more", async () => {
  for (const [outerMs, innerMs, expected] of [
    [20, 10, ["inner", "outer done"]],
    [10, 20, ["outer"]],
    [10, 10, ["outer"]],
  ] as const) {
    const log: string[] = [];
    const sim = new Simulation();
    await sim.run(function* () {
      const value = yield* moveOnAfter(outerMs, () =>
        scope(function* (scope) {
          // The scope is pushed before the outer deadline's node is made: that node must slip in below it.
          scope.spawn(() => sleep(1));
          const inner = yield* moveOnAfter(innerMs, sleepForever());
          if (inner === undefined) log.push("inner");
          return "outer done";
        }),
      );
      log.push(value ?? "outer");
      expect(running?.node).toBe(running as NonNullable<typeof running>);
    });
    // At the same moment the inner one is armed first, so it fires first and the scope may finish.
    expect(log).toEqual(outerMs === innerMs ? ["inner", "outer done"] : [...expected]);
    expect(sim.scheduler.timers.armed).toBe(0);
  }
});

test("timeout over a scope whose body cancels itself before the first wait keeps the tree in order", async () => {
  const sim = new Simulation();
  const log: unknown[] = [];
  await sim.run(function* () {
    const value = yield* moveOnAfter(10, () =>
      scope(function* (scope) {
        scope.cancel();
        scope.spawn(() => sleepForever());
        yield* shield(sleep(5), 50);
        return "value";
      }),
    );
    log.push(value, now());
    yield* sleep(20);
    log.push(now());
  });
  expect(log).toEqual(["value", 5, 25]);
});

test("timeout nests 1,000 deep", async () => {
  function nest(depth: number): Operation<string> {
    return depth === 0 ? sleepForever() : timeout(1_000 + depth, () => nest(depth - 1));
  }
  const error = await rejection(new Simulation({ development: false }).run(nest(1_000)));
  expect(messageOf(error)).toBe("Cannot complete the operation: 1001 ms have passed");
});

test("timeout refuses what is no number, what is no operation, and a place outside of tasks", async () => {
  expect(messageOf(thrown(() => timeout(Number.NaN, sleep(1))))).toBe(
    "Cannot set a deadline: expected a number of milliseconds and found NaN",
  );
  // @ts-expect-error what the types refuse must be refused at run time too
  expect(messageOf(await rejection(simulate(() => timeout(5, () => 5))))).toStartWith(
    "Cannot set a deadline: expected an operation",
  );
  expect(thrown(() => timeout(5, sleep(1))[Symbol.iterator]().next())).toBeInstanceOf(ProtocolError);
});
