// The protocol between leaf and scheduler: what suspends and what does not, the tokens, the budget, depth, nesting. Misuse is in
// operation-faults.test.ts, types in operation-types.test.ts.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { STEP_BUDGET } from "../../src/config.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { type Operation, PROBE } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { running, type Wait } from "../../src/core/task.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection, turns } from "./kit.ts";

test("Leaf that finishes at once does not suspend its task", async () => {
  const sim = new Simulation();
  const sum = await sim.run(function* () {
    let total = 0;
    for (let i = 0; i < 100; i++) total += yield* ready(i);
    return total;
  });
  expect(sum).toBe(4_950);
  expect(sim.scheduler.steps).toBe(1);
});

test("Leaf that waits costs one step more, and gets what was handed to it", async () => {
  const sim = new Simulation();
  const gate = new Gate<string>();
  const task = sim.start(() => gate.take());
  turns(sim);
  expect([sim.scheduler.steps, gate.parks]).toEqual([1, 1]);
  gate.give("an item");
  turns(sim);
  expect(await task.promise).toBe("an item");
  expect(sim.scheduler.steps).toBe(2);
});

test("Leaf that gets PROBE changes nothing and tells the line of its yield*", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const task = sim.start(function* handler() {
    return yield* session(gate);
  });
  turns(sim);
  for (let i = 0; i < 3; i++) {
    const [innermost, next] = whereIsTask(task);
    expect(innermost).toMatch(/^session .*operation\.test\.ts:\d+/);
    expect(next).toMatch(/^handler .*operation\.test\.ts:\d+/);
  }
  expect([gate.parks, gate.unparks, sim.scheduler.steps]).toEqual([1, 0, 1]);
  expect(running).toBeNull();
  gate.give(7);
  turns(sim);
  expect(await task.promise).toBe(7);
});

function* session(gate: Gate<number>): Generator<Wait, number, unknown> {
  return yield* gate.take();
}

test("PROBE can be sent by one task to another", async () => {
  const gate = new Gate<number>();
  const value = await simulate(function* () {
    return yield* scope(function* (scope) {
      const other = scope.spawn(() => session(gate));
      yield* sleep(1);
      expect(whereIsTask(other)[0]).toMatch(/^session/);
      expect(yield* ready("still here")).toBe("still here");
      gate.give(3);
      return yield* other;
    });
  });
  expect(value).toBe(3);
});

test("PROBE is no token that a task could mistake for a value", () => {
  expect(Object.keys(PROBE)).toEqual(["trace"]);
});

test(`Leaf budget: a task that spins on ready leaves gives the others a turn after ${STEP_BUDGET}`, async () => {
  const sim = new Simulation();
  const log: string[] = [];
  let spins = 0;
  await sim.run(function* () {
    yield* scope(function* (scope) {
      scope.spawn(function* () {
        for (; spins < 10 * STEP_BUDGET; spins++) yield* ready(spins);
        log.push("spinner is done");
      });
      scope.spawn(function* () {
        for (let i = 1; i <= 3; i++) {
          log.push(`other's turn ${i} after ${spins}`);
          yield* checkpoint();
        }
      });
    });
  });
  expect(log.slice(0, 3)).toEqual([1, 2, 3].map((turn) => `other's turn ${turn} after ${turn * STEP_BUDGET}`));
  expect(log[3]).toBe("spinner is done");
});

test("Leaf budget is charged by cancels too: a loop of scopes that cancel themselves cannot freeze the others", () => {
  const sim = new Simulation({ development: false });
  let rounds = 0;
  let others = 0;
  const spinner = sim.start(function* () {
    for (;;) {
      try {
        yield* scope(function* (scope) {
          if (++rounds > 40_000) throw new Error("the loop was never interrupted");
          scope.cancel();
          yield* ready(1);
        });
      } catch (error) {
        if (rounds > 40_000) throw error;
      }
    }
  });
  sim.start(function* () {
    for (;;) {
      others++;
      yield* sleep(0);
    }
  });
  sim.host.advance();
  expect(spinner.ending).toBeNull();
  expect(others).toBeGreaterThan(0);
});

function* nest<T>(depth: number, bottom: () => Operation<T>): Generator<Wait, T, unknown> {
  return depth === 0 ? yield* bottom() : yield* nest(depth - 1, bottom);
}

test("Operation recursion of 5,000 generators carries a value, an error and a cancel", async () => {
  const sim = new Simulation();
  let unwound = 0;
  function* deep(depth: number, bottom: () => Operation<number>): Generator<Wait, number, unknown> {
    try {
      return depth === 0 ? yield* bottom() : yield* deep(depth - 1, bottom);
    } finally {
      unwound++;
    }
  }
  expect(
    await sim.run(() =>
      nest(5_000, function* () {
        yield* sleep(1);
        return 7;
      }),
    ),
  ).toBe(7);

  const failing = sim.run(() =>
    deep(5_000, function* () {
      yield* sleep(1);
      throw new Error("from the bottom");
    }),
  );
  expect(messageOf(await rejection(failing))).toBe("from the bottom");
  expect(unwound).toBe(5_001);

  const cancelled = sim.start(() => deep(5_000, sleepForever));
  turns(sim);
  expect(whereIsTask(cancelled)[0]).toMatch(/^deep/);
  cancelled.cancel();
  await sim.settle().then(() => rejection(cancelled.promise));
  expect([cancelled.ending, unwound]).toEqual(["cancelled", 10_002]);
});

test("running is restored around a scheduler that runs inside a step of another", async () => {
  const outer = new Simulation();
  const value = await outer.run(function* () {
    const before = running;
    const inner = new Simulation();
    const innerTask = inner.start(function* () {
      expect(running).toBe(innerTask);
      yield* sleep(5);
      return "inner";
    });
    inner.host.advance();
    expect(running).toBe(before);
    inner.host.advance();
    inner.host.advance();
    expect(innerTask.outcome).toBe("inner");
    expect(running).toBe(before);
    return yield* ready("outer");
  });
  expect(value).toBe("outer");
  expect(running).toBeNull();
});

test("running is restored even when the inner scheduler breaks down", async () => {
  const outer = new Simulation();
  await outer.run(function* () {
    const before = running;
    const inner = new Simulation();
    inner.scheduler.instrument = {
      beforeStep() {
        throw new Error("a broken hook");
      },
    };
    inner.start(() => sleep(1));
    inner.host.advance();
    expect(messageOf(inner.host.failure?.error)).toBe("a broken hook");
    expect(running).toBe(before);
    yield* sleep(1);
  });
});

test("Leaf in a cancelled task throws Cancelled, which is no Error, at each try", async () => {
  const sim = new Simulation();
  const caught: unknown[] = [];
  const task = sim.start(function* () {
    for (let i = 0; i < 3; i++) {
      try {
        yield* ready(i);
      } catch (error) {
        caught.push(error);
      }
    }
  });
  task.cancel("enough");
  await sim.settle();
  expect(caught.length).toBe(3);
  expect(caught.every((error) => isCancelled(error) && error.reason === "enough" && error.scope === task)).toBe(true);
  expect(caught.some((error) => error instanceof Error)).toBe(false);
  expect(String(caught[0])).toContain("rethrow it");
});
