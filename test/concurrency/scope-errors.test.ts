// Failures in a scope: the first error leaves as itself, the others hang on it, and everybody else is cancelled and waited for.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { suppressedErrors } from "../../src/concurrency/suppressed.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { TaskCancelledError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready, rejection } from "../core/kit.ts";

function* failAfter(ms: number, error: unknown): Steps<never> {
  yield* sleep(ms);
  throw error;
}

test("scope throws a child's error as itself, after siblings and body were cancelled and have ended", async () => {
  const failure = new Error("boom");
  const log: string[] = [];
  const sim = new Simulation();
  const error = await rejection(
    sim.run(() =>
      scope(function* (scope) {
        scope.spawn(() => failAfter(5, failure));
        scope.spawn(function* () {
          try {
            yield* sleepForever();
          } catch (error) {
            log.push(`sibling: ${isCancelled(error) && error.reason === failure}`);
            throw error;
          } finally {
            yield* shield(sleep(10), 100);
            log.push("sibling is cleaned up");
          }
        });
        try {
          yield* sleepForever();
        } finally {
          log.push("body unwinds");
        }
      }),
    ),
  );
  expect(error).toBe(failure);
  expect(suppressedErrors(error)).toEqual([]);
  expect(log).toEqual(["body unwinds", "sibling: true", "sibling is cleaned up"]);
  expect(sim.host.now()).toBe(15);
});

test("scope throws its body's error after the children have ended", async () => {
  const failure = new Error("body");
  let unwound = 0;
  const error = await rejection(
    simulate(() =>
      scope(function* (scope) {
        for (let i = 0; i < 3; i++) {
          scope.spawn(function* () {
            try {
              yield* sleepForever();
            } finally {
              unwound++;
            }
          });
        }
        yield* checkpoint();
        throw failure;
      }),
    ),
  );
  expect([error, unwound]).toEqual([failure, 3]);
});

test("scope whose body had finished still throws the error of a child that fails later", async () => {
  const failure = new Error("late");
  expect(
    await rejection(
      simulate(() =>
        scope(function* (scope) {
          scope.spawn(() => failAfter(50, failure));
          return "a value that is lost";
        }),
      ),
    ),
  ).toBe(failure);
});

test("suppressedErrors gives the further errors in the order in which they happened, the same one once", async () => {
  const [first, second, third, fourth] = ["first", "second", "third", "fourth"].map((name) => new Error(name)) as [
    Error,
    Error,
    Error,
    Error,
  ];
  const error = await rejection(
    simulate(() =>
      scope(function* (scope) {
        scope.defer(function* () {
          throw fourth;
        });
        const failing = scope.spawn(() => failAfter(5, first));
        scope.spawn(function* () {
          try {
            yield* sleepForever();
          } finally {
            yield* shield(sleep(20), 100);
            // oxlint-disable-next-line no-unsafe-finally -- clean-up that fails is the point
            throw third;
          }
        });
        scope.spawn(function* () {
          try {
            yield* sleepForever();
          } catch {
            throw second;
          }
        });
        // The body fails with the child's own error, by joining it.
        yield* shield(failing, 100);
      }),
    ),
  );
  expect(error).toBe(first);
  expect(suppressedErrors(error)).toEqual([second, third, fourth]);
  expect(suppressedErrors("no object")).toEqual([]);
  expect(suppressedErrors(new Error("another"))).toEqual([]);
});

test("suppressedErrors gathers along nested scopes", async () => {
  const [inner, innerSecond, outerSecond] = ["inner", "inner 2", "outer 2"].map((name) => new Error(name)) as [
    Error,
    Error,
    Error,
  ];
  const error = await rejection(
    simulate(() =>
      scope(function* (outer) {
        outer.defer(function* () {
          throw outerSecond;
        });
        yield* scope(function* (scope) {
          scope.defer(function* () {
            throw innerSecond;
          });
          scope.spawn(() => failAfter(1, inner));
          yield* sleepForever();
        });
      }),
    ),
  );
  expect(error).toBe(inner);
  expect(suppressedErrors(error)).toEqual([innerSecond, outerSecond]);
});

test('scope with errors: "all" throws an AggregateError of all, even of one', async () => {
  const [first, second] = [new Error("first"), new Error("second")];
  const both = await rejection(
    simulate(() =>
      scope(
        function* (scope) {
          scope.spawn(() => failAfter(5, first));
          try {
            yield* sleepForever();
          } finally {
            // oxlint-disable-next-line no-unsafe-finally -- the second error is the point
            throw second;
          }
        },
        { errors: "all", name: "both" },
      ),
    ),
  );
  expect(both).toBeInstanceOf(AggregateError);
  expect((both as AggregateError).errors).toEqual([first, second]);
  expect(messageOf(both)).toBe("2 failed in the scope both");
  const one = await rejection(simulate(() => scope(() => failAfter(1, first), { errors: "all" })));
  expect((one as AggregateError).errors).toEqual([first]);
});

test("scope carries thrown values that are no errors", async () => {
  for (const value of ["text", 0, undefined, null, Number.NaN, { plain: true }]) {
    const asBody = simulate(() => scope(() => failAfter(1, value)));
    expect(await rejection(asBody)).toBe(value);
    const asChild = simulate(() =>
      scope(function* (scope) {
        scope.spawn(() => failAfter(1, value));
        yield* sleepForever();
      }),
    );
    expect(await rejection(asChild)).toBe(value);
  }
});

test("scope lets an error that is thrown in a finally go out, with the one it replaced lost as in all of JavaScript", async () => {
  const replaced = new Error("replaced");
  const error = await rejection(
    simulate(() =>
      scope(function* () {
        try {
          yield* sleep(1);
          throw replaced;
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- the replacement is the point
          throw new Error("from the finally");
        }
      }),
    ),
  );
  expect(messageOf(error)).toBe("from the finally");
});

test("scope fails with an error of a child even when the cancel that stopped it came from outside", async () => {
  const sim = new Simulation();
  const failure = new Error("broken clean-up");
  const task = sim.start(() =>
    scope(function* (scope) {
      scope.spawn(function* () {
        try {
          yield* sleepForever();
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- broken clean-up is the point
          throw failure;
        }
      });
      yield* sleep(5);
      task.cancel();
      yield* sleepForever();
    }),
  );
  const seen = rejection(task.promise);
  await sim.settle();
  expect(await seen).toBe(failure);
});

test("scope fails with TaskCancelledError when its body joins a child that was cancelled, and not when nobody joins", async () => {
  const joined = simulate(() =>
    scope(function* (scope) {
      const child = scope.spawn(() => sleepForever());
      yield* checkpoint();
      child.cancel();
      yield* child;
    }),
  );
  expect(await rejection(joined)).toBeInstanceOf(TaskCancelledError);
  const alone = simulate(() =>
    scope(function* (scope) {
      const child = scope.spawn(() => sleepForever());
      yield* checkpoint();
      child.cancel();
      return "fine";
    }),
  );
  expect(await alone).toBe("fine");
});

test("scope stops a child's error at the scope that catches it", async () => {
  const sim = new Simulation();
  const value = await sim.run(() =>
    scope(function* (outer) {
      const bystander = outer.spawn(function* () {
        yield* sleep(20);
        return "unharmed";
      });
      try {
        yield* scope(function* (inner) {
          inner.spawn(() => failAfter(5, new Error("contained")));
          yield* sleepForever();
        });
      } catch (error) {
        expect(messageOf(error)).toBe("contained");
      }
      yield* ready(1);
      return yield* bystander;
    }),
  );
  expect(value).toBe("unharmed");
});
