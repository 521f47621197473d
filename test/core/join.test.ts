// Joining: the value, the error, or the news that the task was cancelled; for any number of joiners, in order.

import { expect, test } from "bun:test";
import { scope, type Scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { PASS_STEPS_MAX } from "../../src/config.ts";
import { ScopeCancelledError, TaskCancelledError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready } from "./kit.ts";

/** Runs a child that `make` starts and tells what joining gives, before its end and after. */
function joined(make: (scope: Scope) => Task<unknown>): Promise<unknown[]> {
  return simulate(function* () {
    const outcomes: unknown[] = [];
    try {
      yield* scope(function* (scope) {
        const task = make(scope);
        for (let i = 0; i < 2; i++) {
          try {
            outcomes.push(yield* task);
          } catch (error) {
            outcomes.push(error);
          }
        }
      });
    } catch (error) {
      outcomes.push(error);
    }
    return outcomes;
  });
}

test("JoinLeaf gives the value of a task that returned, before and after its end", async () => {
  const outcomes = await joined((scope) =>
    scope.spawn(function* () {
      yield* sleep(5);
      return "value";
    }),
  );
  expect(outcomes).toEqual(["value", "value"]);
});

test("JoinLeaf throws the very error of a task that failed", async () => {
  const failure = new Error("the child's");
  const outcomes = await simulate(function* () {
    const seen: unknown[] = [];
    yield* scope(function* (inner) {
      inner.spawn(function* () {
        try {
          yield* scope(function* (scope) {
            const task = scope.spawn(function* () {
              yield* ready(0);
              throw failure;
            });
            yield* task;
          });
        } catch (error) {
          seen.push(error);
        }
      });
      yield* sleep(1);
    });
    return seen;
  });
  expect(outcomes[0]).toBe(failure);
});

test("JoinLeaf throws TaskCancelledError, with the reason as its cause, for a cancelled task", async () => {
  const reason = new Error("no longer wanted");
  const outcomes = await joined((scope) => {
    const task = scope.spawn(() => sleepForever(), "victim");
    task.cancel(reason);
    return task;
  });
  expect(outcomes.length).toBe(2);
  for (const error of outcomes) {
    expect(error).toBeInstanceOf(TaskCancelledError);
    expect(messageOf(error)).toBe("Cannot join task 2 (victim): it was cancelled");
    expect((error as Error).cause).toBe(reason);
  }
});

test("JoinLeaf wakes many joiners in the order in which they came, but for those cancelled meanwhile", async () => {
  const order: string[] = [];
  await simulate(function* () {
    yield* scope(function* (scope) {
      const target = scope.spawn(() => sleep(10));
      const joiners = Array.from({ length: 6 }, (_, i) =>
        scope.spawn(function* () {
          try {
            yield* target;
            order.push(`${i} joined`);
          } catch (error) {
            order.push(`${i} stopped`);
            throw error;
          }
        }),
      );
      yield* sleep(5);
      joiners[0]?.cancel();
      joiners[3]?.cancel();
      joiners[5]?.cancel();
    });
  });
  expect(order).toEqual(["0 stopped", "3 stopped", "5 stopped", "1 joined", "2 joined", "4 joined"]);
});

test("JoinLeaf that gives up does not harm the task, which can be joined again", async () => {
  const value = await simulate(function* () {
    return yield* scope(function* (scope) {
      const target = scope.spawn(function* () {
        yield* sleep(10);
        return "in the end";
      });
      const first = yield* moveOnAfter(3, target);
      return [first, yield* target];
    });
  });
  expect(value).toEqual([undefined, "in the end"]);
});

test("JoinLeaf finishes at once when the task has ended", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    yield* scope(function* (scope) {
      const task = scope.spawn(() => ready(1));
      yield* sleep(1);
      const before = sim.scheduler.steps;
      for (let i = 0; i < 50; i++) yield* task;
      expect(sim.scheduler.steps).toBe(before);
    });
  });
});

test("JoinLeaf of the task that is next on the ring takes its step at once, and does not park when that ends it", async () => {
  const sim = new Simulation({ development: false });
  const gate = new Gate<string>();
  const log: string[] = [];
  const root = sim.start(() =>
    scope(function* (scope) {
      const quick = scope.spawn(function* () {
        log.push("quick");
        return yield* ready("value");
      });
      const slow = scope.spawn(() => gate.take());
      log.push(yield* quick, "no turn was needed");
      log.push(yield* slow);
    }),
  );
  sim.host.advance();
  expect(log).toEqual(["quick", "value", "no turn was needed"]);
  gate.give("slow");
  await sim.settle();
  expect([log.at(-1), root.ending, sim.scheduler.steps]).toEqual(["slow", "returned", 5]);
});

test("JoinLeaf that takes a step of its target does not park under a cancel which that step brought", async () => {
  const sim = new Simulation({ development: false });
  const log: unknown[] = [];
  await sim.run(() =>
    scope(function* (outer) {
      try {
        yield* scope(function* (inner) {
          const target = outer.spawn(function* () {
            inner.cancel("by the target");
            yield* sleep(1_000);
          });
          yield* target;
        });
      } catch (error) {
        log.push(error instanceof ScopeCancelledError, now());
      }
    }),
  );
  expect([log, sim.host.now()]).toEqual([[true, 0], 1_000]);
});

test("JoinLeaf steps count for the pass: a tree of joins cannot keep the host waiting", () => {
  const sim = new Simulation({ development: false });
  function* count(depth: number): Steps<number> {
    return yield* scope(function* (scope) {
      let sum = 1;
      const children = depth > 0 ? 2 : 0;
      for (let i = 0; i < children; i++) sum += yield* scope.spawn(() => count(depth - 1));
      return sum;
    });
  }
  const root = sim.start(() => count(10));
  for (let previous = 0; root.ending === null; previous = sim.scheduler.steps) {
    sim.host.advance();
    expect(sim.scheduler.steps - previous).toBeLessThanOrEqual(PASS_STEPS_MAX);
  }
  expect(root.outcome).toBe(2 ** 11 - 1);
});
