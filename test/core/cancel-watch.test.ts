// Cancels that are kept back, or give way to an error: each is reported with the line at which the task waited, and only when it really was lost.

import { describe, expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { REPORTS_MAX } from "../../src/config.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, ready } from "./kit.ts";

/** The place `offset` lines below the caller's. */
function below(offset: number): string {
  const line = /cancel-watch\.test\.ts:(\d+)/.exec(new Error().stack?.split("\n")[2] ?? "")?.[1];
  return `cancel-watch.test.ts:${Number(line) + offset}:`;
}

/** Runs `body`, cancels it after a millisecond, and gives what was reported. */
async function reportsOf(body: () => Operation<unknown>, sim: Simulation = new Simulation()): Promise<string[]> {
  const task: Task = sim.start(body);
  task.promise.catch(() => {});
  sim.start(function* () {
    yield* sleep(1);
    task.cancel(CLOSING);
  });
  await sim.settle();
  return sim.host.reports;
}

/** Waits longer than anybody has patience for. */
const LONG_MS = 1_000;

const CLOSING = new Error("closing time");

let place = "";

/** Its clean-up fails. */
function* spills(): Steps<void> {
  try {
    place = below(1);
    yield* sleep(LONG_MS);
  } finally {
    spill();
  }
}

function spill(): void {
  throw new Error("the sack is torn");
}

/** Keeps its cancel. */
function* keeps(): Steps<string> {
  try {
    place = below(1);
    yield* sleep(LONG_MS);
  } catch {
    // Kept, on purpose.
  }
  return "kept";
}

const REPLACED = (who: string): string =>
  `A Cancelled was thrown into ${who}, and an error came out in its place: a catch or finally block threw it`;
const KEPT = (who: string): string =>
  `A Cancelled was thrown into ${who}, which gave a value all the same: it was caught and not rethrown`;

test("CancelWatch tells of an error that replaces a cancel: the task, where it waited, and the error with its stack", async () => {
  const [report = "", ...others] = await reportsOf(function* miller() {
    yield* spills();
  });
  expect(others).toEqual([]);
  const [what, waited, caller, thrown, from] = report.split("\n");
  expect(what).toBe(REPLACED("task 1 (miller)"));
  expect(waited).toStartWith("thrown at spills (");
  expect(waited).toContain(place);
  expect(caller).toContain("at miller (");
  expect(thrown).toBe("replaced by Error: the sack is torn");
  expect(from).toContain("at spill (");
});

test("CancelWatch tells of a cancel that a catch block has made into an error", async () => {
  const reports = await reportsOf(function* miller() {
    try {
      yield* sleep(LONG_MS);
    } catch (error) {
      throw new RangeError("no more grain", { cause: error });
    }
  });
  expect(reports.length).toBe(1);
  expect(reports[0]).toContain("\nreplaced by RangeError: no more grain\n");
});

test("CancelWatch tells of a thrown value that is no Error", async () => {
  const reports = await reportsOf(function* miller() {
    try {
      yield* sleep(LONG_MS);
    } finally {
      // oxlint-disable-next-line no-unsafe-finally -- what a careless program does
      throw "a word";
    }
  });
  expect(reports.length).toBe(1);
  expect(reports[0]).toEndWith("\nreplaced by a word");
});

test("CancelWatch tells of a task that kept its cancel and returned", async () => {
  const [report = "", ...others] = await reportsOf(function* miller() {
    return yield* keeps();
  });
  expect(others).toEqual([]);
  expect(report.split("\n")[0]).toBe(KEPT("task 1 (miller)"));
  expect(report.split("\n")[1]).toStartWith("thrown at keeps (");
  expect(report).toContain(place);
});

test("CancelWatch tells of a task that was cancelled before it waited, with the line of its wait", async () => {
  const sim = new Simulation();
  await sim.run(() =>
    scope(function* (scope) {
      scope.spawn(function* child() {
        yield* keeps();
      });
      yield* ready(1);
      scope.cancel();
    }),
  );
  expect(sim.host.reports.length).toBe(1);
  expect(sim.host.reports[0]).toStartWith(KEPT("task 2 (child)"));
  expect(sim.host.reports[0]).toContain(`thrown at keeps (`);
  expect(sim.host.reports[0]).toContain(place);
});

test("CancelWatch tells of a task that kept its cancel and waits again, with both places", async () => {
  let second = "";
  const sim = new Simulation();
  const reports = await reportsOf(function* miller() {
    yield* keeps();
    second = below(1);
    yield* sleep(LONG_MS);
  }, sim);
  expect(reports.length).toBe(1);
  const [what, ...places] = (reports[0] as string).split("\n");
  expect(what).toStartWith("A Cancelled was thrown into task 1 (miller) again: it was caught and not rethrown, or");
  expect(places[0]).toStartWith("first thrown at keeps (");
  expect(places[0]).toContain(place);
  expect(places.find((line) => line.startsWith("now thrown"))).toContain(second);
});

describe("CancelWatch looks at what leaves", () => {
  const cases: readonly [what: string, body: () => Operation<unknown>, report: string][] = [
    ["a scope that was cancelled from inside, with a value", () => cancelledScope(keeps), KEPT("task 1 (miller)")],
    [
      "a scope that was cancelled from inside, with an error",
      () => cancelledScope(spills),
      REPLACED("task 1 (miller)"),
    ],
    ["a deadline that has passed, with a value", () => moveOnAfter(5, keeps), KEPT("task 1 (miller)")],
    ["a deadline that has passed, with an error", () => timeout(5, spills), REPLACED("task 1 (miller)")],
    ["a child that loses a race, with a value", () => race({ keeps, soon: sleep(5) }), KEPT("task 2 (keeps)")],
    ["a child that loses a race, with an error", () => race({ spills, soon: sleep(5) }), REPLACED("task 2 (spills)")],
    ["a sibling of a failed task, with an error", () => all([spills, fails]), REPLACED("task 2 (spills)")],
  ];
  for (const [what, body, report] of cases) {
    test(what, async () => {
      const sim = new Simulation();
      const task = sim.start(function* miller() {
        yield* body();
      });
      task.promise.catch(() => {});
      await sim.settle();
      expect(sim.host.reports.map((text) => text.split("\n")[0])).toEqual([report]);
      expect(sim.host.reports[0]).toContain(place);
    });
  }

  function cancelledScope(body: () => Operation<unknown>): Operation<unknown> {
    return scope(function* (scope) {
      scope.spawn(function* () {
        yield* sleep(5);
        scope.cancel();
      });
      return yield* body();
    });
  }

  function* fails(): Steps<void> {
    yield* sleep(5);
    throw new Error("first");
  }
});

describe("CancelWatch sees a cancel that comes out of", () => {
  const joins: readonly [what: string, operation: () => Operation<unknown>][] = [
    [
      "a scope that joins its tasks",
      () =>
        scope(function* (scope) {
          scope.spawn(sleepForever);
          yield* ready(1);
        }),
    ],
    [
      "all, of children",
      () =>
        all([
          () => sleep(LONG_MS),
          function* () {
            yield* sleep(LONG_MS);
          },
        ]),
    ],
    [
      "race, of children",
      () =>
        race({
          one: function* () {
            yield* sleep(LONG_MS);
          },
          other: function* () {
            yield* sleep(LONG_MS);
          },
        }),
    ],
  ];
  for (const [what, operation] of joins) {
    test(`${what} and is kept by the caller`, async () => {
      let line = "";
      const reports = await reportsOf(function* miller() {
        try {
          line = below(1);
          yield* operation();
        } catch {
          // Kept, on purpose.
        }
      });
      expect(reports.map((text) => text.split("\n")[0])).toEqual([KEPT("task 1 (miller)")]);
      expect(reports[0]).toContain(line);
    });
  }
});

describe("CancelWatch tells once", () => {
  test("of one line, however many tasks pass it", async () => {
    const sim = new Simulation();
    await sim.run(() =>
      scope(function* (scope) {
        for (let i = 0; i < 50; i++) {
          scope.spawn(keeps);
          scope.spawn(() => moveOnAfter(1, keeps));
        }
        yield* sleep(2);
        scope.cancel();
      }),
    );
    expect(sim.host.reports.length).toBe(1);
  });

  test("of an error, whatever it goes through, or is wrapped into", async () => {
    const wrapped = async (wrap: (body: () => Operation<unknown>) => Operation<unknown>): Promise<number> => {
      const reports = await reportsOf(() => wrap(spills));
      return reports.length;
    };
    expect(await wrapped((body) => scope(() => timeout(LONG_MS, () => scope(body))))).toBe(1);
    expect(await wrapped((body) => scope(() => scope(body, { errors: "all" }), { errors: "all" }))).toBe(1);
    expect(
      await wrapped(function* (body) {
        try {
          yield* scope(body);
        } catch (error) {
          throw new Error("the mill stands", { cause: error });
        }
      }),
    ).toBe(1);
  });

  test(`of ${REPORTS_MAX} lines at most`, async () => {
    const sim = new Simulation();
    await sim.run(() =>
      scope(function* (scope) {
        for (let i = 0; i < 2 * REPORTS_MAX; i++) {
          // A function of its own for each has a place of its own.
          const body = new Function(
            "sleep",
            `return function* () { ${"\n".repeat(i)}try { yield* sleep(9) } catch {} }`,
          );
          scope.spawn((body as (leaf: typeof sleep) => () => Operation<void>)(sleep));
        }
        yield* sleep(2);
        scope.cancel();
      }),
    );
    expect(sim.host.reports.length).toBe(REPORTS_MAX);
  });
});

describe("CancelWatch is silent about", () => {
  const gate = new Gate<number>();
  const cases: readonly [what: string, body: () => Operation<unknown>][] = [
    ["a cancel that goes on its way", () => sleep(LONG_MS)],
    [
      "one that is looked at and rethrown",
      function* () {
        try {
          yield* sleep(LONG_MS);
        } catch (error) {
          if (!isCancelled(error)) return;
          throw error;
        }
      },
    ],
    [
      "clean-up under a shield",
      function* () {
        try {
          yield* sleep(LONG_MS);
        } finally {
          yield* shield(sleep(1), LONG_MS);
        }
      },
    ],
    ["a shield that was done in time, and its task that returned", () => shield(sleep(3), LONG_MS)],
    [
      "an error that came before the cancel",
      function* () {
        yield* sleep(0.5);
        throw new Error("by itself");
      },
    ],
    [
      "a body that catches its own scope's end",
      function* () {
        try {
          yield* scope(function* (scope) {
            scope.cancel();
            yield* sleep(1);
          });
        } catch {
          // Kept, on purpose.
        }
        try {
          yield* timeout(0.2, sleep(1));
        } catch {
          // Kept, on purpose.
        }
        return yield* moveOnAfter(0.2, sleep(1));
      },
    ],
    [
      "a value that was handed over before the cancel",
      function* () {
        return yield* moveOnAfter(0.5, function* () {
          gate.give(1);
          return yield* gate.take();
        });
      },
    ],
    [
      "the reason of the cancel, thrown in its place",
      function* () {
        try {
          yield* sleep(LONG_MS);
        } catch (error) {
          throw isCancelled(error) ? error.reason : error;
        }
      },
    ],
  ];
  for (const [what, body] of cases) test(what, async () => expect(await reportsOf(body)).toEqual([]));

  test("everything, on a host that is not in development; the count is kept", async () => {
    const sim = new Simulation({ development: false });
    expect(await reportsOf(spills, sim)).toEqual([]);
    expect(await reportsOf(keeps, sim)).toEqual([]);
    expect(
      await reportsOf(function* () {
        yield* keeps();
        yield* sleep(LONG_MS);
      }, sim),
    ).toEqual([]);
    expect(sim.scheduler.swallowedCancels).toBe(1);
  });
});
