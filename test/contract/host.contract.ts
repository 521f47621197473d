// What core/host.ts promises, for any host. A world makes the host; see world.ts.

import { describe, expect, test } from "bun:test";
import type { World } from "./world.ts";
import { Net } from "./net.ts";

/** Runs the suite for the hosts that `makeWorld` makes. */
export function hostContract(name: string, makeWorld: () => World): void {
  describe(`host contract: ${name}`, () => {
    clockContract(makeWorld);
    deferContract(makeWorld);
    alarmContract(makeWorld);
  });
}

/** Notes the calls that a host makes. */
function listen(world: World, then: { turn?: () => void; alarm?: () => void } = {}): string[] {
  const calls: string[] = [];
  const hear = (call: "turn" | "alarm"): void => {
    calls.push(call);
    world.poke();
    then[call]?.();
  };
  world.client = { turn: () => hear("turn"), alarm: () => hear("alarm"), stalled() {} };
  return calls;
}

function clockContract(makeWorld: () => World): void {
  test("now never goes back, and has gone on at an alarm", async () => {
    await using world = makeWorld();
    const { host } = world;
    const times = [host.now()];
    const calls = listen(world, { alarm: () => times.push(host.now()) });
    for (let i = 1; i <= 5; i++) {
      host.wakeAt(host.now() + i);
      await world.until(() => calls.length === i, "an alarm");
    }
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeGreaterThan((times[0] as number) + 10);
  });

  test("wallClock is a date of this century and goes on with now", async () => {
    await using world = makeWorld();
    const { host } = world;
    const [wall, monotonic] = [host.wallClock(), host.now()];
    expect(new Date(wall).getUTCFullYear()).toBeWithin(2024, 2100);
    const calls = listen(world);
    host.wakeAt(host.now() + 20);
    await world.until(() => calls.length === 1, "an alarm");
    // Loose: somebody may set a real clock.
    expect(Math.abs(host.wallClock() - wall - (host.now() - monotonic))).toBeLessThan(1_000);
  });

  test("random gives numbers from 0 up to 1 that differ", async () => {
    await using world = makeWorld();
    const numbers = Array.from({ length: 1_000 }, () => world.host.random());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(990);
  });
}

function deferContract(makeWorld: () => World): void {
  test("defer makes exactly one turn, and not within the call", async () => {
    await using world = makeWorld();
    const calls = listen(world);
    world.host.defer();
    expect(calls).toEqual([]);
    await world.until(() => calls.length > 0, "the turn");
    await world.settle();
    expect(calls).toEqual(["turn"]);
  });

  test("defer can be asked for again in the turn, and does not come within it", async () => {
    await using world = makeWorld();
    let depth = 0;
    let turns = 0;
    const calls = listen(world, {
      turn() {
        expect(depth).toBe(0);
        depth++;
        if (++turns < 5) world.host.defer();
        depth--;
      },
    });
    world.host.defer();
    await world.until(() => calls.length === 5, "five turns");
    await world.settle();
    expect(turns).toBe(5);
  });

  test("defer makes its turn after the sockets that are ready in the same round", async () => {
    await using world = makeWorld();
    await using net = new Net(world);
    const heard: string[] = [];
    world.client = {
      turn() {
        heard.push("turn");
        world.poke();
      },
      alarm() {},
      stalled() {},
    };
    const pairs = [await net.pair(), await net.pair(), await net.pair()];
    await world.settle();
    for (const { server } of pairs) {
      server.onData = () => {
        if (heard.length === 0) world.host.defer();
        heard.push("data");
      };
    }
    for (const { client } of pairs) client.send("x");
    await world.until(() => heard.length === 4, "three chunks and a turn");
    expect(heard).toEqual(["data", "data", "data", "turn"]);
  });
}

function alarmContract(makeWorld: () => World): void {
  test("wakeAt alarms once, at its deadline and not earlier", async () => {
    await using world = makeWorld();
    const { host } = world;
    let at = 0;
    const calls = listen(world, { alarm: () => (at = host.now()) });
    const deadline = host.now() + 12.5;
    host.wakeAt(deadline);
    await world.until(() => calls.length > 0, "the alarm");
    // A host's timer and its clock may differ by a hair; the scheduler arms an early alarm again.
    expect(at).toBeGreaterThan(deadline - 1);
    await world.settle();
    expect(calls).toEqual(["alarm"]);
  });

  test("wakeAt replaces what was asked before, earlier or later", async () => {
    await using world = makeWorld();
    const { host } = world;
    const times: number[] = [];
    const calls = listen(world, { alarm: () => times.push(host.now()) });
    const start = host.now();
    host.wakeAt(start + 60_000);
    host.wakeAt(start + 5);
    await world.until(() => calls.length === 1, "the earlier alarm");
    expect(times[0]).toBeLessThan(start + 30_000);
    const again = host.now();
    host.wakeAt(again + 1);
    host.wakeAt(again + 15);
    await world.until(() => calls.length === 2, "the later alarm");
    expect(times[1]).toBeGreaterThan(again + 13);
    await world.settle();
    expect(calls).toEqual(["alarm", "alarm"]);
  });

  test("wakeAt with a deadline that has passed alarms soon, and never within the call", async () => {
    await using world = makeWorld();
    const calls = listen(world);
    for (const [count, deadline] of [world.host.now(), world.host.now() - 1_000, Number.NEGATIVE_INFINITY].entries()) {
      world.host.wakeAt(deadline);
      expect(calls.length).toBe(count);
      await world.until(() => calls.length === count + 1, "the alarm");
    }
  });

  test("wakeAt with Infinity withdraws the alarm", async () => {
    await using world = makeWorld();
    const { host } = world;
    const calls = listen(world);
    host.wakeAt(host.now() + 1);
    host.wakeAt(Number.POSITIVE_INFINITY);
    // For once time itself must pass: nothing else shows that nothing comes.
    await world.pass(10);
    expect(calls).toEqual([]);
  });

  test("wakeAt and defer can both be asked for in an alarm", async () => {
    await using world = makeWorld();
    const { host } = world;
    let first = true;
    const calls = listen(world, {
      alarm() {
        if (!first) return;
        first = false;
        host.defer();
        host.wakeAt(host.now() + 2);
      },
    });
    host.wakeAt(host.now() + 1);
    await world.until(() => calls.length === 3, "an alarm, a turn, an alarm");
    expect(calls).toEqual(["alarm", "turn", "alarm"]);
  });
}
