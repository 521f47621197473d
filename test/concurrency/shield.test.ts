// Shields: clean-up in a cancelled scope, for as long as the grace lasts, counted from the cancel or from the entry, whichever is later.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { ProtocolError, ScopeCancelledError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection, thrown, turns } from "../core/kit.ts";

/** Starts `body`, cancels it at `cancelAt` from outside of all callbacks, and tells how and when it ended. */
async function cancelledAt(
  cancelAt: number,
  body: () => Operation<unknown>,
): Promise<{ task: Task; at: number; sim: Simulation }> {
  const sim = new Simulation();
  const task = sim.start(body);
  task.promise.catch(() => {});
  if (cancelAt > 0) sim.host.schedule(cancelAt, () => task.cancel("why"));
  else task.cancel("why");
  await sim.settle();
  return { task, at: sim.host.now(), sim };
}

test("shield without a cancel changes nothing and arms no timer", async () => {
  const sim = new Simulation();
  expect(await sim.run(() => shield(ready("value"), 5))).toBe("value");
  expect(messageOf(await rejection(sim.run(() => shield(failing, 5))))).toBe("boom");
  expect([sim.scheduler.timers.arms, sim.scheduler.steps]).toEqual([0, 2]);
});

function* failing(): Steps<void> {
  yield* ready(1);
  throw new Error("boom");
}

test("shield lets its operation finish; the cancel is thrown by the next leaf outside", async () => {
  const log: string[] = [];
  const { task, at } = await cancelledAt(10, function* () {
    yield* shield(sleep(30), 100);
    log.push(`finished at ${now()}`);
    yield* ready(1);
    log.push("never");
  });
  expect([log, task.ending, at]).toEqual([["finished at 30"], "cancelled", 30]);
});

test("shield whose grace runs out lets the surrounding Cancelled in, counted from the cancel", async () => {
  const seen: unknown[] = [];
  const { task, at, sim } = await cancelledAt(10, () =>
    shield(function* () {
      try {
        yield* sleepForever();
      } catch (error) {
        seen.push(error);
        throw error;
      }
    }, 25),
  );
  expect([task.ending, at]).toEqual(["cancelled", 35]);
  expect(seen).toEqual([task.cause]);
  expect([sim.scheduler.timers.armed, sim.scheduler.swallowedCancels]).toEqual([0, 0]);
});

test("shield in a scope that is cancelled already counts from its entry", async () => {
  const log: string[] = [];
  const { task, at } = await cancelledAt(10, function* () {
    try {
      yield* sleepForever();
    } finally {
      log.push(`at ${now()}`);
      yield* shield(sleep(20), 21);
      log.push(`first at ${now()}`);
      try {
        yield* shield(sleepForever(), 30);
      } finally {
        log.push(`second at ${now()}`);
      }
    }
  });
  expect(log).toEqual(["at 10", "first at 30", "second at 60"]);
  expect([task.ending, at]).toEqual(["cancelled", 60]);
});

test("shield that is over in time but was interrupted by nothing is not reported as a swallowed cancel", async () => {
  const { sim } = await cancelledAt(10, function* () {
    try {
      yield* sleepForever();
    } finally {
      yield* shield(sleep(5), 50);
    }
  });
  expect([sim.scheduler.swallowedCancels, sim.host.reports]).toEqual([0, []]);
});

test("shield with no grace at all is over in the same moment, and with endless grace never", async () => {
  const none = await cancelledAt(10, () => shield(sleepForever(), 0));
  expect([none.task.ending, none.at]).toEqual(["cancelled", 10]);
  const endless = await cancelledAt(10, () => shield(sleep(100_000), Number.POSITIVE_INFINITY));
  expect([endless.task.ending, endless.at]).toEqual(["returned", 100_000]);
  expect(endless.sim.scheduler.timers.arms).toBe(1);
});

test("shield inside a shield: the inner grace begins when the outer one has run out", async () => {
  const log: string[] = [];
  const { at } = await cancelledAt(10, () =>
    shield(function* () {
      try {
        yield* shield(sleepForever(), 40);
      } finally {
        log.push(`inner is over at ${now()}`);
      }
    }, 20),
  );
  expect([log, at]).toEqual([["inner is over at 70"], 70]);
});

test("shield does not keep out a cancel from inside", async () => {
  const error = await rejection(
    simulate(() =>
      shield(
        scope(function* (scope) {
          scope.cancel();
          yield* ready(1);
        }),
        1_000,
      ),
    ),
  );
  expect(error).toBeInstanceOf(ScopeCancelledError);
});

test("shield covers whole scopes with their tasks, and lets the cancel in to all of them at the end of the grace", async () => {
  const log: string[] = [];
  const { task, at } = await cancelledAt(5, () =>
    shield(
      () =>
        scope(function* (scope) {
          scope.spawn(function* () {
            yield* sleep(20);
            log.push("child had time");
          });
          scope.spawn(function* () {
            try {
              yield* sleepForever();
            } catch (error) {
              log.push(`child is stopped at ${now()}: ${isCancelled(error)}`);
              throw error;
            }
          });
          yield* sleepForever();
        }),
      50,
    ),
  );
  expect(log).toEqual(["child had time", "child is stopped at 55: true"]);
  expect([task.ending, at]).toEqual(["cancelled", 55]);
});

test("shield spawned as the very body of a task starts its grace when the cancel comes between two callbacks", async () => {
  // Nothing is put on the ring by this cancel, so nobody but the shield can ask for the alarm.
  const sim = new Simulation();
  const task = sim.start(shield(sleepForever(), 100));
  turns(sim);
  task.cancel();
  await sim.settle();
  expect([task.ending, sim.host.now()]).toEqual(["cancelled", 100]);
});

test("shield under a deadline: the deadline's cancel starts the grace", async () => {
  const sim = new Simulation();
  const log: unknown[] = [];
  await sim.run(function* () {
    log.push(yield* moveOnAfter(10, shield(sleepForever(), 20)), now());
    log.push(
      yield* moveOnAfter(10, function* () {
        yield* shield(sleep(15), 20);
        return "in the grace";
      }),
      now(),
    );
  });
  expect(log).toEqual([undefined, 30, "in the grace", 45]);
});

test("shield over a deadline: the deadline works in a cancelled scope as anywhere", async () => {
  const log: unknown[] = [];
  const { task, at } = await cancelledAt(10, function* () {
    try {
      yield* sleepForever();
    } finally {
      log.push(yield* shield(moveOnAfter(15, sleepForever()), 100), now());
      log.push(
        yield* shield(
          moveOnAfter(15, () => ready("at once")),
          100,
        ),
      );
    }
  });
  expect([log, task.ending, at]).toEqual([[undefined, 25, "at once"], "cancelled", 25]);
});

test("shield under a deadline that is set in a cancelled scope keeps its grace", async () => {
  const log: string[] = [];
  const { at } = await cancelledAt(10, function* () {
    try {
      yield* sleepForever();
    } finally {
      yield* timeout(5, shield(sleep(50), 100));
      log.push(`at ${now()}`);
    }
  });
  // The surroundings were cancelled already, so the deadline has nothing left to cancel: the shield alone decides.
  expect([log, at]).toEqual([["at 60"], 60]);
});

test("shield that lets the cancel in does so for each leaf: a loop that catches it is counted", async () => {
  let caught = 0;
  const { sim } = await cancelledAt(1, () =>
    shield(function* () {
      while (caught < 5) {
        try {
          yield* sleep(100);
        } catch {
          caught++;
        }
      }
    }, 10),
  );
  expect([caught, sim.scheduler.swallowedCancels, sim.host.now()]).toEqual([5, 4, 11]);
});

test("shield whose grace runs out between two waits throws the cancel as news, not as one that was swallowed", async () => {
  const sim = new Simulation();
  const gate = new Gate<string>();
  const log: unknown[] = [];
  const task = sim.start(function* () {
    try {
      yield* sleepForever();
    } finally {
      yield* shield(function* () {
        log.push(yield* gate.take());
        yield* ready(1);
        log.push("never");
      }, 20);
    }
  });
  turns(sim);
  task.cancel();
  turns(sim);
  const { scheduler } = sim;
  scheduler.enter();
  gate.give("an item");
  scheduler.timers.expire(20);
  scheduler.leave();
  await sim.settle();
  expect([log, task.ending, scheduler.swallowedCancels]).toEqual([["an item"], "cancelled", 0]);
});

test("shield refuses a grace that is no number, a body that is no operation, and a place outside of tasks", async () => {
  expect(messageOf(thrown(() => shield(sleep(1), Number.NaN)))).toBe(
    "Cannot shield: expected a number of milliseconds and found NaN",
  );
  // @ts-expect-error what the types refuse must be refused at run time too
  expect(messageOf(await rejection(simulate(() => shield(() => 5, 5))))).toStartWith(
    "Cannot shield: expected an operation",
  );
  expect(thrown(() => shield(sleep(1), 5)[Symbol.iterator]().next())).toBeInstanceOf(ProtocolError);
});

test("shield leaves the tree as it found it when its operation throws", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    yield* scope(function* (scope) {
      try {
        yield* shield(failing, 5);
      } catch {
        // Expected.
      }
      scope.deadline = now() + 5;
      scope.spawn(() => sleepForever());
      yield* checkpoint();
    });
  });
  expect(sim.host.now()).toBe(5);
});
