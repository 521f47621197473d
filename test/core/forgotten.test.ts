// The forgotten `yield*`: reported with the line that made the operation, and only when it really was forgotten.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { REPORTS_MAX } from "../../src/config.ts";
import { watch } from "../../src/core/forgotten.ts";
import { sleep } from "../../src/core/sleep.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, ready, turns } from "./kit.ts";

test("ForgottenWatch reports each kind of operation that was made and not run, with the line that made it", async () => {
  const gate = new Gate<number>();
  for (const [forget, reason] of [
    [() => sleep(5), "sleep(5)"],
    [() => gate.take(), "the gate"],
    [() => timeout(3, () => sleep(1)), "timeout(3)"],
    [() => timeout(3, sleep(1)), "timeout(3)"],
    [() => shield(timeout(3, sleep(1)), 5), "shield"],
    [() => moveOnAfter(4, () => sleep(1)), "moveOnAfter(4)"],
    [() => shield(() => sleep(1), 5), "shield"],
    [() => scope(() => sleep(1)), "scope"],
  ] as const) {
    const sim = new Simulation();
    await sim.run(function* forgetful() {
      forget();
      yield* ready(1);
    });
    expect(sim.host.reports.length).toBe(1);
    expect(sim.host.reports[0]).toStartWith(`The operation "${reason}" was made and never run: is a yield* missing?`);
    expect(sim.host.reports[0]).toMatch(/forgetful .*forgotten\.test\.ts:\d+/);
  }
});

test("ForgottenWatch reports at the end of the step, while the task still lives", () => {
  const sim = new Simulation();
  sim.start(function* () {
    sleep(5);
    yield* sleep(1_000);
  });
  turns(sim, 1);
  expect(sim.host.reports.length).toBe(1);
});

test("ForgottenWatch is silent about operations that were run, joined, spawned or started", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    yield* scope(function* (scope) {
      const child = scope.spawn(sleep(1));
      const other = scope.spawn(timeout(5, sleep(1)));
      const operation = shield(sleep(1), 1);
      yield* operation;
      yield* scope.start<number>(function* (ready) {
        ready(1);
        yield* sleep(1);
      });
      scope.defer(() => sleep(1));
      yield* child;
      yield* other;
    });
  });
  expect(sim.host.reports).toEqual([]);
});

test("ForgottenWatch is silent about operations made outside of steps: a test may run them later", async () => {
  const sim = new Simulation();
  const operation = sleep(1);
  sim.start(() => sleep(2));
  turns(sim);
  await sim.settle();
  expect(await sim.run(operation)).toBeUndefined();
  expect(sim.host.reports).toEqual([]);
});

test("ForgottenWatch is silent when the scope of the operation was cancelled, even if the step goes on outside of it", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    yield* moveOnAfter(5, function* () {
      try {
        yield* sleep(10);
      } finally {
        // Made under the cancelled deadline, and the same step then leaves it.
        sleep(1);
      }
    });
    yield* sleep(1);
  });
  const cancelled = sim.start(function* () {
    const operation = sleep(3);
    cancelled.cancel();
    yield* ready(1);
    yield* operation;
  });
  await sim.settle();
  expect(sim.host.reports).toEqual([]);
});

test("ForgottenWatch is silent when the step failed: the error comes first", async () => {
  const sim = new Simulation();
  const task = sim.start(function* () {
    sleep(5);
    throw new Error("boom");
  });
  task.promise.catch(() => {});
  await sim.settle();
  expect(sim.host.reports).toEqual([]);
});

test("ForgottenWatch keeps the lists of nested schedulers apart", async () => {
  const outer = new Simulation();
  const inner = new Simulation();
  await outer.run(function* () {
    const operation = sleep(1);
    sleep(2);
    inner.start(function* () {
      sleep(3);
      yield* ready(1);
    });
    inner.host.advance();
    yield* operation;
  });
  expect(inner.host.reports.map((report) => report.split('"')[1])).toEqual(["sleep(3)"]);
  expect(outer.host.reports.map((report) => report.split('"')[1])).toEqual(["sleep(2)"]);
});

test("ForgottenWatch reports nothing to a host that is not in development", async () => {
  const sim = new Simulation({ development: false });
  await sim.run(function* () {
    sleep(5);
    yield* ready(1);
  });
  expect(sim.host.reports).toEqual([]);
  expect(watch).not.toBeNull();
});

test(`ForgottenWatch reports ${REPORTS_MAX} times at most`, async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    for (let i = 0; i < 3 * REPORTS_MAX; i++) {
      sleep(5);
      yield* sleep(1);
    }
  });
  expect(sim.host.reports.length).toBe(REPORTS_MAX);
});
