// The limits of a listener: how many at once, how fast, and what is counted of those who are turned away.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Scheduler } from "../../src/core/scheduler.ts";
import { sleepForever } from "../../src/core/sleep.ts";
import { Admission } from "../../src/net/admission.ts";
import { listen } from "../../src/net/listen.ts";
import type { ListenOptions } from "../../src/net/listener.ts";
import { SimHost } from "../../src/sim/index.ts";
import { ADDRESS, Mill, refusals } from "./kit.ts";

/** An admission on a clock that is moved by hand. */
function admission(options: Partial<ListenOptions>): { door: Admission; pass: (ms: number) => void } {
  const host = new SimHost();
  const scheduler = new Scheduler(host);
  const door = new Admission(scheduler, options);
  const pass = (ms: number): void => {
    const until = host.now() + ms;
    host.schedule(ms, () => {});
    while (host.now() < until) host.advance();
  };
  return { door, pass };
}

/** How many of `count` get in at once. */
function rush(door: Admission, count: number): number {
  let admitted = 0;
  for (let i = 0; i < count; i++) if (door.admit()) admitted++;
  return admitted;
}

describe("Admission", () => {
  test("Admission lets in a burst of one second's worth, then as many as the rate", () => {
    const { door, pass } = admission({ acceptsPerSecondMax: 10 });
    expect(rush(door, 100)).toBe(10);
    expect(door.refusals).toEqual(refusals({ rate: 90 }));
    pass(99);
    expect(rush(door, 5)).toBe(0);
    pass(1);
    expect(rush(door, 5)).toBe(1);
    pass(500);
    expect(rush(door, 100)).toBe(5);
    // A long pause saves up no more than the burst.
    pass(1_000_000);
    expect(rush(door, 100)).toBe(10);
    expect(door.open).toBe(26);
  });

  test("Admission with a burst of its own, and with less than one a second", () => {
    const { door } = admission({ acceptsPerSecondMax: 10, acceptsBurstMax: 3 });
    expect(rush(door, 100)).toBe(3);
    const slow = admission({ acceptsPerSecondMax: 0.5 });
    expect(rush(slow.door, 3)).toBe(1);
    slow.pass(1_999);
    expect(rush(slow.door, 3)).toBe(0);
    slow.pass(1);
    expect(rush(slow.door, 3)).toBe(1);
  });

  test("Admission that is full spends nothing of the rate", () => {
    const { door } = admission({ connectionsMax: 2, acceptsPerSecondMax: 3 });
    expect(rush(door, 5)).toBe(2);
    expect(door.refusals).toEqual(refusals({ connectionsMax: 3 }));
    door.open = 0;
    expect(rush(door, 5)).toBe(1);
    expect(door.refusals).toEqual(refusals({ connectionsMax: 3, rate: 4 }));
    expect(door.refused).toBe(7);
  });

  test("Admission never lets in more than burst and rate allow, nor refuses what they do", () => {
    const arrivals = fc.array(fc.record({ afterMs: fc.nat(400), count: fc.integer({ min: 1, max: 8 }) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), (steps, rate, burst) => {
        const { door, pass } = admission({ acceptsPerSecondMax: rate, acceptsBurstMax: burst });
        // The model counts in thousandths of a connection, which a rate fills in whole numbers each ms.
        let milli = burst * 1_000;
        for (const { afterMs, count } of steps) {
          if (afterMs > 0) pass(afterMs);
          milli = Math.min(burst * 1_000, milli + afterMs * rate);
          const allowed = Math.min(count, Math.floor(milli / 1_000 + 1e-6));
          expect(rush(door, count)).toBe(allowed);
          milli -= allowed * 1_000;
        }
      }),
      {
        numRuns: 300,
        // Sums of fractions once came to a hair below one.
        examples: [
          [
            [
              { afterMs: 0, count: 2 },
              { afterMs: 215, count: 1 },
              { afterMs: 38, count: 3 },
              { afterMs: 347, count: 7 },
            ],
            5,
            10,
          ],
        ],
      },
    );
  });
});

describe("Listener with limits", () => {
  test("listener resets who comes too fast, at once, and counts it", async () => {
    const mill = new Mill();
    const { task, listener } = mill.serve(() => sleepForever(), { acceptsPerSecondMax: 2, graceMs: 0 });
    const peers = Array.from({ length: 5 }, () => mill.peer());
    mill.pass(10);
    expect(peers.filter((peer) => peer.wasReset)).toHaveLength(3);
    expect(listener().statistics()).toEqual({
      open: 2,
      resting: 0,
      accepted: 2,
      refused: 3,
      refusals: refusals({ rate: 3 }),
    });
    mill.pass(500);
    const late = mill.peer();
    mill.pass(10);
    expect([late.opened, late.wasReset, listener().statistics().accepted]).toEqual([true, false, 3]);
    await mill.finish(task);
  });

  test("listener counts TLS handshakes against the rate, before they cost anything", async () => {
    const mill = new Mill();
    const tls = { key: "key", cert: "certificate" };
    const { task, listener } = mill.serve(() => sleepForever(), { tls, acceptsPerSecondMax: 2, graceMs: 0 });
    const peers = Array.from({ length: 5 }, () => mill.peer({ ...ADDRESS, tls: {} }));
    mill.pass(10);
    expect(peers.filter((peer) => peer.closed)).toHaveLength(3);
    expect(listener().statistics()).toEqual({
      open: 2,
      resting: 0,
      accepted: 2,
      refused: 3,
      refusals: refusals({ rate: 3 }),
      handshakes: { pending: 0, failed: 0 },
    });
    await mill.finish(task);
  });

  test("listener tells what it was closed on, and what it had no room for", async () => {
    const mill = new Mill();
    const { task, listener } = mill.serve(() => sleepForever(), { connectionsMax: 1, graceMs: 0 });
    const peers = [mill.peer(), mill.peer()];
    mill.pass(10);
    expect(peers.map((peer) => peer.wasReset)).toEqual([false, true]);
    expect(listener().statistics()).toMatchObject({ refused: 1, refusals: refusals({ connectionsMax: 1 }) });
    expect(listener().connectionsMax).toBe(1);
    await mill.finish(task);
  });

  const wrong: readonly [ListenOptions, string][] = [
    [{ connectionsMax: Number.NaN }, "Cannot listen with connectionsMax of NaN: no connection would get in"],
    [{ connectionsMax: -1 }, "Cannot listen with connectionsMax of -1"],
    [{ acceptsPerSecondMax: 0 }, "Cannot listen with acceptsPerSecondMax of 0"],
    [{ acceptsPerSecondMax: 1, acceptsBurstMax: 0.5 }, "Cannot listen with acceptsBurstMax of 0.5"],
    [{ acceptsBurstMax: 5 }, "it means nothing without acceptsPerSecondMax"],
    [
      { keepAlive: { delayMs: 500 } },
      "Cannot keep connections alive with a delay of 500 ms: expected 1000 to 32767000",
    ],
    [{ keepAlive: { delayMs: Number.NaN } }, "Cannot keep connections alive with a delay of NaN ms"],
  ];
  for (const [options, message] of wrong) {
    test(`listen throws RangeError for ${JSON.stringify(options)}`, () => {
      expect(() => listen({ ...ADDRESS, ...options })).toThrow(RangeError);
      expect(() => listen({ ...ADDRESS, ...options })).toThrow(message);
    });
  }
});
