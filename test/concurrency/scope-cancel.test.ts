// Cancels and scopes: from inside, from outside, by a child; level-triggered; and never across the scope they belong to.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { Cancelled, isCancelled } from "../../src/core/cancel-tree.ts";
import { ScopeCancelledError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection, turns } from "../core/kit.ts";

test("scope cancelled by its body, which is interrupted, throws ScopeCancelledError with the reason as its cause", async () => {
  const reason = new Error("changed my mind");
  const seen: unknown[] = [];
  const error = await rejection(
    simulate(() =>
      scope(
        function* (scope) {
          scope.spawn(function* () {
            try {
              yield* sleepForever();
            } catch (error) {
              seen.push(error);
              throw error;
            }
          });
          yield* checkpoint();
          scope.cancel(reason);
          scope.cancel("too late");
          yield* ready(1);
        },
        { name: "search" },
      ),
    ),
  );
  expect(error).toBeInstanceOf(ScopeCancelledError);
  expect(error).toMatchObject({
    message: "Cannot give the value of the scope search: it was cancelled before its body finished",
    cause: reason,
  });
  expect(seen[0]).toBeInstanceOf(Cancelled);
});

test("scope cancelled by its body as the last thing that it does gives the body's value", async () => {
  const value = await simulate(() =>
    scope(function* (scope) {
      scope.spawn(() => sleepForever());
      yield* checkpoint();
      scope.cancel();
      return "value";
    }),
  );
  expect(value).toBe("value");
});

test("scope cancelled by a child after its body had finished gives the body's value", async () => {
  const sim = new Simulation();
  const value = await sim.run(() =>
    scope(function* (scope) {
      scope.spawn(function* () {
        yield* sleep(5);
        scope.cancel();
      });
      scope.spawn(() => sleepForever());
      return "value";
    }),
  );
  expect([value, sim.host.now()]).toEqual(["value", 5]);
});

test("scope cancelled from outside ends its children and lets that same Cancelled go on", async () => {
  const sim = new Simulation();
  const seen: unknown[] = [];
  const log: string[] = [];
  const task = sim.start(function* () {
    try {
      yield* scope(function* (scope) {
        scope.spawn(function* () {
          try {
            yield* sleepForever();
          } finally {
            yield* shield(sleep(10), 50);
            log.push("child is cleaned up");
          }
        });
        yield* sleepForever();
      });
    } catch (error) {
      seen.push(error);
      log.push("the scope is left");
      throw error;
    }
  });
  turns(sim);
  task.cancel("from outside");
  await sim.settle();
  expect(seen[0] === task.cause && isCancelled(seen[0]) && seen[0].scope === task).toBe(true);
  expect(log).toEqual(["child is cleaned up", "the scope is left"]);
  expect(task.ending).toBe("cancelled");
});

test("scope cancelled from outside while it waits for its children does not give its body's value as if all were done", async () => {
  const sim = new Simulation();
  const task = sim.start(() =>
    scope(function* (scope) {
      scope.spawn(() => sleepForever());
      return "value";
    }),
  );
  turns(sim);
  task.cancel();
  await sim.settle();
  expect([task.ending, task.outcome]).toEqual(["cancelled", task.cause]);
});

test("scope opened by a task that is cancelled already does not give a value when it has children to stop", async () => {
  const sim = new Simulation();
  const task = sim.start(() =>
    scope(function* (scope) {
      scope.spawn(() => sleepForever());
      return "value";
    }),
  );
  task.cancel();
  await sim.settle();
  expect(task.ending).toBe("cancelled");
});

test("scope never lets its own Cancelled out, not even from a deferred clean-up that ran out of time", async () => {
  const sim = new Simulation();
  const error = await rejection(
    sim.run(() =>
      scope(function* (scope) {
        scope.defer(() => sleepForever(), 25);
        scope.cancel();
        yield* ready(1);
      }),
    ),
  );
  expect([error instanceof ScopeCancelledError, sim.host.now()]).toEqual([true, 25]);
});

test("scope gives its value when the cancel from outside finds body and children ended", async () => {
  const sim = new Simulation();
  const gate = new Gate<string>();
  const task = sim.start(() =>
    scope(function* (scope) {
      scope.spawn(() => gate.take());
      return "value";
    }),
  );
  turns(sim);
  gate.give("the child's last");
  // The child ends in the next turn and wakes its parent; the cancel comes between the two steps.
  sim.scheduler.instrument = {
    taskExited: (ended) => {
      if (ended !== task) task.cancel();
    },
  };
  await sim.settle();
  expect([task.ending, task.outcome]).toEqual(["returned", "value"]);
});

test("scope is level-triggered: each leaf throws until the scope is left, and not one beyond", async () => {
  const log: string[] = [];
  const sim = new Simulation();
  await sim.run(function* () {
    try {
      yield* scope(function* (scope) {
        scope.cancel();
        for (let i = 0; i < 4; i++) {
          try {
            yield* i % 2 === 0 ? ready(i) : sleep(i);
            log.push("never");
          } catch (error) {
            if (isCancelled(error)) log.push(`${i}`);
          }
        }
      });
    } catch (error) {
      log.push(messageOf(error));
    }
    yield* sleep(1);
    log.push("outside all is well");
  });
  // The body swallowed every throw and finished, so the scope gives its value.
  expect(log).toEqual(["0", "1", "2", "3", "outside all is well"]);
  expect(sim.scheduler.swallowedCancels).toBe(3);
});

test("scope in which a child catches Cancelled in a loop freezes nobody, is counted, and is reported with both stacks", async () => {
  const sim = new Simulation();
  let spins = 0;
  let others = 0;
  const task = sim.start(() =>
    scope(function* (scope) {
      scope.spawn(function* stubborn() {
        for (;;) {
          try {
            yield* sleep(1);
          } catch {
            spins++;
          }
        }
      });
      yield* sleepForever();
    }),
  );
  sim.start(function* () {
    for (;;) {
      others++;
      yield* checkpoint();
    }
  });
  turns(sim);
  task.cancel();
  others = 0;
  for (let i = 0; i < 10; i++) sim.host.advance();
  // Both are on the ring all the time, and take turns.
  expect(spins).toBeGreaterThan(1_000);
  expect(Math.abs(others - spins)).toBeLessThan(10);
  expect(sim.scheduler.swallowedCancels).toBeGreaterThan(1_000);
  const [report] = sim.host.reports;
  expect(report).toStartWith(
    "A Cancelled was thrown into task 3 (stubborn) again: it was caught and not rethrown, or a finally block",
  );
  expect(report).toMatch(/first thrown [^]*now thrown [^]*stubborn .*scope-cancel\.test\.ts/);
});

test("scope reports an unshielded operation in a finally, which replaces the error in flight", async () => {
  const sim = new Simulation();
  const error = await rejection(
    sim.run(() =>
      scope(function* (scope) {
        scope.cancel();
        try {
          yield* sleep(1);
        } finally {
          yield* sleep(1);
        }
      }),
    ),
  );
  expect(error).toBeInstanceOf(ScopeCancelledError);
  expect(sim.host.reports.length).toBe(1);
  expect(sim.host.reports[0]).toContain("a finally block ran an operation without shield()");
});

test("scope can spawn when it is cancelled: the child starts, and its first leaf throws", async () => {
  const log: string[] = [];
  await simulate(() =>
    scope(function* (scope) {
      scope.cancel();
      scope.spawn(function* () {
        log.push("started");
        try {
          yield* ready(1);
          log.push("never");
        } finally {
          log.push("finally");
        }
      });
    }),
  );
  expect(log).toEqual(["started", "finally"]);
});

test("scope inside a scope: the inner one's cancel stays inside, the outer one's goes through", async () => {
  const log: string[] = [];
  const error = await rejection(
    simulate(() =>
      scope(function* (outer) {
        try {
          yield* scope(function* (inner) {
            inner.cancel("inner");
            yield* ready(1);
          });
        } catch (error) {
          log.push(messageOf(error));
        }
        yield* ready(1);
        log.push("the outer one goes on");
        try {
          yield* scope(function* () {
            outer.cancel("outer");
            yield* ready(1);
          });
        } catch (error) {
          log.push(`passed through: ${isCancelled(error) && String(error.reason)}`);
          throw error;
        }
      }),
    ),
  );
  expect(log).toEqual([
    "Cannot give the value of the scope: it was cancelled before its body finished",
    "the outer one goes on",
    "passed through: outer",
  ]);
  expect(error).toBeInstanceOf(ScopeCancelledError);
});

test("scope cancelled and then cancelled from outside before it is left: the outer cancel is thrown by the next leaf", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  const task = sim.start(function* () {
    try {
      yield* scope(function* (scope) {
        scope.cancel("inner");
        task.cancel("outer");
        yield* ready(1);
      });
    } catch (error) {
      log.push(error instanceof ScopeCancelledError ? "inner" : "outer");
    }
    yield* ready(1);
    log.push("never");
  });
  await sim.settle();
  expect([log, task.ending]).toEqual([["inner"], "cancelled"]);
});

test("scope hands a parked child the item that was given before the cancel", async () => {
  const gate = new Gate<string>();
  const log: unknown[] = [];
  const sim = new Simulation();
  await sim.run(() =>
    scope(function* (scope) {
      scope.spawn(function* () {
        log.push(yield* gate.take());
        try {
          yield* gate.take();
        } catch (error) {
          log.push(isCancelled(error));
          throw error;
        }
      });
      yield* checkpoint();
      gate.give("an item");
      scope.cancel();
    }),
  );
  expect([log, gate.items]).toEqual([["an item", true], []]);
});

test("scope waits at its exit for its children and for nothing less: a cancel cannot end that wait", async () => {
  const sim = new Simulation();
  let ended = false;
  const task = sim.start(() =>
    scope(function* (scope) {
      scope.spawn(function* () {
        yield* shield(sleep(100), 1_000);
        ended = true;
      });
      yield* checkpoint();
    }),
  );
  turns(sim);
  task.cancel();
  turns(sim);
  expect([task.ending, task.wait?.reason]).toEqual([null, "1 tasks of its scope"]);
  await sim.settle();
  expect([ended, sim.host.now()]).toEqual([true, 100]);
});
