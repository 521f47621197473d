// The deadline of a scope: a cancel with an error of its own, which can be moved while the scope runs.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { TimeoutError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, rejection } from "../core/kit.ts";

test("scope whose deadline passes throws TimeoutError when its body was interrupted, else gives its value", async () => {
  const sim = new Simulation();
  const error = await rejection(sim.run(() => scope(() => sleepForever(), { deadline: 30, name: "call" })));
  expect(error).toBeInstanceOf(TimeoutError);
  expect([messageOf(error), sim.host.now()]).toEqual(["Cannot complete the scope call: its deadline passed", 30]);
  const value = await simulate(() =>
    scope(
      function* (scope) {
        scope.spawn(() => sleepForever());
        return "value";
      },
      { deadline: 30 },
    ),
  );
  expect(value).toBe("value");
});

test("scope deadline can be moved while it runs, into both directions, and taken off", async () => {
  for (const [moves, end] of [
    [[[5, 50]], 50],
    [[[5, 12]], 12],
    [
      [
        [5, Number.POSITIVE_INFINITY],
        [10, 200],
      ],
      200,
    ],
    [[[5, 1]], 5],
  ] as const) {
    const sim = new Simulation();
    const error = await rejection(
      sim.run(() =>
        scope(
          function* (scope) {
            for (const [at, deadline] of moves) {
              yield* sleep(at - sim.host.now());
              scope.deadline = deadline;
              expect(scope.deadline).toBe(deadline);
            }
            yield* sleepForever();
          },
          { deadline: 20 },
        ),
      ),
    );
    expect([error instanceof TimeoutError, sim.host.now()]).toEqual([true, end]);
    expect(sim.scheduler.timers.armed).toBe(0);
  }
});

test("scope deadline that is set again after it passed, and passes again, is still a TimeoutError", async () => {
  const error = await rejection(
    simulate(() =>
      scope(
        function* (scope) {
          try {
            yield* sleepForever();
          } finally {
            scope.deadline = 20;
            yield* shield(sleep(50), 100);
          }
        },
        { deadline: 10 },
      ),
    ),
  );
  expect(error).toBeInstanceOf(TimeoutError);
});

test("scope deadline set from outside of all callbacks is seen to", async () => {
  const sim = new Simulation();
  let moved = false;
  const task = sim.start(() =>
    scope(function* (scope) {
      // Nothing of the scheduler is on the stack when this runs.
      sim.host.schedule(10, () => {
        scope.deadline = 25;
        moved = true;
      });
      yield* sleepForever();
    }),
  );
  const seen = rejection(task.promise);
  await sim.settle();
  expect([moved, (await seen) instanceof TimeoutError, sim.host.now()]).toEqual([true, true, 25]);
});
