// Timers that are armed and cancelled before they fire, which is what timeouts do. `timer`: arm and cancel on a live wheel against setTimeout
// and clearTimeout, the clock read once a pass, as HTTP connections do. `timer-clock`: the clock read for each, as `sleep` and `timeout` do; that
// reading is two thirds of it. `timer-million`: as `timer` with a million others armed. `timeout`: what a user pays, a deadline around an operation
// that suspends once, against Promise.race with a timer that is cleared behind it. One operation is one timer armed and cancelled.

import { PASS_STEPS_MAX } from "../../src/config.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import type { Steps } from "../../src/core/operation.ts";
import { Timer, type TimerOwner } from "../../src/core/timers.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { withTimeout } from "./shared/promise-timeout.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

/** Far enough that none fires while the bench runs. */
const DELAY_MS = 30_000;
const BACKGROUND_MS = 3_600_000;

/** What the twin's operation waits for: it is there, so one suspension is all that it costs. */
const READY = Promise.resolve();

const owner: TimerOwner = { expired(): void {} };

const backgroundOf = (size: Size): number => (size === "full" ? 1_000_000 : operationsOf(size) * 5);

function oursTimer(size: Size, background: number, armsPerReading: number): Side {
  const operations = operationsOf(size);
  const { host, scheduler } = createDriver();
  const { timers } = scheduler;
  // Spread over an hour, as those of idle connections are.
  for (let i = 0; i < background; i++)
    timers.arm(new Timer(owner), host.now() + BACKGROUND_MS + (i * BACKGROUND_MS) / background);
  const timer = new Timer(owner);
  const body = (): unknown => {
    for (let done = 0; done < operations; done += armsPerReading) {
      const now = host.now();
      for (let i = Math.min(armsPerReading, operations - done); i > 0; i--) {
        timers.arm(timer, now + DELAY_MS);
        timers.cancel(timer);
      }
    }
    return timers.armed;
  };
  return { operations, body };
}

function twinTimer(size: Size, background: number): Side {
  const operations = operationsOf(size);
  const nothing = (): void => {};
  for (let i = 0; i < background; i++) setTimeout(nothing, BACKGROUND_MS + (i * BACKGROUND_MS) / background).unref();
  const body = (): unknown => {
    for (let i = 0; i < operations; i++) clearTimeout(setTimeout(nothing, DELAY_MS));
    return operations;
  };
  return { operations, body };
}

function oursTimeout(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  function* body(): Steps<void> {
    for (let i = 0; i < operations; i++) yield* timeout(DELAY_MS, checkpoint());
  }
  return { operations, body: () => runToEnd(driver, body) };
}

function twinTimeout(size: Size): Side {
  const operations = operationsOf(size);
  const operation = async (): Promise<void> => {
    await READY;
  };
  const body = async (): Promise<void> => {
    for (let i = 0; i < operations; i++) await withTimeout(DELAY_MS, operation());
  };
  return { operations, body };
}

export const timer: MicroBench = {
  name: "timer",
  about: "arm and cancel on the wheel; setTimeout and clearTimeout",
  target: 0.45,
  make: { ours: (size) => oursTimer(size, 1, PASS_STEPS_MAX), twin: (size) => twinTimer(size, 1) },
};

export const timerClock: MicroBench = {
  name: "timer-clock",
  about: "the same, reading the clock for each",
  make: { ours: (size) => oursTimer(size, 1, 1), twin: (size) => twinTimer(size, 1) },
};

export const timerMillion: MicroBench = {
  name: "timer-million",
  about: "the same with 1,000,000 timers armed",
  target: 0.45,
  make: {
    ours: (size) => oursTimer(size, backgroundOf(size), PASS_STEPS_MAX),
    twin: (size) => twinTimer(size, backgroundOf(size)),
  },
};

export const timeoutOperation: MicroBench = {
  name: "timeout",
  about: "a deadline around an operation that suspends once; Promise.race with a timer, cleared",
  target: 0.45,
  make: { ours: oursTimeout, twin: twinTimeout },
};
