// Waiting for signals on both hosts: simulated, where the test sends them, and Bun, where it sends them to its own process. What `main` makes of
// them is in test/main.test.ts.

import { describe, expect, test } from "bun:test";
import { bunScheduler } from "../../src/bun/scheduler.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { osSignal, osSignals } from "../../src/concurrency/os-signal.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import { BusyError, ProtocolError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import type { OsSignalName } from "../../src/core/os-signals.ts";
import { runOn } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, rejection, turns } from "../core/kit.ts";
import { createDriver } from "../../bench/micro/shared/driver.ts";

/** A host to listen on. */
interface World {
  readonly name: string;
  run<T>(body: () => Operation<T>): Promise<T>;
  /** Sends a signal; by the time that the result settles every listener has heard it. */
  raise(name: OsSignalName): Promise<void>;
}

function simWorld(): World {
  const sim = new Simulation();
  const raise = async (name: OsSignalName): Promise<void> => void sim.host.raise(name);
  return { name: "sim", run: (body) => sim.run(body), raise };
}

function bunWorld(): World {
  const raise = (name: OsSignalName): Promise<void> => {
    // Behind the listeners that are there.
    const heard = new Promise<void>((resolve) => void process.once(name, () => resolve()));
    process.kill(process.pid, name);
    return heard;
  };
  return { name: "Bun", run: (body) => runOn(bunScheduler(), body).promise, raise };
}

for (const makeWorld of [simWorld, bunWorld]) {
  describe(`signals of ${makeWorld().name}`, () => {
    test("osSignal gives the name of the first of its signals that comes", async () => {
      const world = makeWorld();
      const seen = await world.run(() =>
        scope(function* (scope) {
          const both = scope.spawn(() => osSignal("SIGUSR2", "SIGHUP"));
          const one = scope.spawn(() => osSignal("SIGUSR2"));
          const other = scope.spawn(() => osSignal("SIGUSR2"));
          yield* checkpoint();
          yield* until(world.raise("SIGHUP"));
          const first = yield* both;
          yield* until(world.raise("SIGUSR2"));
          return [first, yield* one, yield* other];
        }),
      );
      expect(seen).toEqual(["SIGHUP", "SIGUSR2", "SIGUSR2"]);
    });

    test("osSignal in a loop hears each signal once", async () => {
      const world = makeWorld();
      let heard = 0;
      await world.run(() =>
        scope(function* (scope) {
          const loop = scope.spawn(function* () {
            for (;;) {
              yield* osSignal("SIGHUP");
              heard++;
            }
          });
          yield* checkpoint();
          for (let i = 1; i <= 3; i++) {
            yield* until(world.raise("SIGHUP"));
            expect(heard).toBe(i);
          }
          loop.cancel();
        }),
      );
      expect(heard).toBe(3);
    });

    test("osSignal that is cancelled, or loses a race, listens no more", async () => {
      const world = makeWorld();
      await world.run(function* () {
        expect(yield* moveOnAfter(1, osSignal("SIGUSR2"))).toBeUndefined();
        expect((yield* race({ signal: osSignal("SIGUSR2"), turn: checkpoint() })).name).toBe("turn");
      });
      expect(process.listenerCount("SIGUSR2")).toBe(0);
    });

    test("osSignals keeps what comes while nobody waits, each name once, in order", async () => {
      const world = makeWorld();
      const seen = await world.run(function* () {
        const seen: unknown[] = [];
        using signals = osSignals("SIGHUP", "SIGUSR2");
        for (const name of ["SIGUSR2", "SIGHUP", "SIGHUP", "SIGUSR2"] as const) yield* until(world.raise(name));
        for (let i = 0; i < 2; i++) seen.push(yield* signals.next());
        seen.push(yield* moveOnAfter(1, signals.next()));
        yield* until(world.raise("SIGHUP"));
        seen.push(yield* signals.next());
        return seen;
      });
      expect(seen).toEqual(["SIGUSR2", "SIGHUP", undefined, "SIGHUP"]);
    });

    test("osSignals ends a wait with null when it is disposed of, and lets one task wait at a time", async () => {
      const world = makeWorld();
      const seen = await world.run(() =>
        scope(function* (scope) {
          const signals = osSignals("SIGUSR2");
          const waiting = scope.spawn(() => signals.next());
          yield* checkpoint();
          const error = yield* thrownBy(signals.next());
          signals[Symbol.dispose]();
          signals[Symbol.dispose]();
          return [error instanceof BusyError, yield* waiting, yield* signals.next()];
        }),
      );
      expect(seen).toEqual([true, null, null]);
      expect(process.listenerCount("SIGUSR2")).toBe(0);
    });
  });
}

test("osSignal loses no signal that came before a cancel", () => {
  const sim = new Simulation();
  const seen: unknown[] = [];
  const task = sim.start(function* () {
    seen.push(yield* osSignal("SIGHUP"));
    yield* sleepForever();
  });
  turns(sim);
  sim.scheduler.enter();
  sim.host.raise("SIGHUP");
  task.cancel();
  sim.scheduler.leave();
  expect([seen, task.ending, sim.host.raise("SIGHUP")]).toEqual([["SIGHUP"], "cancelled", false]);
});

test("osSignals keeps a signal for the task that it has woken", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const task = sim.start(() =>
    scope(function* (scope) {
      const signals = osSignals("SIGHUP");
      const first = scope.spawn(() => signals.next());
      yield* gate.take();
      const error = yield* thrownBy(signals.next());
      return [error instanceof BusyError, yield* first];
    }),
  );
  turns(sim);
  sim.scheduler.enter();
  // This one takes its step before the one that the signal wakes.
  gate.give(1);
  sim.host.raise("SIGHUP");
  sim.scheduler.leave();
  await sim.settle();
  expect(task.outcome).toEqual([true, "SIGHUP"]);
});

test("osSignal that is waited for holds the world up; one that nobody waits for does not", async () => {
  const sim = new Simulation();
  const waiting = sim.run(() => osSignal("SIGTERM"));
  expect(sim.host.raise("SIGTERM")).toBe(true);
  expect(await waiting).toBe("SIGTERM");
  const error = await rejection(
    sim.run(function* () {
      using signals = osSignals("SIGTERM");
      yield* moveOnAfter(5, signals.next());
      yield* sleepForever();
    }),
  );
  expect(messageOf(error)).toContain("nothing can wake one");
  expect(sim.host.holds).toBe(0);
});

test("osSignal refuses no name, and a host without signals", async () => {
  expect(() => (osSignal as () => unknown)()).toThrow("Cannot listen to signals: none is named");
  expect(() => osSignals("SIGHUP")).toThrow(ProtocolError);
  const { host, scheduler } = createDriver();
  for (const body of [() => osSignal("SIGHUP"), () => race({ signal: osSignal("SIGHUP"), tick: sleep(1) })]) {
    const task = runOn<unknown>(scheduler, body);
    task.promise.catch(() => {});
    host.drain();
    expect(task.outcome).toBeInstanceOf(ProtocolError);
  }
});

function* thrownBy(operation: Operation<unknown>): Steps<unknown> {
  try {
    yield* operation;
  } catch (error) {
    return error;
  }
  throw new Error("expected a throw");
}
