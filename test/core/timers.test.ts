// The wheel is held against a sorted list: same timers, same order, never early, none lost, with clocks that cross 2^31 and 2^32 ms.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Timer, type TimerOwner, Timers } from "../../src/core/timers.ts";

const FAR = 2 ** 31 - 1;

/** The wheel beside its model: timers in the order of their tick and, within one, of arming. */
class Bench {
  readonly timers: Timers;
  now: number;
  armed: { timer: Timer; tick: number; order: number; far: boolean }[] = [];
  fired: Timer[] = [];
  onFire: (timer: Timer) => void = () => {};
  #order = 0;
  /** The tick that the wheel has reached: deadlines before it fire at it. */
  #reached: number;

  constructor(start: number) {
    this.timers = new Timers(start);
    this.now = start;
    this.#reached = Math.floor(start);
  }

  make(): Timer {
    const owner: TimerOwner = { expired: (timer) => this.#expired(timer) };
    return new Timer(owner);
  }

  arm(timer: Timer, deadline: number): void {
    this.timers.arm(timer, deadline);
    const tick = Math.max(Math.ceil(deadline), this.#reached);
    this.armed.push({ timer, tick, order: this.#order++, far: deadline - this.#reached > FAR });
  }

  cancel(timer: Timer): void {
    this.timers.cancel(timer);
    this.armed = this.armed.filter((entry) => entry.timer !== timer);
  }

  advance(by: number): void {
    this.now += by;
    this.timers.expire(this.now);
    this.#reached = Math.max(this.#reached, Math.floor(this.now));
    const due = this.armed.filter((entry) => entry.tick <= this.now);
    expect(due).toEqual([]);
    this.check();
  }

  check(): void {
    const { timers, armed } = this;
    expect(timers.armed).toBe(armed.length);
    if (armed.length === 0) return;
    const nearest = Math.min(...armed.map((entry) => entry.tick));
    expect(timers.earliest).toBeLessThanOrEqual(nearest);
  }

  #expired(timer: Timer): void {
    expect(timer.armed).toBe(false);
    expect(timer.deadline).toBeLessThanOrEqual(this.now);
    const entry = this.armed.find((candidate) => candidate.timer === timer);
    if (entry === undefined) throw new Error("a timer fired that was not armed");
    this.#reached = Math.max(this.#reached, entry.tick);
    // Nothing that is armed should have come first: an earlier tick, or the same tick and armed before.
    for (const other of this.armed) {
      const first =
        other.tick < entry.tick || (other.tick === entry.tick && other.order < entry.order && !other.far && !entry.far);
      if (other !== entry && first)
        throw new Error(`tick ${entry.tick} order ${entry.order} fired before ${other.tick} order ${other.order}`);
    }
    this.armed = this.armed.filter((candidate) => candidate !== entry);
    this.fired.push(timer);
    this.onFire(timer);
  }
}

const spans = fc.oneof(
  fc.integer({ min: -20, max: 40 }),
  fc.integer({ min: 0, max: 3_000 }),
  fc.double({ min: 0, max: 200, noNaN: true }),
  fc.integer({ min: 0, max: 2 ** 26 }),
  fc.constantFrom(
    31,
    32,
    33,
    1023,
    1024,
    32_768,
    2 ** 30,
    2 ** 31 - 2,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 7,
    2 ** 33,
    Number.POSITIVE_INFINITY,
  ),
);
const starts = fc.constantFrom(
  0,
  5.75,
  31,
  1_000_003.5,
  2 ** 30 - 3,
  2 ** 31 - 40,
  2 ** 31,
  2 ** 32 - 100,
  2 ** 32,
  3 * 2 ** 32 - 7.25,
  2 ** 40 + 12_345,
);
const moves = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("arm" as const), ms: spans }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel" as const), ms: fc.nat(1000) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: spans }) },
  ),
  { maxLength: 80 },
);

function play(bench: Bench, made: readonly { kind: "arm" | "cancel" | "pass"; ms: number }[]): void {
  for (const { kind, ms } of made) {
    if (kind === "arm") bench.arm(bench.make(), bench.now + ms);
    else if (kind === "cancel") {
      const victim = bench.armed[ms % Math.max(1, bench.armed.length)];
      if (victim !== undefined) bench.cancel(victim.timer);
    } else bench.advance(Number.isFinite(ms) ? Math.max(0, ms) : 50);
    bench.check();
  }
}

test("Timers fires like a sorted list under random arming, cancelling and passing of time", () => {
  fc.assert(
    fc.property(starts, moves, (start, made) => {
      const bench = new Bench(start);
      play(bench, made);
      bench.armed = bench.armed.filter(({ timer, tick }) => {
        if (tick !== Number.POSITIVE_INFINITY) return true;
        bench.timers.cancel(timer);
        return false;
      });
      bench.advance(2 ** 34);
      expect(bench.armed).toEqual([]);
      expect(bench.timers.earliest).toBe(Number.POSITIVE_INFINITY);
    }),
    { numRuns: 400 },
  );
});

test("Timers keeps its order when expired timers arm and cancel others", () => {
  fc.assert(
    fc.property(starts, moves, fc.array(spans, { minLength: 1, maxLength: 20 }), (start, made, again) => {
      const bench = new Bench(start);
      let at = 0;
      bench.onFire = (timer) => {
        if (at >= 60) return;
        const ms = again[at++ % again.length] as number;
        // Every third re-arms itself, the others arm a new one; every fifth cancels the oldest.
        bench.arm(at % 3 === 0 ? timer : bench.make(), bench.now + ms);
        const oldest = bench.armed[0];
        if (at % 5 === 0 && oldest !== undefined) bench.cancel(oldest.timer);
      };
      play(bench, made);
      bench.advance(2 ** 32 + 17);
    }),
    { numRuns: 300 },
  );
});

test("Timers finds its way by `earliest` alone: looking only when told misses nothing and is never late", () => {
  fc.assert(
    fc.property(starts, fc.array(spans, { minLength: 1, maxLength: 30 }), (start, all) => {
      const bench = new Bench(start);
      for (const ms of all) if (Number.isFinite(ms)) bench.arm(bench.make(), start + ms);
      let looks = 0;
      while (bench.armed.length > 0) {
        const nearest = Math.min(...bench.armed.map(({ tick }) => tick));
        expect(bench.timers.earliest).toBeLessThanOrEqual(nearest);
        bench.advance(Math.max(0, bench.timers.earliest - bench.now));
        if (bench.now >= nearest) expect(bench.armed.every(({ tick }) => tick > nearest)).toBe(true);
        expect(++looks).toBeLessThan(1_000);
      }
    }),
  );
});

test("Timers fires timers of one tick in the order of arming, even when the first ones were armed from far away", () => {
  const bench = new Bench(0);
  const [a, b, c, d] = [bench.make(), bench.make(), bench.make(), bench.make()] as const;
  bench.arm(a, 5_000);
  bench.arm(b, 4_999.5);
  bench.advance(4_000);
  bench.arm(c, 5_000);
  bench.advance(990);
  bench.arm(d, 5_000);
  bench.advance(10);
  expect(bench.fired).toEqual([a, b, c, d]);
});

test("Timers puts what an expired timer arms behind what was armed for that tick before", () => {
  const bench = new Bench(0);
  const [first, before, after] = [bench.make(), bench.make(), bench.make()] as const;
  bench.onFire = (timer) => {
    if (timer === first) bench.arm(after, 1_030);
  };
  // One slot of a higher level holds both: `first` is due at its first tick, `before` must have come down before it fires.
  bench.arm(first, 1_024);
  bench.arm(before, 1_030);
  bench.advance(2_000);
  expect(bench.fired).toEqual([first, before, after]);
});

test("Timers never fires early by a fraction of a millisecond", () => {
  const bench = new Bench(10.25);
  const timer = bench.make();
  bench.arm(timer, 12.5);
  for (const [now, fired] of [
    [12.4, 0],
    [12.5, 0],
    [12.99, 0],
    [13, 1],
  ] as const) {
    bench.advance(now - bench.now);
    expect([now, bench.fired.length]).toEqual([now, fired]);
  }
});

test("Timers fires a deadline that has passed already at the next look", () => {
  const bench = new Bench(1_000);
  bench.arm(bench.make(), 3);
  bench.arm(bench.make(), Number.NEGATIVE_INFINITY);
  bench.advance(0);
  expect(bench.fired.length).toBe(2);
});

test("Timers knows nothing of a nearest deadline once the last timer was cancelled", () => {
  const bench = new Bench(0);
  const timer = bench.make();
  bench.arm(timer, 60_000);
  bench.cancel(timer);
  expect(bench.timers.earliest).toBe(Number.POSITIVE_INFINITY);
  bench.cancel(timer);
  expect(bench.timers.cancels).toBe(1);
});

test("Timers refuses to arm a timer twice", () => {
  const bench = new Bench(0);
  const timer = bench.make();
  bench.timers.arm(timer, 5);
  expect(() => bench.timers.arm(timer, 6)).toThrow("a timer is armed once");
});

test("Timers carries a million armed timers", () => {
  const timers = new Timers(0);
  let fired = 0;
  let latest = 0;
  const owner: TimerOwner = {
    expired(timer) {
      fired++;
      if (timer.deadline < latest) throw new Error("out of order");
      latest = timer.deadline;
    },
  };
  const all: Timer[] = [];
  for (let i = 0; i < 1_000_000; i++) {
    const timer = new Timer(owner);
    timers.arm(timer, (i * 7_919) % 1_000_003);
    all.push(timer);
  }
  expect(timers.armed).toBe(1_000_000);
  for (let i = 0; i < all.length; i += 2) timers.cancel(all[i] as Timer);
  timers.expire(500_000);
  timers.expire(1_000_003);
  expect([fired, timers.armed, timers.arms, timers.cancels]).toEqual([500_000, 0, 1_000_000, 500_000]);
});
