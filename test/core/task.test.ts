// What a task promises to whoever holds it: one ending, a promise, a cancel that never comes too early or too late.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { AbortError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { describeTask } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection, turns } from "./kit.ts";

test("Task promise settles with the value, asked for before or after the end", async () => {
  const sim = new Simulation();
  const task = sim.start(() => ready("value"));
  const early = task.promise;
  await sim.settle();
  expect(await early).toBe("value");
  expect(await task.promise).toBe("value");
  expect(task.promise).toBe(early);
  const late = sim.start(() => ready("late"));
  await sim.settle();
  expect(await late.promise).toBe("late");
});

test("Task promise rejects with the very error", async () => {
  const sim = new Simulation();
  for (const failure of [new Error("boom"), "a string", undefined, 0]) {
    const task = sim.start(function* () {
      yield* ready(1);
      throw failure;
    });
    const seen = rejection(task.promise);
    await sim.settle();
    expect(await seen).toBe(failure);
    expect(task.ending).toBe("failed");
  }
});

test("Task promise rejects with an AbortError when the task was cancelled", async () => {
  const sim = new Simulation();
  const reason = new Error("why");
  const task = sim.start(() => sleepForever(), "victim");
  turns(sim);
  task.cancel(reason);
  await sim.settle();
  const error = await rejection(task.promise);
  expect(error).toBeInstanceOf(AbortError);
  expect(error).toMatchObject({
    name: "AbortError",
    message: "Cannot give the value of task 1 (victim): it was cancelled",
    cause: reason,
  });
  expect("cause" in ((await rejection(cancelledWithoutReason())) as Error)).toBe(false);
});

async function cancelledWithoutReason(): Promise<unknown> {
  const sim = new Simulation();
  const task = sim.start(() => sleepForever());
  task.cancel();
  await sim.settle();
  return task.promise;
}

test("Task cancelled before its first step still starts: its first leaf throws and its finally runs", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  const task = sim.start(function* () {
    log.push("started");
    try {
      yield* ready(1);
      log.push("never");
    } finally {
      log.push("finally");
    }
  });
  task.cancel();
  await sim.settle();
  expect([log, task.ending]).toEqual([["started", "finally"], "cancelled"]);
});

test("Task that swallows its cancel and returns has returned", async () => {
  const sim = new Simulation();
  const task = sim.start(function* () {
    try {
      yield* sleepForever();
    } catch {
      // Swallowed on purpose.
    }
    return "anyway";
  });
  turns(sim);
  task.cancel();
  await sim.settle();
  expect([task.ending, await task.promise]).toEqual(["returned", "anyway"]);
});

test("Task cancel has no effect on a task that has ended, and none twice", async () => {
  const sim = new Simulation();
  const task = sim.start(() => ready(1));
  await sim.settle();
  task.cancel();
  expect([task.ending, task.cause]).toEqual(["returned", null]);
  const reasons: unknown[] = [];
  const other = sim.start(function* () {
    try {
      yield* sleepForever();
    } catch (error) {
      reasons.push((error as { reason: unknown }).reason);
      throw error;
    }
  });
  turns(sim);
  other.cancel("first");
  other.cancel("second");
  await sim.settle();
  expect(reasons).toEqual(["first"]);
});

test("Task can cancel itself: its next leaf throws", async () => {
  const sim = new Simulation();
  let later = false;
  const task = sim.start(function* () {
    task.cancel();
    const value = 1;
    yield* ready(value);
    later = true;
  });
  await sim.settle();
  expect([task.ending, later]).toEqual(["cancelled", false]);
});

test("Task gets a value that was handed to it before the cancel; the cancel is thrown by its next leaf", async () => {
  const sim = new Simulation();
  const gate = new Gate<string>();
  const log: unknown[] = [];
  const task = sim.start(function* () {
    log.push(yield* gate.take());
    log.push(yield* ready("never"));
  });
  turns(sim);
  gate.give("an item");
  task.cancel();
  await sim.settle();
  expect([log, task.ending, gate.unparks]).toEqual([["an item"], "cancelled", 0]);
});

test("Task cancelled before the value comes loses nothing: the value stays where it is", async () => {
  const sim = new Simulation();
  const gate = new Gate<string>();
  const task = sim.start(() => gate.take());
  turns(sim);
  task.cancel();
  gate.give("an item");
  await sim.settle();
  expect([gate.items, task.ending, gate.unparks]).toEqual([["an item"], "cancelled", 1]);
});

test("Task that takes items while a cancel races each of them: an item is with the task or in the gate, never both, never nowhere", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("give", "turn", "time", "cancel"), { maxLength: 30 }), async (moves) => {
      const sim = new Simulation({ development: false });
      const gate = new Gate<number>();
      const got: number[] = [];
      const task = sim.start(function* () {
        for (;;) {
          got.push(yield* gate.take());
          yield* sleep(1);
        }
      });
      let given = 0;
      for (const move of [...moves, "cancel"]) {
        if (move === "give") gate.give(given++);
        else if (move === "turn") turns(sim, 1);
        else if (move === "time") sim.host.advance();
        else task.cancel();
      }
      await sim.settle();
      expect([...got, ...gate.items]).toEqual(Array.from({ length: given }, (_, i) => i));
      expect(task.ending).toBe("cancelled");
    }),
  );
});

test("describeTask names a task by its number, and by its name if it has one", () => {
  const sim = new Simulation();
  expect(describeTask(sim.start(() => ready(1)))).toBe("task 1");
  expect(describeTask(sim.start(() => ready(1), "echo"))).toBe("task 2 (echo)");
  expect(describeTask(sim.start(function* handler() {}))).toBe("task 3 (handler)");
});

test("Task that failed keeps its message whole when it is joined by nobody and its promise is read late", async () => {
  const sim = new Simulation();
  const task = sim.start(function* () {
    yield* ready(1);
    throw new Error("late");
  });
  void sim.settle();
  expect(messageOf(await rejection(task.promise))).toBe("late");
});
