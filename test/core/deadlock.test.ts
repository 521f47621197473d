// A deadlock fails the root with the printed task tree; clean-up still runs, and what cannot be unwound is given up.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { TREE_LINES_MAX } from "../../src/config.ts";
import { printTaskTree } from "../../src/core/deadlock.ts";
import { DeadlockError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection, turns } from "./kit.ts";

test("DeadlockError holds the tree of tasks with names, reasons and lines", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const error = await rejection(
    sim.run(function* main() {
      yield* scope(function* (outer) {
        outer.spawn(function* reader() {
          yield* gate.take();
        });
        outer.spawn(function* nested() {
          yield* timeout(Number.POSITIVE_INFINITY, () =>
            scope(function* (inner) {
              inner.spawn(() => sleepForever(), "grandchild");
              yield* shield(sleepForever(), 5);
            }),
          );
        });
        yield* sleep(3);
      });
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  const here = String.raw`.*deadlock\.test\.ts:\d+:\d+\)?`;
  const lines = messageOf(error).split("\n");
  expect(lines[0]).toBe("Cannot go on with task 1 (main): every task is parked and nothing can wake one");
  expect(lines[1]).toMatch(new RegExp(`^task 1 \\(main\\): waits for 2 tasks of its scope at main ${here}$`));
  expect(lines[2]).toMatch(new RegExp(`^  task 2 \\(reader\\): waits for the gate at reader ${here}$`));
  expect(lines[3]).toMatch(new RegExp(`^  task 3 \\(nested\\): waits for nothing: it sleeps for ever at ${here}$`));
  expect(lines[4]).toMatch(/^ {4}task 4 \(grandchild\): waits for nothing: it sleeps for ever/);
  expect(lines.length).toBe(5);
});

test("deadlock lets finally blocks and deferred clean-up run before the root fails", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  const error = await rejection(
    sim.run(function* () {
      yield* scope(function* (scope) {
        scope.defer(function* () {
          yield* sleep(5);
          log.push("deferred");
        });
        scope.spawn(function* () {
          try {
            yield* sleepForever();
          } finally {
            yield* shield(sleep(7), 50);
            log.push("child's finally");
          }
        });
        try {
          yield* sleepForever();
        } finally {
          log.push("body's finally");
        }
      });
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(log).toEqual(["body's finally", "child's finally", "deferred"]);
  expect(sim.host.now()).toBe(12);
});

test("deadlock gives up a root that is stuck under shield(Infinity)", async () => {
  const sim = new Simulation();
  const task = sim.start(() => shield(sleepForever(), Number.POSITIVE_INFINITY), "stuck");
  const settled = sim.settle();
  const error = await rejection(task.promise);
  await settled;
  expect(error).toBeInstanceOf(DeadlockError);
  expect(messageOf(error)).toContain("task 1 (stuck): waits for nothing: it sleeps for ever");
  expect(sim.scheduler.roots.size).toBe(0);
});

test("deadlock cannot be hidden by a body that swallows its cancel, or that had finished before", async () => {
  for (const body of [
    function* () {
      try {
        yield* sleepForever();
      } catch {
        // Swallowed on purpose.
      }
      return "swallowed";
    },
    () =>
      scope(function* (scope) {
        scope.spawn(() => sleepForever());
        return yield* ready("finished before");
      }),
  ]) {
    expect(await rejection(new Simulation().run(body))).toBeInstanceOf(DeadlockError);
  }
});

test("deadlock is not declared while a timer is armed, and fails every root when it is", async () => {
  const sim = new Simulation();
  const roots = [sim.start(() => sleepForever()), sim.start(() => sleep(500)), sim.start(() => sleepForever())];
  const failures = Promise.all([
    rejection((roots[0] as (typeof roots)[0]).promise),
    rejection((roots[2] as (typeof roots)[0]).promise),
  ]);
  await sim.settle();
  expect(sim.host.now()).toBe(500);
  expect((await failures).every((error) => error instanceof DeadlockError)).toBe(true);
  expect(roots[1]?.ending).toBe("returned");
});

test("deadlock is not declared while the host holds a promise that may wake a task", async () => {
  const sim = new Simulation();
  const gate = new Gate<string>();
  const task = sim.start(() => gate.take());
  sim.host.hold();
  queueMicrotask(() => {
    gate.give("from outside");
    sim.host.release();
  });
  await sim.settle();
  expect(await task.promise).toBe("from outside");
});

test("printTaskTree is cut after a bound", () => {
  const sim = new Simulation({ development: false });
  const root = sim.start(() =>
    scope(function* (scope) {
      for (let i = 0; i < 2 * TREE_LINES_MAX; i++) scope.spawn(() => sleepForever());
      yield* sleepForever();
    }),
  );
  turns(sim);
  const lines = printTaskTree(root).split("\n");
  expect([lines.length, lines.at(-1)]).toEqual([TREE_LINES_MAX + 1, "..."]);
});

test("printTaskTree tells ready and running tasks from parked ones", () => {
  const sim = new Simulation();
  let seen = "";
  const root = sim.start(
    () =>
      scope(function* (scope) {
        scope.spawn(() => sleepForever(), "fresh");
        seen = printTaskTree(root);
        yield* sleepForever();
      }),
    "root",
  );
  expect(printTaskTree(root)).toBe("task 1 (root): ready");
  turns(sim);
  expect(seen).toBe("task 1 (root): running\n  task 2 (fresh): ready");
});
