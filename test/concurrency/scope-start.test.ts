// Both ends of a scope's tasks: children that say when they are ready, and what is deferred until all have ended.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { DEFER_GRACE_MS } from "../../src/config.ts";
import type { Steps } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { rejection, turns } from "../core/kit.ts";

test("scope.start parks until the child says that it is ready, and gives what the child said", async () => {
  const log: unknown[] = [];
  await simulate(() =>
    scope(function* (scope) {
      const port = yield* scope.start<number>(function* server(ready) {
        yield* sleep(5);
        ready(8080);
        ready(9);
        yield* sleep(50);
        log.push(`server ends at ${now()}`);
      });
      log.push(port, now(), scope.live);
    }),
  );
  expect(log).toEqual([8080, 5, 1, "server ends at 55"]);
});

test("scope.start of a child that says so at once costs the caller one suspension", async () => {
  const value = await simulate(() =>
    scope(function* (scope) {
      return yield* scope.start<string>(function* (ready) {
        ready("at once");
        yield* checkpoint();
      });
    }),
  );
  expect(value).toBe("at once");
});

test("scope.start throws when the child ends without having said that it is ready", async () => {
  const error = await rejection(simulate(() => scope((scope) => scope.start(() => sleep(5), "silent"))));
  expect(error).toMatchObject({
    code: "ERR_NOT_READY",
    message: "Cannot start silent: it ended before it said that it was ready",
  });
});

test("scope.start throws the child's own error when the child fails before", async () => {
  const failure = new Error("no port left");
  const seen: unknown[] = [];
  const error = await rejection(
    simulate(() =>
      scope(function* (scope) {
        try {
          yield* scope.start(function* () {
            yield* sleep(5);
            throw failure;
          });
        } catch (error) {
          seen.push(error);
          throw error;
        }
      }),
    ),
  );
  expect(seen).toEqual([failure]);
  expect(error).toBe(failure);
});

test("scope.start can be given up by its caller; the child is the scope's and ends with it", async () => {
  const sim = new Simulation();
  const value = await sim.run(() =>
    scope(function* (scope) {
      const ready = yield* moveOnAfter(
        5,
        scope.start<number>(function* (ready) {
          yield* sleep(20);
          ready(1);
        }),
      );
      return [ready, scope.live];
    }),
  );
  expect(value).toEqual([undefined, 1]);
  expect(sim.host.now()).toBe(20);
});

test("scope.defer runs last in first out, after all children, also what is deferred meanwhile", async () => {
  const log: string[] = [];
  await simulate(() =>
    scope(function* (scope) {
      const say = (text: string): (() => Steps<void>) =>
        function* () {
          log.push(text);
        };
      scope.defer(say("first deferred"));
      scope.defer(function* () {
        log.push("second deferred");
        scope.defer(say("deferred by the second"));
        scope.spawn(say("spawned by the second"));
        yield* sleep(1);
      });
      scope.spawn(function* () {
        yield* sleep(10);
        log.push("child");
      });
      log.push("body");
      yield* checkpoint();
    }),
  );
  expect(log).toEqual([
    "body",
    "child",
    "second deferred",
    "spawned by the second",
    "deferred by the second",
    "first deferred",
  ]);
});

test(`scope.defer is shielded for ${DEFER_GRACE_MS} ms unless told otherwise`, async () => {
  for (const [graceMs, needsMs, log] of [
    [undefined, DEFER_GRACE_MS - 1, ["done"]],
    [undefined, DEFER_GRACE_MS + 1, []],
    [50, 49, ["done"]],
    [50, 51, []],
  ] as const) {
    const done: string[] = [];
    const sim = new Simulation();
    const task = sim.start(() =>
      scope(function* (scope) {
        scope.defer(function* () {
          yield* sleep(needsMs);
          done.push("done");
        }, graceMs);
        yield* sleepForever();
      }),
    );
    turns(sim);
    task.cancel();
    await sim.settle();
    expect([done, task.ending, sim.host.now()]).toEqual([
      [...log],
      "cancelled",
      Math.min(needsMs, graceMs ?? DEFER_GRACE_MS),
    ]);
  }
});
