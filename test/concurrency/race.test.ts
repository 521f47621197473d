// A race: who wins, what becomes of the losers, and what is never lost. Random schedules are in composite-model.test.ts.

import { expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { Latch } from "../../src/concurrency/latch.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { suppressedErrors } from "../../src/concurrency/suppressed.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import { DeadlockError, ProtocolError, TaskCancelledError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { endingLate, Gate, Hand, messageOf, ready, rejection, turns } from "../core/kit.ts";

test("race gives the name and the value of the leaf that is woken first, and unparks the others", async () => {
  const sim = new Simulation();
  const [left, right] = [new Gate<number>(), new Gate<number>()];
  const task = sim.start(() => race({ left: left.take(), right: right.take(), late: sleep(50) }));
  turns(sim);
  expect([left.parks, right.parks, sim.scheduler.timers.armed]).toEqual([1, 1, 1]);
  right.give(7);
  turns(sim);
  expect(await task.promise).toEqual({ name: "right", value: 7 });
  expect([left.unparks, right.unparks, left.receiver, sim.scheduler.timers.armed]).toEqual([1, 0, null, 0]);
});

test("race hands nothing to a loser: of two items given in one callback the second stays", async () => {
  const sim = new Simulation();
  const [left, right] = [new Gate<number>(), new Gate<number>()];
  const task = sim.start(() => race({ left: left.take(), right: right.take() }));
  turns(sim);
  sim.scheduler.enter();
  right.give(1);
  left.give(2);
  right.give(3);
  sim.scheduler.leave();
  expect(await task.promise).toEqual({ name: "right", value: 1 });
  expect([left.items, right.items]).toEqual([[2], [3]]);
});

test("race takes the first in order of those that are done at once, without parking and without starting a child", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  const value = await sim.run(() =>
    race({
      child: function* () {
        log.push("started");
        yield* ready(1);
      },
      never: sleepForever(),
      first: ready(1),
      second: ready(2),
    }),
  );
  expect(value).toEqual({ name: "first", value: 1 });
  expect([log, sim.scheduler.steps]).toEqual([[], 1]);
});

test("race joins a losing child before it returns, its shielded clean-up included", async () => {
  const log: string[] = [];
  const value = await simulate(function* () {
    const first = yield* race({
      fast: function* () {
        yield* sleep(5);
        return "fast";
      },
      *slow() {
        try {
          yield* sleepForever();
        } finally {
          yield* shield(sleep(20), 50);
          log.push(`cleaned up at ${now()}`);
        }
      },
    });
    log.push(`over at ${now()}`);
    return first;
  });
  expect(value).toEqual({ name: "fast", value: "fast" });
  expect(log).toEqual(["cleaned up at 25", "over at 25"]);
});

test("race mixes leaves and children: a leaf that wins cancels the children, a child that wins unparks the leaves", async () => {
  for (const winner of ["leaf", "child"] as const) {
    const sim = new Simulation();
    const gate = new Gate<string>();
    const log: string[] = [];
    const task = sim.start(() =>
      race({
        leaf: gate.take(),
        *child() {
          try {
            yield* sleep(winner === "child" ? 5 : 100);
            return "from the child";
          } finally {
            log.push("child over");
          }
        },
      }),
    );
    turns(sim);
    if (winner === "leaf") gate.give("from the gate");
    await sim.settle();
    expect(await task.promise).toEqual({ name: winner, value: winner === "leaf" ? "from the gate" : "from the child" });
    expect([log, gate.receiver, gate.unparks]).toEqual([["child over"], null, winner === "leaf" ? 0 : 1]);
    expect([sim.host.now(), sim.scheduler.timers.armed]).toEqual([winner === "leaf" ? 0 : 5, 0]);
  }
});

test("race throws the error that comes first, with the losers' errors hung on it", async () => {
  const error = await rejection(
    simulate(() =>
      race({
        *quick() {
          yield* sleep(1);
          throw new Error("quick");
        },
        *clumsy() {
          try {
            yield* sleepForever();
          } finally {
            // oxlint-disable-next-line no-unsafe-finally -- a clean-up that fails is what this is about
            throw new Error("clumsy");
          }
        },
        calm: sleepForever(),
      }),
    ),
  );
  expect(messageOf(error)).toBe("quick");
  expect(suppressedErrors(error).map(messageOf)).toEqual(["clumsy"]);
});

test("race throws what a loser's clean-up threw in place of the winner's value", async () => {
  for (const winner of [ready(1), sleep(1)]) {
    const outcome = await simulate(function* () {
      yield* checkpoint();
      try {
        return yield* race({
          *clumsy() {
            try {
              yield* sleepForever();
            } finally {
              // oxlint-disable-next-line no-unsafe-finally -- see above
              throw new Error("clumsy");
            }
          },
          winner,
        });
      } catch (error) {
        return messageOf(error);
      }
    });
    // A child that was never started has nothing to clean up.
    expect(outcome).toEqual(winner.constructor.name === "ReadyLeaf" ? { name: "winner", value: 1 } : "clumsy");
  }
});

test("race that is cancelled from outside unparks its leaves, joins its children, and passes the cancel on", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const log: string[] = [];
  const task = sim.start(() =>
    race({
      leaf: gate.take(),
      child: () => endingLate(log),
    }),
  );
  turns(sim);
  task.cancel("enough");
  await sim.settle();
  expect([task.ending, log, gate.unparks, gate.receiver]).toEqual(["cancelled", ["child over at 10"], 1, null]);
});

test("race whose winner was woken before a cancel came keeps the value", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const seen: unknown[] = [];
  const task = sim.start(function* () {
    seen.push(yield* race({ item: gate.take(), never: sleepForever() }));
    yield* ready(1);
    seen.push("never");
  });
  turns(sim);
  sim.scheduler.enter();
  gate.give(3);
  task.cancel();
  sim.scheduler.leave();
  expect([seen, task.ending]).toEqual([[{ name: "item", value: 3 }], "cancelled"]);
});

test("race under a deadline is stopped by it, with children and without", async () => {
  const sim = new Simulation();
  const value = await sim.run(function* () {
    const plain = yield* moveOnAfter(5, race({ a: sleepForever(), b: sleep(50) }));
    const deep = yield* moveOnAfter(5, () => race({ a: timeout(20, sleepForever()), b: sleepForever() }));
    return [plain, deep, now()];
  });
  expect(value).toEqual([undefined, undefined, 10]);
  expect(sim.scheduler.timers.armed).toBe(0);
});

test("race inside a race of leaves hands nothing to a loser either", async () => {
  const sim = new Simulation();
  const gates = [new Gate<number>(), new Gate<number>(), new Gate<number>()] as const;
  const task = sim.start(() =>
    race({ inner: race({ a: gates[0].take(), b: gates[1].take() }), outer: gates[2].take(), tick: sleep(90) }),
  );
  turns(sim);
  sim.scheduler.enter();
  gates[1].give(1);
  gates[2].give(2);
  gates[0].give(3);
  sim.scheduler.leave();
  expect(await task.promise).toEqual({ name: "inner", value: { name: "b", value: 1 } });
  expect(gates.map(({ items, receiver }) => [items, receiver])).toEqual([
    [[3], null],
    [[], null],
    [[2], null],
  ]);
  expect(sim.scheduler.timers.armed).toBe(0);
});

test("race takes tasks, bodies and other composites as parts", async () => {
  const value = await simulate(() =>
    scope(function* (scope) {
      const slow = scope.spawn(() => sleep(30));
      const ended: Task<string> = scope.spawn(function* () {
        return "ended";
      });
      const rounds: unknown[] = [];
      rounds.push(yield* race({ slow, ended }));
      rounds.push(yield* race({ slow, ended }));
      rounds.push(yield* race({ slow, both: all([sleep(1), ready(2)]) }));
      rounds.push(yield* race({ slow, lazy: () => ready("lazy") }));
      rounds.push(yield* race({ slow, promise: until(Promise.resolve("settled")) }));
      rounds.push(yield* race({ slow, nested: race({ a: timeout(5, sleep(2)), b: sleepForever() }) }));
      rounds.push(yield* race({ slow, never: sleepForever() }));
      return rounds;
    }),
  );
  expect(value).toEqual([
    { name: "ended", value: "ended" },
    { name: "ended", value: "ended" },
    { name: "both", value: [undefined, 2] },
    { name: "lazy", value: "lazy" },
    { name: "promise", value: "settled" },
    { name: "nested", value: { name: "a", value: undefined } },
    { name: "slow", value: undefined },
  ]);
});

test("race takes a leaf that goes round the ring by itself", async () => {
  const sim = new Simulation();
  const value = await sim.run(() => race({ never: sleepForever(), turn: checkpoint(), late: sleep(5) }));
  expect(value).toEqual({ name: "turn", value: undefined });
  expect([sim.scheduler.steps, sim.scheduler.timers.armed]).toEqual([2, 0]);
});

test("race throws what a task that it joins threw, or that it was cancelled", async () => {
  const outcomes = await simulate(() =>
    scope(function* (outer) {
      const cancelled = outer.spawn(() => sleepForever());
      cancelled.cancel();
      const first = yield* rejected(() => race({ cancelled, never: sleepForever() }));
      const second = yield* rejected(() =>
        race({
          *mine() {
            yield* sleep(1);
            throw new Error("mine");
          },
          never: sleepForever(),
        }),
      );
      return [first instanceof TaskCancelledError, messageOf(second)];
    }),
  );
  expect(outcomes).toEqual([true, "mine"]);
});

test("race refuses nothing, what is no operation, and one operation twice", async () => {
  expect(() => race({})).toThrow("Cannot race: there is nothing to race");
  const generator = (function* () {
    yield* sleepForever();
  })();
  const leaf = sleep(1);
  for (const parts of [{ a: 5 }, { a: generator, b: generator }, { a: leaf, b: leaf }, { a: () => [1] }]) {
    const sim = new Simulation({ development: false });
    const error = await rejection(sim.run(() => race(parts as never)));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(sim.scheduler.timers.armed).toBe(0);
  }
  const again = race({ a: ready(1) });
  await simulate(() => again);
  expect(await rejection(simulate(() => again))).toBeInstanceOf(ProtocolError);
  expect(() => `${again as unknown as string}`).toThrow(ProtocolError);
  expect(() => JSON.stringify(again)).toThrow(ProtocolError);
});

test("race that was made and not run is reported once, its parts are not", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    race({ a: sleep(1), b: sleepForever() });
    yield* race({ a: ready(1), b: sleep(1), c: timeout(5, sleep(2)) });
  });
  expect(sim.host.reports.map((text) => text.split("\n")[0])).toEqual([
    'The operation "the first of 2 operations" was made and never run: is a yield* missing?',
  ]);
});

test("race says in a deadlock what each part waits for, and at which line", async () => {
  const sim = new Simulation();
  const error = await rejection(
    sim.run(function* main() {
      yield* race({
        stop: new Latch().wait(),
        never: sleepForever(),
        *child() {
          yield* sleepForever();
        },
      });
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  const lines = messageOf(error).split("\n");
  expect(lines[1]).toContain(
    "task 1 (main): waits for the first of stop (a latch), never (nothing: it sleeps for ever), child (task 2) at main",
  );
  expect(lines[1]).toContain("race.test.ts");
  expect(lines[2]).toContain("  task 2 (child): waits for nothing: it sleeps for ever at");
});

test("race keeps where(task) at the handler's line", () => {
  const sim = new Simulation();
  const task = sim.start(function* handler() {
    yield* race({ a: sleep(5), b: sleepForever() });
  });
  turns(sim);
  const [line] = whereIsTask(task as Task);
  expect(line).toContain("handler");
  expect(line).toContain("race.test.ts");
});

test("race of more leaves than a step's budget gets through, and fair to others", async () => {
  const sim = new Simulation();
  const gates = Array.from({ length: 500 }, () => new Gate<number>());
  const parts = Object.fromEntries(gates.map((gate, i) => [`gate ${i}`, gate.take()]));
  const task = sim.start(() => race(parts));
  turns(sim);
  gates[321]?.give(1);
  turns(sim);
  expect(await task.promise).toEqual({ name: "gate 321", value: 1 });
  expect(gates.every(({ receiver }) => receiver === null)).toBe(true);
});

test("race drops a leaf that was started and not parked, so that it can be used again", async () => {
  const [before, behind, never] = [new Hand(), new Hand(), new Hand()];
  await simulate(() => race({ before: before as Operation<number>, quick: ready(1) }));
  // The checkpoint decides the race in its own park.
  await simulate(() => race({ turn: checkpoint(), behind: behind as Operation<number> }));
  const inner = (): Operation<unknown> => race({ hand: never as Operation<number>, other: sleepForever() });
  await simulate(() => race({ inner: inner(), quick: ready(1) }));
  expect([before.drops, behind.drops, never.drops]).toEqual([1, 1, 1]);
});

function* rejected(attempt: () => Operation<unknown>) {
  try {
    return yield* attempt();
  } catch (error) {
    return error;
  }
}
