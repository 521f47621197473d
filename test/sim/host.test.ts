// What only the simulated host has: a clock that jumps, rounds, reports that are collected.

import { expect, test } from "bun:test";
import { SimHost } from "../../src/sim/index.ts";

/** A host whose calls to its client are noted. */
function noted(): { host: SimHost; calls: string[]; run: () => void } {
  const host = new SimHost({ seed: 4 });
  const calls: string[] = [];
  const note = (call: string) => () => void calls.push(`${call} ${host.now()}`);
  host.attach({ turn: note("turn"), alarm: note("alarm"), stalled: note("stalled") });
  return { host, calls, run: () => void run(host) };
}

function run(host: SimHost): void {
  while (host.advance());
}

test("SimHost jumps to the next event, or to the alarm if that is earlier", () => {
  const { host, calls, run } = noted();
  for (const ms of [70, 10, 3_600_000]) host.schedule(ms, () => calls.push(`event ${host.now()}`));
  host.wakeAt(25.5);
  run();
  expect(calls).toEqual(["event 10", "alarm 25.5", "event 70", "event 3600000"]);
});

test("SimHost fires events of one moment in the order in which they were asked for", () => {
  const { host, run } = noted();
  const order: number[] = [];
  for (let i = 0; i < 100; i++) host.schedule(i % 2, () => order.push(i));
  run();
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  expect(order).toEqual([...numbers.filter((i) => i % 2 === 0), ...numbers.filter((i) => i % 2 === 1)]);
});

test("SimHost keeps its events in order of time, whatever order they are asked for in", () => {
  const { host, run } = noted();
  const times: number[] = [];
  for (let i = 0; i < 2_000; i++) host.schedule(host.prng.between(0, 500), () => times.push(host.now()));
  run();
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.length).toBe(2_000);
});

test("SimHost makes a turn between rounds, so that events without delay starve neither turns nor alarms", () => {
  const { host, calls } = noted();
  let events = 0;
  const again = (): void => {
    if (++events < 1_000) host.schedule(0, again);
  };
  again();
  host.defer();
  host.wakeAt(0);
  while (calls.length < 2) host.advance();
  expect(calls).toEqual(["turn 0", "alarm 0"]);
  expect(events).toBeLessThan(5);
});

test("SimHost makes a turn after all events of its round", () => {
  const { host, calls, run } = noted();
  for (const name of ["a", "b", "c"]) {
    host.schedule(5, () => {
      if (name === "a") host.defer();
      calls.push(name);
    });
  }
  run();
  expect(calls).toEqual(["a", "b", "c", "turn 5"]);
});

test("SimHost.advance is false when nothing is left to do, and isAtRest says so before a jump", () => {
  const { host, run } = noted();
  expect([host.isAtRest, host.advance()]).toEqual([true, false]);
  host.schedule(5, () => {});
  expect(host.isAtRest).toBe(true);
  host.defer();
  expect(host.isAtRest).toBe(false);
  run();
  expect([host.now(), host.isAtRest]).toEqual([5, true]);
});

test("SimHost begins on 1 January 2026, and its wall clock goes with its clock", () => {
  const { host, run } = noted();
  expect(new Date(host.wallClock()).toISOString()).toBe("2026-01-01T00:00:00.000Z");
  host.schedule(86_400_000, () => {});
  run();
  expect(new Date(host.wallClock()).toISOString()).toBe("2026-01-02T00:00:00.000Z");
});

test("SimHost alarms in a hundred years", () => {
  const { host, calls, run } = noted();
  host.wakeAt(100 * 365 * 86_400_000);
  run();
  expect(calls).toEqual(["alarm 3153600000000"]);
});

test("SimHost collects reports and the first failure", () => {
  const { host } = noted();
  host.report("look here");
  host.fatal(new Error("first"));
  host.fatal(new Error("second"));
  expect(host.reports).toEqual(["look here"]);
  expect(host.failure?.error).toEqual(new Error("first"));
});

test("SimHost.nextWake settles at a release, and at a turn asked for from outside", async () => {
  const { host } = noted();
  host.hold();
  host.hold();
  const released = host.nextWake();
  host.release();
  await released;
  expect(host.holds).toBe(1);
  const deferred = host.nextWake();
  host.defer();
  await deferred;
});
