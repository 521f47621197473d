// Giving way: one turn for everybody else, no timer, and a chance for a cancel to be felt.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";

test("checkpoint gives every other ready task one turn", async () => {
  const log: string[] = [];
  await simulate(() =>
    scope(function* (scope) {
      for (const name of ["a", "b", "c"]) {
        scope.spawn(function* () {
          for (let i = 0; i < 3; i++) {
            log.push(name);
            yield* checkpoint();
          }
        });
      }
    }),
  );
  expect(log.join("")).toBe("abcabcabc");
});

test("checkpoint suspends once and arms no timer", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    for (let i = 0; i < 300; i++) yield* checkpoint();
  });
  expect([sim.scheduler.steps, sim.scheduler.timers.arms, sim.host.now()]).toEqual([301, 0, 0]);
});

test("checkpoint lets a long computation feel its cancel", async () => {
  const sim = new Simulation();
  let rounds = 0;
  const task = sim.start(function* () {
    for (;;) {
      rounds++;
      yield* checkpoint();
    }
  });
  sim.start(function* () {
    yield* checkpoint();
    task.cancel();
  });
  await sim.settle();
  expect([task.ending, rounds]).toEqual(["cancelled", 3]);
});
