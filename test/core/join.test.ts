// Joining: the value, the error, or the news that the task was cancelled; for any number of joiners, in order.

import { expect, test } from "bun:test";
import { scope, type Scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { TaskCancelledError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready } from "./kit.ts";

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
