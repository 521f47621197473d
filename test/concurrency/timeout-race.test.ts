// Deadlines, cancels and values that come at one and the same moment: no value is thrown away, and the first cause stands.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { sleepForever } from "../../src/core/sleep.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, ready, turns } from "../core/kit.ts";

test("timeout lets the outer cancel through, also when both come at the same moment", async () => {
  for (const outerFirst of [true, false]) {
    const sim = new Simulation();
    const log: string[] = [];
    const task = sim.start(function* () {
      try {
        log.push(String(yield* moveOnAfter(10, sleepForever())));
      } catch (error) {
        log.push(isCancelled(error) && error.scope === task ? "outer" : "other");
        throw error;
      }
      yield* ready(1);
      log.push("never");
    });
    turns(sim);
    // The alarm of the deadline comes within the same virtual moment as the cancel, before or after it.
    sim.host.schedule(outerFirst ? 10 : 0, () => {
      if (outerFirst) task.cancel();
      else sim.host.schedule(10, () => task.cancel());
    });
    await sim.settle();
    expect(log.length).toBe(1);
    expect(["outer", "undefined"]).toContain(log[0] as string);
    expect([task.ending, sim.host.now()]).toEqual(["cancelled", 10]);
  }
});

test("timeout whose deadline came first keeps to it when the outer cancel follows before the task runs", () => {
  const sim = new Simulation();
  const seen: unknown[] = [];
  const task = sim.start(function* () {
    seen.push(yield* moveOnAfter(10, sleepForever()));
    yield* ready(1);
    seen.push("never");
  });
  turns(sim);
  const { scheduler } = sim;
  sim.host.schedule(10, () => {});
  sim.host.advance();
  // Inside one callback: the deadline expires, then somebody cancels.
  scheduler.enter();
  scheduler.timers.expire(10);
  task.cancel("outer");
  scheduler.leave();
  expect([seen, task.ending]).toEqual([[undefined], "cancelled"]);
});

test("timeout whose outer cancel came first passes that on, though its deadline expires before the task runs", () => {
  const sim = new Simulation();
  const seen: unknown[] = [];
  const task = sim.start(function* () {
    seen.push(yield* moveOnAfter(10, sleepForever()));
  });
  turns(sim);
  const { scheduler } = sim;
  scheduler.enter();
  task.cancel("outer");
  scheduler.timers.expire(10);
  scheduler.leave();
  expect([seen, task.ending, scheduler.timers.armed]).toEqual([[], "cancelled", 0]);
});

test("timeout gives a value that was delivered before the deadline, though the deadline expires before the task runs", async () => {
  for (const valueFirst of [true, false]) {
    const sim = new Simulation();
    const gate = new Gate<string>();
    const { scheduler } = sim;
    const task = sim.start(moveOnAfter(10, gate.take()));
    turns(sim);
    scheduler.enter();
    if (valueFirst) gate.give("value");
    scheduler.timers.expire(10);
    if (!valueFirst) gate.give("value");
    scheduler.leave();
    await sim.settle();
    expect([task.outcome, gate.items]).toEqual(valueFirst ? ["value", []] : [undefined, ["value"]]);
  }
});

test("moveOnAfter loses no item whatever the race between giver, deadline and cancel", async () => {
  // Every order of the three events within one callback, at each of the suspension points of a task that takes with a deadline.
  for (const order of [
    ["give", "expire", "cancel"],
    ["give", "cancel", "expire"],
    ["expire", "give", "cancel"],
    ["expire", "cancel", "give"],
    ["cancel", "give", "expire"],
    ["cancel", "expire", "give"],
  ]) {
    for (let point = 0; point < 4; point++) {
      const sim = new Simulation({ development: false });
      const { scheduler, host } = sim;
      const gate = new Gate<number>();
      const got: number[] = [];
      const task = sim.start(function* () {
        for (;;) {
          const item = yield* moveOnAfter(10, () => gate.take());
          if (item !== undefined) got.push(item);
          yield* checkpoint();
        }
      });
      turns(sim);
      let given = 0;
      for (; given < point; given++) {
        gate.give(given);
        turns(sim);
      }
      scheduler.enter();
      for (const event of order) {
        if (event === "give") gate.give(given++);
        else if (event === "expire") scheduler.timers.expire(host.now() + 10);
        else task.cancel();
      }
      scheduler.leave();
      await sim.settle();
      expect([order, [...got, ...gate.items]]).toEqual([order, Array.from({ length: given }, (_, i) => i)]);
      expect([task.ending, scheduler.timers.armed]).toEqual(["cancelled", 0]);
    }
  }
});
