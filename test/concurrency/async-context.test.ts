// AsyncLocalStorage across waits, where it was asked for. The simulated host gets it from the engine, as Bun's does; test/bun/async-context.test.ts
// is the same on Bun.

import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import type { ContextRestorer } from "../../src/core/host.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { messageOf, rejection, turns } from "../core/kit.ts";

const storage = new AsyncLocalStorage<string>();

const worldWithContext = (): Simulation =>
  new Simulation({ captureContext: () => AsyncLocalStorage.snapshot() as ContextRestorer });

function* look(): Steps<unknown[]> {
  const before = storage.getStore();
  yield* sleep(5);
  const after = storage.getStore();
  yield* checkpoint();
  return [before, after, storage.getStore()];
}

test("asyncContext of run keeps the context of the start in the whole tree", async () => {
  const sim = worldWithContext();
  const task = storage.run("at the start", () =>
    sim.start(
      () =>
        scope(function* (scope) {
          const child = scope.spawn(look);
          const [inAll] = yield* all([look, sleep(1)]);
          const raced = yield* race({ look, never: sleepForever() });
          return [yield* look(), yield* child, inAll, raced.value, yield* timeout(90, look)];
        }),
      { asyncContext: true },
    ),
  );
  await storage.run("of whoever wakes", () => sim.settle());
  const kept = ["at the start", "at the start", "at the start"];
  expect(await task.promise).toEqual([kept, kept, kept, kept, kept]);
});

test("asyncContext that nobody asked for is that of whoever wakes", async () => {
  const sim = worldWithContext();
  const task = storage.run("at the start", () => sim.start(look, "looker"));
  await storage.run("of whoever wakes", () => sim.settle());
  const lost = "of whoever wakes";
  expect([await task.promise, task.name]).toEqual([[lost, lost, lost], "looker"]);
});

test("asyncContext of a scope goes for its body and its tasks, and ends with it", async () => {
  const sim = worldWithContext();
  const task = sim.start(function* () {
    const inside = yield* scope(
      function* (scope) {
        const child = storage.run("of the spawn", () => scope.spawn(look));
        const mine = yield* look();
        const nested = scope.spawn(function* () {
          return yield* all([look]);
        });
        return [mine, yield* child, ...(yield* nested)];
      },
      { asyncContext: true },
    );
    const behind = yield* scope((scope) => storage.run("of the spawn", () => scope.spawn(look)));
    return [inside, behind];
  });
  await storage.run("of whoever wakes", () => sim.settle());
  const of = (name: string): string[] => [name, name, name];
  expect(await task.promise).toEqual([
    [of("of whoever wakes"), of("of the spawn"), of("of whoever wakes")],
    of("of whoever wakes"),
  ]);
});

test("asyncContext hands errors, foreign yields and cancels through", async () => {
  const sim = worldWithContext();
  const task = storage.run("at the start", () =>
    sim.start(
      () =>
        scope(function* (scope) {
          const failing = scope.spawn(function* () {
            try {
              yield 5 as never;
            } catch (error) {
              return `${messageOf(error)}; ${storage.getStore() ?? "lost"}`;
            }
            return "nothing";
          });
          const cancelled = scope.spawn(() => sleepForever());
          yield* sleep(1);
          cancelled.cancel();
          yield* sleep(1);
          return [yield* failing, cancelled.ending];
        }),
      { asyncContext: true, name: "root" },
    ),
  );
  await sim.settle();
  const [message, ending] = await task.promise;
  expect(message).toEndWith("it yielded a foreign value, number 5; at the start");
  expect([ending, task.name]).toEqual(["cancelled", "root"]);
});

test("asyncContext leaves where(task) at the handler's line", () => {
  const sim = worldWithContext();
  const task = sim.start(
    function* handler() {
      yield* sleep(5);
    },
    { asyncContext: true },
  );
  turns(sim);
  const lines = whereIsTask(task as Task);
  expect(lines.length).toBe(1);
  expect(lines[0]).toContain("handler");
});

test("asyncContext is refused where the host has none", async () => {
  const sim = new Simulation();
  expect(() => sim.start(look, { asyncContext: true })).toThrow(ProtocolError);
  const error = await rejection(sim.run(() => scope(() => look(), { asyncContext: true })));
  expect(messageOf(error)).toBe(
    "Cannot keep the async context: this host has none; give SimHost the option captureContext",
  );
});
