// The four hooks: their order, and that each task is spawned once and exits once.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { sleep } from "../../src/core/sleep.ts";
import { PARKED, QUEUED, RETURNED, type Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { ready } from "./kit.ts";

test("Instrument hooks come in the order spawned, before, after, exited, and see the task in its state", async () => {
  const sim = new Simulation();
  const log: string[] = [];
  sim.scheduler.instrument = {
    taskSpawned: (task) => void log.push(`spawned ${task.name} ${task.state === QUEUED}`),
    beforeStep: (task) => void log.push(`before ${task.name}`),
    afterStep: (task) => void log.push(`after ${task.name} ${["queued", "running", "parked"][task.state] ?? "ended"}`),
    taskExited: (task) => void log.push(`exited ${task.name} ${task.ending} ${task.state >= RETURNED}`),
  };
  await sim.run(
    () =>
      scope(function* (scope) {
        scope.spawn(function* child() {
          yield* sleep(5);
        });
        const victim = scope.spawn(() => sleep(5), "victim");
        yield* sleep(1);
        victim.cancel();
      }),
    "root",
  );
  expect(log).toEqual([
    "spawned root true",
    "before root",
    "spawned child true",
    "spawned victim true",
    "after root parked",
    "before child",
    "after child parked",
    "before victim",
    "after victim parked",
    "before root",
    "after root parked",
    "before victim",
    "exited victim cancelled true",
    "after victim ended",
    "before child",
    "exited child returned true",
    "after child ended",
    "before root",
    "exited root returned true",
    "after root ended",
  ]);
});

test("Instrument may watch only some of the hooks, and can be taken off again", async () => {
  const sim = new Simulation({ development: false });
  const exited: (Task["ending"] | number)[] = [];
  sim.scheduler.instrument = { taskExited: (task) => void exited.push(task.ending) };
  await sim.run(() => ready(1));
  sim.scheduler.instrument = { afterStep: (task) => void exited.push(task.state) };
  const task = sim.start(() => sleep(1));
  sim.host.advance();
  sim.scheduler.instrument = null;
  await sim.settle();
  expect(exited).toEqual(["returned", PARKED]);
  expect(task.ending).toBe("returned");
});
