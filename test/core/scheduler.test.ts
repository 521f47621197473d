// The one place where tasks are resumed: exactly-once wake, order, bounded passes, flushes and alarms.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { PASS_STEPS_MAX } from "../../src/config.ts";
import { sleep } from "../../src/core/sleep.ts";
import { PARKED, QUEUED, RETURNED, RUNNING, type Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, Hand, ready, turns } from "./kit.ts";

test("Scheduler wake resumes a task once, however often it is called", async () => {
  const sim = new Simulation();
  const [hand, next] = [new Hand(), new Hand()];
  const task = sim.start(function* () {
    yield* hand;
    yield* next;
  });
  turns(sim);
  for (let i = 0; i < 3; i++) sim.scheduler.wake(task, hand);
  turns(sim);
  expect([hand.resumes, next.resumes, task.wait === next]).toEqual([1, 0, true]);
  // A late wake from the wait before must not end this one.
  sim.scheduler.wake(task, hand);
  turns(sim);
  expect([task.state, next.resumes]).toEqual([PARKED, 0]);
  sim.scheduler.wake(task, next);
  turns(sim);
  expect([task.state, next.resumes, sim.scheduler.steps]).toEqual([RETURNED, 1, 3]);
  sim.scheduler.wake(task, next);
  turns(sim);
  expect(sim.scheduler.steps).toBe(3);
});

test("Scheduler wake after a cancel has no effect, and a cancel after a wake does not overwrite the value", async () => {
  const sim = new Simulation();
  const hands = [new Hand(), new Hand()];
  const values: unknown[] = [];
  const tasks = hands.map((hand) =>
    sim.start(function* () {
      values.push(yield* hand);
      yield* ready(1);
      values.push("never");
    }),
  );
  turns(sim);
  tasks[0]?.cancel();
  sim.scheduler.wake(tasks[0] as Task<void>, hands[0] as Hand);
  sim.scheduler.wake(tasks[1] as Task<void>, hands[1] as Hand);
  tasks[1]?.cancel();
  await sim.settle();
  expect(hands.map((hand) => hand.resumes)).toEqual([0, 1]);
  expect(values).toEqual([1]);
  expect(tasks.map((task) => task.ending)).toEqual(["cancelled", "cancelled"]);
});

test("Scheduler runs tasks in the order in which they were woken", async () => {
  const sim = new Simulation();
  const order: number[] = [];
  const gates = Array.from({ length: 20 }, () => new Gate<number>());
  for (const gate of gates) {
    sim.start(function* () {
      order.push(yield* gate.take());
    });
  }
  turns(sim);
  const shuffled = gates.map((_, i) => (i * 7) % 20);
  for (const i of shuffled) gates[i]?.give(i);
  await sim.settle();
  expect(order).toEqual(shuffled);
});

test("Scheduler drains the ring at the end of the callback that woke it, and not inside", async () => {
  const sim = new Simulation();
  const { scheduler } = sim;
  const gate = new Gate<string>();
  const log: string[] = [];
  sim.start(function* () {
    for (;;) log.push(yield* gate.take());
  });
  turns(sim);
  scheduler.enter();
  scheduler.enter();
  gate.give("first");
  scheduler.leave();
  log.push("the inner callback has left");
  scheduler.leave();
  log.push("the outer callback has left");
  expect(log).toEqual(["the inner callback has left", "first", "the outer callback has left"]);
});

test("Scheduler wake from outside of callbacks asks the host for a turn, once", () => {
  const sim = new Simulation();
  const gates = [new Gate<number>(), new Gate<number>()];
  const got: number[] = [];
  for (const gate of gates) {
    sim.start(function* () {
      got.push(yield* gate.take());
    });
  }
  let defers = 0;
  const defer = sim.host.defer.bind(sim.host);
  sim.host.advance();
  sim.host.defer = () => {
    defers++;
    defer();
  };
  for (const gate of gates) gate.give(1);
  expect([defers, got.length]).toEqual([1, 0]);
  sim.host.advance();
  expect([defers, got.length]).toEqual([1, 2]);
});

test(`Scheduler pass makes at most ${PASS_STEPS_MAX} steps, then the host has its turn`, async () => {
  const sim = new Simulation();
  const counts: number[] = [];
  let events = 0;
  for (let i = 0; i < 3; i++) {
    sim.start(function* () {
      for (let j = 0; j < 400; j++) yield* checkpoint();
    });
  }
  // An event of the host that is always ready: it must come between two passes.
  const event = (): void => {
    events++;
    counts.push(sim.scheduler.steps);
    if (sim.scheduler.roots.size > 0) queued();
  };
  const queued = (): void => sim.host.schedule(0.01, event);
  sim.host.schedule(0, event);
  let previous = 0;
  while (sim.scheduler.roots.size > 0) {
    sim.host.advance();
    expect(sim.scheduler.steps - previous).toBeLessThanOrEqual(PASS_STEPS_MAX);
    previous = sim.scheduler.steps;
  }
  expect(sim.scheduler.steps).toBe(3 * 401);
  expect(events).toBeGreaterThan(0);
});

test("Scheduler leaves what a callback woke beyond a pass to a turn that it asks for", () => {
  const sim = new Simulation({ development: false });
  const { scheduler } = sim;
  const gates = Array.from({ length: PASS_STEPS_MAX + 44 }, () => new Gate<number>());
  let got = 0;
  for (const gate of gates) {
    sim.start(function* () {
      yield* gate.take();
      got++;
    });
  }
  while (gates.at(-1)?.parks === 0) sim.host.advance();
  while (sim.host.advance());
  scheduler.enter();
  for (const gate of gates) gate.give(1);
  scheduler.leave();
  expect(got).toBe(PASS_STEPS_MAX);
  expect(sim.host.advance()).toBe(true);
  expect(got).toBe(gates.length);
});

test("Scheduler carries more tasks than its ring began with", async () => {
  const sim = new Simulation({ development: false });
  let done = 0;
  await sim.run(function* () {
    yield* scope(function* (scope) {
      for (let i = 0; i < 3_000; i++) {
        scope.spawn(function* () {
          yield* checkpoint();
          done++;
        });
      }
    });
  });
  expect(done).toBe(3_000);
});

test("Scheduler states: a task is queued, running, parked and ended in turn", () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const states: number[] = [];
  const task = sim.start(function* () {
    states.push(task.state);
    yield* gate.take();
  });
  states.push(task.state);
  turns(sim);
  states.push(task.state);
  gate.give(1);
  states.push(task.state);
  turns(sim);
  states.push(task.state);
  expect(states).toEqual([QUEUED, RUNNING, PARKED, QUEUED, RETURNED]);
});

test("Scheduler flushSoon flushes once at the end of the round in which it was asked for", () => {
  const sim = new Simulation();
  const { scheduler } = sim;
  const log: string[] = [];
  const conn = { roundEnded: () => void log.push("flush") };
  const late = { roundEnded: () => void log.push("late flush") };
  sim.start(function* () {
    log.push("step");
    scheduler.flushSoon(conn);
    yield* checkpoint();
    log.push("step");
  });
  let defers = 0;
  const { defer } = sim.host;
  sim.host.defer = () => void defers++;
  scheduler.turn();
  expect(log).toEqual(["step", "step", "flush"]);
  // The round that runs the step flushes at its end: it needs no further turn.
  expect(defers).toBe(0);
  sim.host.defer = defer;
  scheduler.turn();
  expect(log.length).toBe(3);
  // From a callback: not at its end, but in the turn that it asks for.
  scheduler.enter();
  scheduler.flushSoon(conn);
  scheduler.leave();
  expect(log.length).toBe(3);
  expect(sim.host.advance()).toBe(true);
  expect(log.length).toBe(4);
  // What a flush asks for waits for the next turn.
  scheduler.flushSoon({ roundEnded: () => scheduler.flushSoon(late) });
  scheduler.turn();
  expect(log.at(-1)).toBe("flush");
  scheduler.turn();
  expect(log.at(-1)).toBe("late flush");
});

test("Scheduler asks the host for an alarm only when a nearer deadline appears", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    yield* scope(function* (scope) {
      for (const ms of [50, 60, 70, 80]) scope.spawn(() => sleep(ms));
    });
  });
  // One for the first deadline, one after each alarm for the next, and one that asks for none.
  expect(sim.host.wakeAts).toBeLessThanOrEqual(6);
  expect(sim.host.now()).toBe(80);
});

test("Scheduler with two roots serves both in turn and lists both", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  for (const name of ["a", "b"]) {
    sim.start(function* () {
      for (let i = 0; i < 3; i++) {
        log.push(`${name}${i}`);
        yield* checkpoint();
      }
    });
  }
  await sim.settle();
  expect(log).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
});
