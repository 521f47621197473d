// What a mutex has beyond a semaphore of one: it knows who holds it.

import { expect, test } from "bun:test";

import { Mutex } from "../../src/concurrency/mutex.ts";
import type { Permit } from "../../src/concurrency/permits.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { DeadlockError, ProtocolError } from "../../src/core/errors.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { Simulation, simulate } from "../../src/sim/simulate.ts";
import { messageOf, rejection, thrown, turns } from "../core/kit.ts";
import { firstOf } from "./first-of.ts";

test("Mutex keeps apart what must not be interleaved", async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  await simulate(() =>
    scope(function* (scope) {
      for (const name of ["a", "b", "c"])
        scope.spawn(function* () {
          using _ = yield* mutex.acquire();
          log.push(`${name} in`);
          yield* sleep(3);
          log.push(`${name} out`);
        });
      yield* sleep(1);
      expect(mutex.statistics()).toEqual({ locked: true, holder: "task 2", waiting: 2, timesHeld: 2 });
    }),
  );
  expect(log).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
  expect(mutex.statistics()).toEqual({ locked: false, holder: null, waiting: 0, timesHeld: 2 });
});

test("Mutex gives an error to the task that would wait for itself, also where it was handed over", async () => {
  const mutex = new Mutex({ name: "journal" });
  const errors: unknown[] = [];
  await simulate(() =>
    scope(function* (scope) {
      for (const name of ["first", "second"])
        scope.spawn(function* () {
          using _ = yield* mutex.acquire();
          yield* sleep(1);
          try {
            yield* mutex.acquire();
          } catch (error) {
            errors.push(error);
          }
          errors.push(thrown(() => mutex.tryAcquire()));
        }, name);
    }),
  );
  expect(errors.every((error) => error instanceof ProtocolError)).toBe(true);
  expect(errors.map(messageOf)).toEqual([
    'Cannot acquire mutex "journal": task 2 (first) holds it already and would wait for itself',
    'Cannot acquire mutex "journal": task 2 (first) holds it already and would wait for itself',
    'Cannot acquire mutex "journal": task 3 (second) holds it already and would wait for itself',
    'Cannot acquire mutex "journal": task 3 (second) holds it already and would wait for itself',
  ]);
});

test("Mutex can be tried by a task, and only by one", async () => {
  const mutex = new Mutex();
  expect(messageOf(thrown(() => mutex.tryAcquire()))).toBe(
    "Cannot acquire a mutex: no task is running; start one with run() or main()",
  );
  const tried = await simulate(() =>
    scope(function* (scope) {
      const permit = mutex.tryAcquire();
      const other = scope.spawn(function* (): Generator<never, Permit | undefined, unknown> {
        return mutex.tryAcquire();
      });
      const whileHeld = yield* other;
      permit?.release();
      return [permit?.released, whileHeld, mutex.statistics().locked];
    }),
  );
  expect(tried).toEqual([true, undefined, false]);
});

test("Mutex delivers itself to a task that is cancelled before it resumes, and is released by `using`", () => {
  const sim = new Simulation();
  const mutex = new Mutex();
  let permit: Permit | null = null;
  sim.start(function* () {
    permit = yield* mutex.acquire();
    yield* sleepForever();
  });
  const task = sim.start(function* () {
    using _ = yield* mutex.acquire();
    yield* sleepForever();
  }, "heir");
  turns(sim);
  (permit as Permit | null)?.release();
  expect(mutex.statistics()).toMatchObject({ holder: "task 2 (heir)", waiting: 0 });
  task.cancel();
  turns(sim);
  expect([task.ending, mutex.statistics().holder]).toEqual(["cancelled", null]);
});

test("Mutex knows the task behind a composite as its holder", async () => {
  const mutex = new Mutex();
  const error = await simulate(() =>
    scope(function* (scope) {
      scope.spawn(function* () {
        using _ = yield* mutex.acquire();
        yield* sleep(1);
      });
      yield* sleep(0);
      yield* firstOf([mutex.acquire()]);
      return thrown(() => mutex.tryAcquire());
    }),
  );
  expect(messageOf(error)).toContain("task 1 holds it already");
});

test("Mutex says in a deadlock who holds it, and that the holder has ended without releasing it", async () => {
  const sim = new Simulation();
  const mutex = new Mutex({ name: "journal" });
  const error = await rejection(
    sim.run(() =>
      scope(function* (scope) {
        yield* scope.spawn(() => mutex.acquire(), "forgetful");
        scope.spawn(function* waiter() {
          yield* mutex.acquire();
        });
      }),
    ),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(messageOf(error)).toContain(
    'waits for mutex "journal", held by task 2 (forgetful), which has ended without releasing it at waiter',
  );
});
