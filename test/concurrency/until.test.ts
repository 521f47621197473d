// Waiting for promises: what settles, what is cancelled, and that no late rejection is left unhandled. With real sockets: test/bun/until.test.ts.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import { STEP_BUDGET } from "../../src/config.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { sleep } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready, rejection, turns } from "../core/kit.ts";

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => void process.on("unhandledRejection", note));
afterEach(async () => {
  // The engine looks for unhandled ones when the microtasks are through.
  await new Promise((done) => setImmediate(done));
  process.off("unhandledRejection", note);
  expect(unhandled.splice(0)).toEqual([]);
});

test("until gives the value of a promise and throws its reason", async () => {
  const failure = new Error("refused");
  const seen = await simulate(function* () {
    const value = yield* until(Promise.resolve(5));
    const made = yield* until(async () => "made");
    const fails = [Promise.reject(failure), () => Promise.reject(failure)] as const;
    const errors: unknown[] = [];
    for (const source of fails) {
      try {
        yield* until(source);
      } catch (error) {
        errors.push(error);
      }
    }
    return [value, made, ...errors];
  });
  expect(seen).toEqual([5, "made", failure, failure]);
});

test("until takes what a function or a thenable throws for a rejection, and refuses what is no promise", async () => {
  const broken = new Error("broken");
  const throwing = {
    // oxlint-disable-next-line unicorn/no-thenable -- a faulty thenable is what this is about
    then(): never {
      throw broken;
    },
  };
  expect(await rejection(simulate(() => until(throwing)))).toBe(broken);
  const thrower = (): never => {
    throw broken;
  };
  expect(await rejection(simulate(() => until(thrower)))).toBe(broken);
  for (const source of [5, null, () => 5, () => undefined]) {
    const error = await rejection(simulate(() => until(source as never)));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(messageOf(error)).toStartWith("Cannot wait for a promise: found ");
  }
});

test("until that is cancelled ignores what the promise rejects with later", async () => {
  const late = Promise.withResolvers<never>();
  const sim = new Simulation();
  expect(await sim.run(moveOnAfter(5, until(late.promise)))).toBeUndefined();
  expect(sim.host.holds).toBe(1);
  late.reject(new Error("too late"));
  await late.promise.catch(() => {});
  expect(sim.host.holds).toBe(0);
});

test("until with a function aborts its signal when it is cancelled, and only then", async () => {
  const signals: AbortSignal[] = [];
  const asked = (signal: AbortSignal): Promise<number> => {
    signals.push(signal);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    signal.addEventListener("abort", () => reject(signal.reason as Error));
    if (signals.length === 2) resolve(2);
    return promise;
  };
  const value = await simulate(function* () {
    return [yield* moveOnAfter(5, until(asked)), yield* until(asked)];
  });
  expect(value).toEqual([undefined, 2]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
});

test("until with a function that loses a race aborts its signal, and is not called when another operation was ready", async () => {
  const signals: AbortSignal[] = [];
  const pending = (signal: AbortSignal): Promise<never> => {
    signals.push(signal);
    return new Promise(() => {});
  };
  await simulate(function* () {
    yield* race({ never: until(pending), ready: ready(1) });
    expect(signals).toEqual([]);
    yield* race({ never: until(pending), tick: sleep(1) });
  });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test("until leaves no rejection unhandled when it never parks: behind a winner, in a cancelled scope, with its budget spent", async () => {
  const fails = (): Promise<never> => Promise.reject(new Error("nobody waits"));
  const outcome = await simulate(function* () {
    yield* race({ lost: until(fails()), ready: ready(1) });
    yield* race({ inner: race({ lost: until(fails()), tick: sleep(1) }), ready: ready(1) });
    try {
      yield* all([until(fails()), 5 as never]);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
    }
    for (let i = 0; i < STEP_BUDGET; i++) yield* ready(i);
    try {
      yield* until(fails());
      return "settled";
    } catch (error) {
      return messageOf(error);
    }
  });
  expect(outcome).toBe("nobody waits");
  const cancelled = new Simulation({ development: false });
  const task = cancelled.start(function* () {
    yield* scope(function* (scope) {
      scope.cancel();
      yield* until(fails());
    });
  });
  await cancelled.settle();
  expect(messageOf(await rejection(task.promise))).toContain("it was cancelled before its body finished");
});

test("until wakes no task in the middle of a cancel, though the abort calls foreign code", () => {
  const sim = new Simulation();
  const log: string[] = [];
  const other = sim.start(() => until(new Promise<void>(() => {})));
  const task = sim.start(() =>
    scope(function* (scope) {
      for (let i = 0; i < 3; i++) {
        scope.spawn(function* () {
          try {
            yield* until((signal) => {
              signal.addEventListener("abort", () => {
                log.push("abort");
                sim.scheduler.enter();
                other.cancel();
                sim.scheduler.leave();
              });
              return new Promise<void>(() => {});
            });
          } finally {
            log.push("ran");
          }
        });
      }
      yield* sleep(100);
    }),
  );
  turns(sim);
  task.cancel();
  expect(log).toEqual(["abort", "abort", "abort"]);
  turns(sim);
  expect([log.slice(3), task.ending, other.ending]).toEqual([["ran", "ran", "ran"], "cancelled", "cancelled"]);
});

test("until that was given up lets its promise run on before time does", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  const work = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
    log.push(`over at ${sim.host.now()}`);
  };
  const task = sim.start(() => until(work()));
  turns(sim);
  task.cancel();
  await sim.run(() => sleep(100));
  expect([log, sim.host.holds]).toEqual([["over at 0"], 0]);
});

test("until settled in its own park decides a race once", async () => {
  const settled = {
    // oxlint-disable-next-line unicorn/no-thenable -- it settles in the call, which promises never do
    then(resolve: (value: number) => void): void {
      resolve(7);
      resolve(8);
    },
  };
  const sim = new Simulation();
  const value = await sim.run(function* () {
    const leaves = yield* race({ a: sleep(5), now: until(settled as PromiseLike<number>), b: sleep(6) });
    const mixed = yield* race({
      a: sleep(5),
      now: until(settled as PromiseLike<number>),
      b: sleep(6),
      *child() {
        yield* sleep(50);
      },
    });
    const both = yield* all([sleep(1), until(settled as PromiseLike<number>), sleep(2)]);
    return [leaves.value, mixed.value, both[1]];
  });
  expect(value).toEqual([7, 7, 7]);
  expect([sim.scheduler.timers.armed, sim.host.holds]).toEqual([0, 0]);
});
