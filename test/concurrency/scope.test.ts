// What a scope gives when all goes well: it ends last, keeps the order of spawning, and tells foreign code by its signal. Failures are in
// scope-errors.test.ts, cancels in scope-cancel.test.ts, deadlines in scope-deadline.test.ts, start and defer in scope-start.test.ts.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope, type Scope } from "../../src/concurrency/scope.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready, rejection, thrown, turns } from "../core/kit.ts";

test("scope gives its body's value when the body and all its tasks have ended", async () => {
  const log: string[] = [];
  const value = await simulate(function* () {
    const value = yield* scope(function* (scope) {
      scope.spawn(function* () {
        yield* sleep(20);
        log.push("child");
      });
      yield* sleep(10);
      log.push("body");
      return 7;
    });
    log.push(`after, at ${now()}`);
    return value;
  });
  expect(value).toBe(7);
  expect(log).toEqual(["body", "child", "after, at 20"]);
});

test("scope without a suspension and without children costs no step", async () => {
  const sim = new Simulation();
  expect(await sim.run(() => scope(() => scope(() => ready(3))))).toBe(3);
  expect(sim.scheduler.steps).toBe(1);
});

test("scope runs its children in the order of spawning, after the spawning step", async () => {
  const log: string[] = [];
  await simulate(() =>
    scope(function* (scope) {
      for (const name of ["a", "b", "c"]) {
        scope.spawn(function* () {
          log.push(name);
          yield* checkpoint();
          log.push(name.toUpperCase());
        });
      }
      log.push("body");
      yield* checkpoint();
      log.push("BODY");
    }),
  );
  expect(log.join(" ")).toBe("body a b c BODY A B C");
});

test("scope names its tasks by the argument, else by the function", async () => {
  const names: string[] = [];
  await simulate(() =>
    scope(function* (scope) {
      names.push(scope.spawn(function* echo() {}).name);
      names.push(scope.spawn(function* echo() {}, "number 2").name);
      names.push(scope.spawn(sleep(1)).name);
      yield* checkpoint();
    }),
  );
  expect(names).toEqual(["echo", "number 2", ""]);
});

test("scope counts its living children", async () => {
  const counts: number[] = [];
  await simulate(() =>
    scope(function* (scope) {
      counts.push(scope.live);
      scope.spawn(() => sleep(1));
      scope.spawn(() => sleep(3));
      counts.push(scope.live);
      yield* sleep(2);
      counts.push(scope.live);
      yield* sleep(2);
      counts.push(scope.live);
    }),
  );
  expect(counts).toEqual([0, 2, 1, 0]);
});

test("scope waits for children that children spawn into it, also after its body has ended", async () => {
  const sim = new Simulation();
  await sim.run(() =>
    scope(function* (scope) {
      scope.spawn(function* () {
        yield* sleep(5);
        scope.spawn(function* () {
          yield* sleep(5);
          scope.spawn(() => sleep(5));
        });
      });
    }),
  );
  expect(sim.host.now()).toBe(15);
});

test("scope that has ended refuses to spawn, start and defer, with an error for the caller and nobody else", async () => {
  const sim = new Simulation();
  await sim.run(function* () {
    let kept: Scope | undefined;
    yield* scope(
      function* (scope) {
        kept = scope;
        yield* checkpoint();
      },
      { name: "kept" },
    );
    const ended = kept as Scope;
    const messages = [thrown(() => ended.spawn(() => sleep(1))), thrown(() => ended.defer(() => sleep(1)))];
    try {
      yield* ended.start(() => sleep(1));
    } catch (error) {
      messages.push(error);
    }
    expect(messages.every((error) => error instanceof ProtocolError)).toBe(true);
    expect(messages.map(messageOf)).toEqual([
      "Cannot spawn a task into the scope kept: it has ended",
      "Cannot defer in the scope kept: it has ended",
      "Cannot start a task in the scope kept: it has ended",
    ]);
    ended.cancel();
    ended.deadline = 5;
    expect([ended.live, ended.signal.aborted]).toEqual([0, false]);
    yield* sleep(10);
  });
  expect(sim.host.failure).toBeNull();
});

test("scope refuses a body that makes no operation, and a deadline that is no number", async () => {
  // @ts-expect-error what the types refuse must be refused at run time too
  expect(messageOf(await rejection(simulate(() => scope(() => 5))))).toStartWith(
    "Cannot open a scope: expected an operation",
  );
  const noDeadline = await rejection(simulate(() => scope(() => sleep(1), { deadline: Number.NaN })));
  expect(messageOf(noDeadline)).toBe(
    "Cannot set the deadline of the scope: expected a number of milliseconds and found NaN",
  );
  const outside = scope(() => sleep(1))[Symbol.iterator]();
  expect(thrown(() => outside.next())).toBeInstanceOf(ProtocolError);
});

test("scope nests 1,000 deep, and a cancel and an error come all the way out", async () => {
  const sim = new Simulation({ development: false });
  let unwound = 0;
  let bottom = (): Operation<number> => sleepForever();
  function* nest(depth: number): Steps<number> {
    try {
      return yield* scope(() => (depth === 0 ? bottom() : nest(depth - 1)));
    } finally {
      unwound++;
    }
  }
  const task = sim.start(() => nest(1_000));
  turns(sim);
  task.cancel();
  await sim.settle();
  expect([task.ending, unwound]).toEqual(["cancelled", 1_001]);
  bottom = function* () {
    throw new Error("from the bottom");
  };
  expect(messageOf(await rejection(sim.run(() => nest(1_000))))).toBe("from the bottom");
});

test("scope.signal aborts with the scope's reason when it is cancelled, and not when it just ends", async () => {
  const reason = new Error("why");
  const seen: unknown[] = [];
  await simulate(function* () {
    let signal: AbortSignal | undefined;
    yield* scope(function* (scope) {
      ({ signal } = scope);
      expect(scope.signal).toBe(signal);
      yield* checkpoint();
    });
    seen.push(signal?.aborted);
    yield* scope(function* (scope) {
      scope.signal.addEventListener("abort", () => seen.push("told"));
      scope.cancel(reason);
      seen.push(scope.signal.aborted, scope.signal.reason);
    });
    yield* scope(function* (scope) {
      scope.cancel(reason);
      seen.push(scope.signal.aborted, scope.signal.reason === reason);
    });
  });
  expect(seen).toEqual([false, "told", true, reason, true, true]);
});
