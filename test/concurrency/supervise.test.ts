// Supervisors by Erlang's rules, in virtual time: who is started again with whom, in which order, how often, and how they are stopped. Random crashes
// against a model are in supervise-model.test.ts.

import { expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { type Supervision, supervise, type SupervisorOptions } from "../../src/concurrency/supervise.ts";
import { type ChildExit, type ChildSpec, SupervisorError } from "../../src/concurrency/supervisor-child.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { messageOf, rejection } from "../core/kit.ts";

/** A world with children that note when they start and end. */
class Nursery {
  readonly sim = new Simulation();
  readonly log: string[] = [];

  /** A child that ends at the virtual moments of `ends`, by an error unless it says "return"; after the last of them it stays up. */
  child(name: string, ends: readonly (number | "return")[] = [], spec: Partial<ChildSpec> = {}): ChildSpec {
    const left = [...ends];
    const log = this.log;
    return {
      name,
      *start() {
        log.push(`${now()} +${name}`);
        const end = left.shift();
        try {
          if (end === undefined) yield* sleepForever();
          else if (end === "return") return;
          else yield* sleep(end - now());
        } finally {
          log.push(`${now()} -${name}`);
        }
        throw new Error(`${name} failed`);
      },
      ...spec,
    };
  }

  /** Supervises for `ms`, then cancels; gives the log up to then. */
  async watch(options: SupervisorOptions, children: readonly ChildSpec[], ms = 100): Promise<string[]> {
    const task = this.sim.start(() => supervise({ intensity: 10, onExit: () => {}, ...options }, children));
    // Some tests are about one that gives up.
    task.promise.catch(() => {});
    let seen = this.log;
    this.sim.host.schedule(ms, () => {
      seen = [...this.log];
      task.cancel();
    });
    await this.sim.settle();
    expect(["cancelled", "returned", "failed"]).toContain(task.ending as string);
    return seen;
  }
}

const strategies = [
  ["one_for_one", ["10 -b", "10 +b"]],
  ["one_for_all", ["10 -b", "10 -c", "10 -a", "10 +a", "10 +b", "10 +c"]],
  ["rest_for_one", ["10 -b", "10 -c", "10 +b", "10 +c"]],
] as const;

for (const [strategy, expected] of strategies) {
  test(`supervise ${strategy} starts again ${expected.filter((line) => line.includes("+")).length} of three when the middle one fails`, async () => {
    const world = new Nursery();
    const seen = await world.watch({ strategy }, [world.child("a"), world.child("b", [10]), world.child("c")]);
    expect(seen).toEqual(["0 +a", "0 +b", "0 +c", ...expected]);
    // Stopped in the reverse order.
    expect(world.log.slice(-3)).toEqual(["100 -c", "100 -b", "100 -a"]);
  });
}

const restarts = [
  ["permanent", 10, true],
  ["permanent", "return", true],
  ["transient", 10, true],
  ["transient", "return", false],
  ["temporary", 10, false],
  ["temporary", "return", false],
] as const;

for (const [restart, end, isRestarted] of restarts) {
  const way = end === "return" ? "returns" : "fails";
  test(`supervise ${isRestarted ? "starts" : "does not start"} a ${restart} child again that ${way}`, async () => {
    const world = new Nursery();
    const seen = await world.watch({}, [world.child("a", [end], { restart }), world.child("b")]);
    expect(seen.filter((line) => line.endsWith("+a")).length).toBe(isRestarted ? 2 : 1);
  });
}

test("supervise takes temporary children along for good, and transient ones that had ended back to life", async () => {
  const world = new Nursery();
  const seen = await world.watch({ strategy: "one_for_all" }, [
    world.child("temporary", [], { restart: "temporary" }),
    world.child("transient", ["return"], { restart: "transient" }),
    world.child("failing", [20]),
  ]);
  expect(seen.slice(4)).toEqual(["20 -failing", "20 -temporary", "20 +transient", "20 +failing"]);
});

test("supervise ends when all children have ended and none is to be started again", async () => {
  const world = new Nursery();
  const { sim } = world;
  const temporary = world.child("b", [7], { restart: "temporary" });
  await sim.run(() =>
    supervise({ onExit: () => {} }, [world.child("a", ["return"], { restart: "transient" }), temporary]),
  );
  expect([sim.host.now(), sim.scheduler.timers.armed]).toEqual([7, 0]);
});

test("supervise gives up when more restarts are needed in the period than its intensity: stops all, and tells why", async () => {
  const world = new Nursery();
  const error = await rejection(
    world.sim.run(() =>
      supervise({ intensity: 2, periodMs: 50, name: "top", onExit: () => {} }, [
        world.child("steady"),
        world.child("flaky", [10, 30, 55]),
      ]),
    ),
  );
  expect(error).toBeInstanceOf(SupervisorError);
  expect(messageOf(error)).toBe(
    "Cannot go on with the supervisor top: restarts needed within 50 ms: 3, allowed: 2; the last one for flaky",
  );
  const { history, cause, code } = error as SupervisorError;
  expect(history.map(({ name, atMs, ending }) => [name, atMs, ending])).toEqual([
    ["flaky", 10, "failed"],
    ["flaky", 30, "failed"],
    ["flaky", 55, "failed"],
  ]);
  expect([code, messageOf(cause)]).toEqual(["ERR_SUPERVISOR", "flaky failed"]);
  expect(world.log.slice(-2)).toEqual(["55 -flaky", "55 -steady"]);
});

test("supervise forgets restarts that are older than its period", async () => {
  const world = new Nursery();
  const seen = await world.watch({ intensity: 1, periodMs: 20 }, [world.child("slow", [10, 31, 52, 73])]);
  expect(seen.filter((line) => line.includes("+")).length).toBe(5);
  const other = new Nursery();
  const cut = await other.watch({ intensity: 1, periodMs: 20 }, [other.child("fast", [10, 30])]);
  expect(cut).toEqual(["0 +fast", "10 -fast", "10 +fast", "30 -fast"]);
});

test("supervise makes no restart with an intensity of 0", async () => {
  const world = new Nursery();
  expect(await world.watch({ intensity: 0 }, [world.child("a", [5])])).toEqual(["0 +a", "5 -a"]);
});

test("supervise waits longer before each restart of one child, up to a bound, and begins anew when it stayed up", async () => {
  const world = new Nursery();
  const backoff = { minMs: 10, maxMs: 35, resetMs: 100 };
  const ends = [0, 11, 40, 90, 300];
  const seen = await world.watch({ backoff }, [world.child("a", ends), world.child("b")], 400);
  const starts = seen.filter((line) => line.endsWith("+a")).map((line) => Number(line.split(" ")[0]));
  // After 10, 20, 35, 35, and after 300 - 125 ms upright 10 again.
  expect(starts).toEqual([0, 10, 31, 75, 125, 310]);
});

test("supervise takes a random part off the backoff, the same under the same seed", async () => {
  const starts = async (seed: number): Promise<string[]> => {
    const log: string[] = [];
    const sim = new Simulation({ seed });
    const task = sim.start(() =>
      supervise({ intensity: 20, onExit: () => {}, backoff: { minMs: 100, maxMs: 100, jitter: 0.5 } }, [
        {
          name: "a",
          *start() {
            log.push(now().toFixed(3));
            yield* checkpoint();
            throw new Error("again");
          },
        },
      ]),
    );
    sim.host.schedule(900, () => task.cancel());
    await sim.settle();
    return log;
  };
  const [one, same, other] = [await starts(1), await starts(1), await starts(2)];
  expect(same).toEqual(one);
  expect(other).not.toEqual(one);
  for (const [i, at] of one.entries()) {
    const gap = Number(at) - Number(one[i - 1] ?? 0);
    if (i > 0) expect(gap >= 50 && gap <= 102).toBe(true);
  }
});

test("supervise does not hold other children up while one waits for its restart", async () => {
  const world = new Nursery();
  const seen = await world.watch({ backoff: { minMs: 30, maxMs: 30 } }, [
    world.child("a", [10]),
    world.child("b", [15]),
  ]);
  expect(seen.slice(2)).toEqual(["10 -a", "15 -b", "40 +a", "45 +b"]);
});

test("supervise starts the next child when the one before has said that it is ready", async () => {
  const world = new Nursery();
  const seen = await world.watch({ strategy: "one_for_all" }, [
    {
      name: "slow",
      saysReady: true,
      *start(ready) {
        world.log.push(`${now()} +slow`);
        yield* sleep(20);
        ready();
        yield* sleep(10);
        yield* sleepForever();
      },
    },
    world.child("next", [50]),
  ]);
  expect(seen).toEqual(["0 +slow", "20 +next", "50 -next", "50 +slow", "70 +next"]);
});

test("supervise goes on with the others when a child ends before it is ready", async () => {
  const world = new Nursery();
  const seen = await world.watch({}, [
    world.child("broken", [10], { saysReady: true, restart: "temporary" }),
    world.child("next"),
  ]);
  expect(seen).toEqual(["0 +broken", "10 -broken", "10 +next"]);
});

test("supervise that is cancelled stops its children one after the other, each in its time, and passes the cancel on", async () => {
  const world = new Nursery();
  const { log, sim } = world;
  const cleaning = (name: string, ms: number, spec: Partial<ChildSpec> = {}): ChildSpec => ({
    name,
    *start() {
      try {
        yield* sleepForever();
      } finally {
        yield* shield(sleep(ms), 1_000);
        log.push(`${now()} -${name}`);
      }
    },
    ...spec,
  });
  const task = sim.start(() => supervise({}, [cleaning("a", 10), cleaning("b", 20), cleaning("c", 5)]));
  sim.host.schedule(100, () => task.cancel());
  await sim.settle();
  expect([log, task.ending]).toEqual([["105 -c", "125 -b", "135 -a"], "cancelled"]);
  expect(sim.scheduler.timers.armed).toBe(0);
});

test("supervise ends the shields of a child whose shutdown time has passed, those still to come included", async () => {
  const { sim, log } = new Nursery();
  let supervision: Supervision | undefined;
  const task = sim.start(() => {
    supervision = supervise({}, [
      {
        name: "stubborn",
        shutdown: 50,
        *start() {
          try {
            yield* sleepForever();
          } finally {
            try {
              yield* shield(sleep(10_000), 20_000);
            } finally {
              log.push(`first shield over at ${now()}`);
              try {
                yield* shield(sleep(10_000), 20_000);
              } finally {
                log.push(`second shield over at ${now()}`);
              }
            }
          }
        },
      },
    ]);
    return supervision;
  });
  sim.host.schedule(100, () => task.cancel());
  await sim.settle();
  expect(log).toEqual(["first shield over at 150", "second shield over at 150"]);
  expect(supervision?.statistics().brutal).toBe(1);
  expect([task.ending, sim.host.now(), sim.scheduler.timers.armed]).toEqual(["cancelled", 150, 0]);
});

test("supervise gives a brutal child no grace at all, and one with an endless shutdown time all that it takes", async () => {
  const { sim, log } = new Nursery();
  const child = (name: string, shutdown: number | "brutal"): ChildSpec => ({
    name,
    shutdown,
    *start() {
      try {
        yield* shield(sleepForever(), 300);
      } finally {
        log.push(`${now()} -${name}`);
      }
    },
  });
  const task = sim.start(() => supervise({}, [child("patient", Number.POSITIVE_INFINITY), child("brutal", "brutal")]));
  sim.host.schedule(100, () => task.cancel());
  await sim.settle();
  expect(log).toEqual(["100 -brutal", "400 -patient"]);
});

test("supervise waits for a child that catches its cancels and goes on, which is reported as swallowing", async () => {
  const { sim } = new Nursery();
  const task = sim.start(() =>
    supervise({}, [
      {
        name: "deaf",
        shutdown: "brutal",
        *start() {
          for (let tries = 0; tries < 5; tries++) {
            try {
              yield* sleepForever();
            } catch (error) {
              if (!isCancelled(error)) throw error;
            }
          }
        },
      },
    ]),
  );
  sim.host.schedule(100, () => task.cancel());
  await sim.settle();
  expect(task.ending).toBe("cancelled");
  expect(sim.scheduler.swallowedCancels).toBe(4);
});

test("supervise nests: an inner one that gives up is restarted as a whole, and is stopped in order", async () => {
  const world = new Nursery();
  const inner = (): Operation<void> =>
    supervise({ intensity: 0, onExit: () => {} }, [world.child("x"), world.child("y", [10])]);
  const seen = await world.watch({ intensity: 1, periodMs: 1_000 }, [
    world.child("a"),
    { name: "inner", start: inner, shutdown: Number.POSITIVE_INFINITY },
  ]);
  // The specification is made anew for each start, and so is the child's list of ends.
  expect(seen.slice(0, 8)).toEqual(["0 +a", "0 +x", "0 +y", "10 -y", "10 -x", "10 +x", "10 +y", "10 -y"]);
});

test("supervise stops a nested supervisor brutally when its time is over: all its children at once", async () => {
  const { sim, log } = new Nursery();
  const slow = (name: string): ChildSpec => ({
    name,
    *start() {
      try {
        yield* sleepForever();
      } finally {
        try {
          yield* shield(sleep(100), 1_000);
        } finally {
          log.push(`${now()} -${name}`);
        }
      }
    },
  });
  const inner = (): Operation<void> => supervise({}, [slow("x"), slow("y"), slow("z")]);
  const task = sim.start(() => supervise({}, [{ name: "inner", start: inner, shutdown: 150 }]));
  sim.host.schedule(50, () => task.cancel());
  await sim.settle();
  expect(log).toEqual(["150 -z", "200 -y", "200 -x"]);
  expect([task.ending, sim.scheduler.timers.armed]).toEqual(["cancelled", 0]);
});

test("supervise can be cancelled while it starts, waits for a restart, and stops others", async () => {
  for (const at of [5, 25, 45, 61]) {
    const world = new Nursery();
    const seen = await world.watch(
      { strategy: "one_for_all", backoff: { minMs: 20, maxMs: 20 } },
      [
        world.child("a", [20]),
        {
          name: "slow",
          saysReady: true,
          *start(ready) {
            world.log.push(`${now()} +slow`);
            try {
              yield* sleep(10);
              ready();
              yield* sleepForever();
            } finally {
              yield* shield(sleep(15), 50);
              world.log.push(`${now()} -slow`);
            }
          },
        },
      ],
      at,
    );
    const count = (sign: string): number => world.log.filter((line) => line.includes(sign)).length;
    expect([at, count("+")]).toEqual([at, count("-")]);
    expect(seen.length).toBeLessThanOrEqual(world.log.length);
    expect(world.sim.scheduler.timers.armed).toBe(0);
  }
});

test("supervise reports errors of children, unless onExit is told", async () => {
  const silent = new Nursery();
  const exits: ChildExit[] = [];
  await silent.watch({ onExit: (exit) => exits.push(exit) }, [silent.child("a", [5])]);
  expect(exits.map(({ name, atMs, ending, stopped }) => [name, atMs, ending, stopped])).toEqual([
    ["a", 5, "failed", false],
    ["a", 100, "cancelled", true],
  ]);
  expect(silent.sim.host.reports).toEqual([]);

  const loud = new Nursery();
  const task = loud.sim.start(() => supervise({ name: "top" }, [loud.child("a", [5]), loud.child("b")]));
  loud.sim.host.schedule(9, () => task.cancel());
  await loud.sim.settle();
  expect(loud.sim.host.reports[0]).toStartWith("The child a of the supervisor top failed: Error: a failed");

  const faulty = new Nursery();
  await faulty.watch(
    {
      onExit() {
        throw new Error("a faulty hook");
      },
    },
    [faulty.child("a", [5])],
  );
  expect(faulty.sim.host.reports[0]).toBe("onExit of the supervisor threw: Error: a faulty hook");
});

test("supervise tells how its children are", async () => {
  const world = new Nursery();
  const supervision = supervise({ intensity: 5, onExit: () => {}, backoff: { minMs: 50, maxMs: 50 } }, [
    world.child("a", [10]),
    world.child("b"),
    world.child("c", ["return"], { restart: "transient" }),
    world.child("d", [5], { restart: "temporary" }),
  ]);
  const task = world.sim.start(supervision);
  const seen: unknown[] = [];
  world.sim.host.schedule(30, () => seen.push(supervision.statistics()));
  world.sim.host.schedule(70, () => task.cancel());
  await world.sim.settle();
  expect(seen).toEqual([
    {
      restarts: 1,
      brutal: 0,
      children: [
        { name: "a", state: "down", restarts: 1 },
        { name: "b", state: "up", restarts: 0 },
        { name: "c", state: "ended", restarts: 0 },
        { name: "d", state: "removed", restarts: 0 },
      ],
    },
  ]);
});

test("supervise takes a start that throws, or makes no operation, for a child that failed", async () => {
  for (const start of [
    () => {
      throw new Error("no start");
    },
    () => 5,
  ]) {
    const world = new Nursery();
    const error = await rejection(
      world.sim.run(() => supervise({ intensity: 0, onExit: () => {} }, [{ name: "a", start: start as never }])),
    );
    expect(error).toBeInstanceOf(SupervisorError);
  }
});

test("supervise refuses what it cannot keep to", () => {
  const child = { name: "a", start: () => sleepForever() };
  const faulty: [SupervisorOptions, readonly unknown[]][] = [
    [{}, []],
    [{}, [child, child]],
    [{}, [{ ...child, restart: "sometimes" }]],
    [{}, [{ ...child, shutdown: Number.NaN }]],
    [{ strategy: "all" as never }, [child]],
    [{ intensity: -1 }, [child]],
    [{ intensity: Number.NaN }, [child]],
    [{ periodMs: Number.NaN }, [child]],
    [{ backoff: { minMs: 10, maxMs: 5 } }, [child]],
    [{ backoff: { minMs: 10, maxMs: 20, jitter: 2 } }, [child]],
  ];
  for (const [options, children] of faulty) {
    let thrown: unknown;
    try {
      supervise(options, children as never);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ProtocolError);
    expect(messageOf(thrown)).toStartWith("Cannot supervise");
  }
});

test("supervise that is cancelled stops a child that will never say that it is ready", async () => {
  const { sim, log } = new Nursery();
  const task = sim.start(() =>
    supervise({}, [
      {
        name: "silent",
        saysReady: true,
        *start() {
          try {
            yield* sleepForever();
          } finally {
            log.push(`${now()} -silent`);
          }
        },
      },
    ]),
  );
  sim.host.schedule(5, () => task.cancel());
  await sim.settle();
  expect([log, task.ending]).toEqual([["5 -silent"], "cancelled"]);
});

test("supervise takes a child that somebody else cancels for shut down: a permanent one is started again, a transient one is not", async () => {
  const world = new Nursery();
  const tasks = new Map<string, Task>();
  world.sim.scheduler.instrument = { taskSpawned: (task) => void tasks.set(task.name, task) };
  world.sim.host.schedule(10, () => {
    tasks.get("permanent")?.cancel();
    tasks.get("transient")?.cancel();
  });
  const seen = await world.watch({}, [
    world.child("permanent"),
    world.child("transient", [], { restart: "transient" }),
  ]);
  expect(seen.slice(2)).toEqual(["10 -permanent", "10 -transient", "10 +permanent"]);
});
