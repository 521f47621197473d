// Faults that no task can be blamed for end the world: a throw in a park, an unpark, a hook or a flush.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Hand, messageOf, ready, rejection } from "./kit.ts";

test("Scheduler ends the world when a park throws: no task is to blame", async () => {
  const sim = new Simulation();
  const fault = new Error("a broken park");
  let caught = false;
  sim.start(function* () {
    try {
      yield* new Hand({ park: fault }) as Operation<number>;
    } catch {
      caught = true;
    }
  });
  expect(await rejection(sim.settle())).toBe(fault);
  expect(caught).toBe(false);
});

test("Scheduler ends the world when a hook throws, and the task whose step it was is not blamed", async () => {
  for (const hook of ["taskSpawned", "beforeStep", "afterStep", "taskExited"] as const) {
    const sim = new Simulation();
    sim.scheduler.instrument = {
      [hook](task: Task) {
        if (task.id === 2) throw new Error(`a broken ${hook}`);
      },
    };
    const root = sim.start(() =>
      scope(function* (scope) {
        scope.spawn(() => checkpoint());
        yield* checkpoint();
      }),
    );
    expect(messageOf(await rejection(sim.settle()))).toBe(`a broken ${hook}`);
    expect(root.ending).not.toBe("failed");
  }
});

test("Scheduler ends the world when a flush throws", async () => {
  const sim = new Simulation();
  sim.scheduler.flushSoon({
    roundEnded() {
      throw new Error("a broken flush");
    },
  });
  sim.start(() => sleepForever());
  expect(messageOf(await rejection(sim.settle()))).toBe("a broken flush");
});

test("Scheduler ends the world when an unpark throws, and whoever cancels is not blamed", async () => {
  const sim = new Simulation();
  const fault = new Error("a broken unpark");
  const victim = sim.start(() => new Hand({ unpark: fault }));
  const canceller = sim.start(function* () {
    yield* sleep(1);
    victim.cancel();
  });
  expect(await rejection(sim.settle())).toBe(fault);
  expect(canceller.ending).toBe("returned");
});

test("Scheduler ends the world when an unpark throws in an alarm, and is not left believing that a callback runs", async () => {
  const sim = new Simulation();
  const fault = new Error("a broken unpark");
  sim.start(function* () {
    yield* scope(
      function* () {
        yield* new Hand({ unpark: fault }) as Operation<number>;
      },
      { deadline: 5 },
    );
  });
  expect(await rejection(sim.settle())).toBe(fault);
  const other = sim.start(() => ready("still turning"));
  sim.host.advance();
  expect(other.ending).toBe("returned");
});
