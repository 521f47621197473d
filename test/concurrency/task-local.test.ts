// Values that go with tasks: who sees which, and that nobody changes another's.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { all } from "../../src/concurrency/all.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { race } from "../../src/concurrency/race.ts";
import { type Scope, scope } from "../../src/concurrency/scope.ts";
import { taskLocal } from "../../src/concurrency/task-local.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { createPrng } from "../../src/sim/prng.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready, rejection, turns } from "../core/kit.ts";

test("taskLocal gives its initial value outside of tasks and where none was set", async () => {
  const [plain, named] = [taskLocal<string>(), taskLocal("nobody")];
  expect([plain.get(), named.get()]).toEqual([undefined, "nobody"]);
  expect(
    await simulate(function* () {
      return [plain.get(), named.get()];
    }),
  ).toEqual([undefined, "nobody"]);
});

test("taskLocal is set for the length of an operation, nested and beside others, across waits and errors", async () => {
  const [user, trace] = [taskLocal("nobody"), taskLocal(0)];
  const seen: unknown[] = [];
  const look = (): void => void seen.push([user.get(), trace.get()]);
  await simulate(function* () {
    yield* user.run("ada", function* () {
      look();
      yield* sleep(5);
      yield* trace.run(7, function* () {
        yield* checkpoint();
        look();
        yield* user.run("bob", function* () {
          yield* sleep(1);
          look();
        });
        look();
      });
      look();
      try {
        yield* user.run("eve", function* () {
          yield* checkpoint();
          throw new Error("over");
        });
      } catch (error) {
        expect(messageOf(error)).toBe("over");
      }
      look();
      yield* moveOnAfter(5, user.run("carol", sleepForever()));
      look();
    });
    look();
  });
  expect(seen).toEqual([
    ["ada", 0],
    ["ada", 7],
    ["bob", 7],
    ["ada", 7],
    ["ada", 0],
    ["ada", 0],
    ["ada", 0],
    ["nobody", 0],
  ]);
});

test("taskLocal is inherited at the spawn, whatever scope the task goes to, and a child changes nothing for its parent", async () => {
  const user = taskLocal("nobody");
  const seen: string[] = [];
  function* child(name: string): Steps<void> {
    seen.push(`${name}: ${user.get()}`);
    yield* sleep(5);
    seen.push(`${name}: ${user.get()}`);
    yield* user.run("child", checkpoint());
    yield* user.run("grandchildren", function* () {
      yield* all([
        function* () {
          seen.push(`${name} below: ${user.get()}`);
          yield* checkpoint();
        },
      ]);
    });
  }
  await simulate(() =>
    scope(function* (outer) {
      yield* user.run("ada", function* () {
        outer.spawn(() => child("first"));
        yield* user.run("bob", function* () {
          outer.spawn(() => child("second"));
        });
        yield* sleep(20);
        seen.push(`parent: ${user.get()}`);
      });
      outer.spawn(() => child("third"));
    }),
  );
  expect(seen.toSorted()).toEqual(
    [
      "first: ada",
      "first: ada",
      "first below: grandchildren",
      "second: bob",
      "second: bob",
      "second below: grandchildren",
      "third: nobody",
      "third: nobody",
      "third below: grandchildren",
      "parent: ada",
    ].toSorted(),
  );
});

test("taskLocal is seen by the children of a race, an all, and a deadline", async () => {
  const user = taskLocal("nobody");
  const look = function* (): Steps<string> {
    yield* checkpoint();
    return user.get();
  };
  const seen = await simulate(() =>
    user.run("ada", function* () {
      const [both] = yield* all([look, sleep(1)]);
      const { value } = yield* race({ look, never: sleepForever() });
      return [both, value, yield* moveOnAfter(5, look)];
    }),
  );
  expect(seen).toEqual(["ada", "ada", "ada"]);
});

test("taskLocal of the scope's task goes to what is spawned from outside of all tasks; a root inherits nothing", async () => {
  const user = taskLocal("nobody");
  const sim = new Simulation();
  const seen: string[] = [];
  let spawn: (() => void) | undefined;
  const look = function* (): Steps<void> {
    seen.push(user.get());
  };
  const task = sim.start(() =>
    user.run("ada", () =>
      scope(function* (scope: Scope) {
        spawn = () => void scope.spawn(look);
        sim.start(look);
        yield* sleep(50);
      }),
    ),
  );
  turns(sim);
  spawn?.();
  await sim.settle();
  expect([seen, task.ending]).toEqual([["nobody", "ada"], "returned"]);
});

test("taskLocal of one world is not seen in a world inside it", async () => {
  const user = taskLocal("nobody");
  const outer = new Simulation();
  const seen = await outer.run(() =>
    user.run("ada", function* () {
      const inner = new Simulation();
      const look = function* (): Steps<string> {
        return user.get();
      };
      let own: Scope | undefined;
      const task = inner.start(() =>
        scope(function* (scope) {
          own = scope;
          return yield* scope.spawn(look);
        }),
      );
      turns(inner, 1);
      const root = inner.start(() =>
        scope(function* (scope) {
          own = scope;
          yield* sleepForever();
        }),
      );
      turns(inner);
      const spawnedFromHere = (own as Scope).spawn(look);
      turns(inner);
      root.cancel();
      yield* ready(1);
      return [user.get(), task.outcome, spawnedFromHere.outcome];
    }),
  );
  expect(seen).toEqual(["ada", "nobody", "nobody"]);
});

test("taskLocal refuses what is no operation", async () => {
  const user = taskLocal("nobody");
  expect(await rejection(simulate(() => user.run("ada", 5 as never)))).toBeInstanceOf(ProtocolError);
});

test("taskLocal agrees with values that are handed down by hand, in random trees of tasks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.noBias(fc.nat()), async (seed) => {
      const { next } = createPrng(seed);
      const draw = (below: number): number => Math.floor(next() * below);
      const locals = [taskLocal(-1), taskLocal(-1), taskLocal(-1)];
      const faults: string[] = [];
      function* play(expected: readonly number[], depth: number, own: Scope): Steps<void> {
        for (let deeds = 1 + draw(4); deeds > 0; deeds--) {
          const found = locals.map((local) => local.get());
          if (String(found) !== String(expected)) faults.push(`${String(found)} and not ${String(expected)}`);
          const deed = depth > 4 ? 0 : draw(5);
          if (deed === 0) yield* sleep(draw(4));
          else if (deed === 1) own.spawn(() => play(expected, depth + 1, own));
          else if (deed === 2) yield* scope((inner) => play(expected, depth + 1, inner));
          else if (deed === 3) yield* race({ a: play(expected, depth + 1, own), b: play(expected, depth + 1, own) });
          else {
            const [at, value] = [draw(locals.length), draw(100)];
            const changed = expected.with(at, value);
            yield* (locals[at] as (typeof locals)[number]).run(value, play(changed, depth + 1, own));
          }
        }
      }
      await simulate(() => scope((own) => play([-1, -1, -1], 0, own)), { development: false });
      expect(faults).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
