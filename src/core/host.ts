// The host port: the only door from the scheduler to clocks, chance and the event loop. `bun/host.ts` opens it on Bun, `sim/host.ts` on a
// virtual world; one contract suite holds both. Everything above lives in one world or the other without knowing which.

import type { Compression } from "./compression.ts";
import type { OsSignals } from "./os-signals.ts";

/** What the host calls: the scheduler implements it. */
export interface HostClient {
  /** The turn that `defer` asked for. */
  turn(): void;
  /** The moment that `wakeAt` asked for, or an earlier one. */
  alarm(): void;
  /** Nothing the host knows of can ever wake a task again. */
  stalled(): void;
}

/** Runs `step(given)` in the async context in which it was made. */
export type ContextRestorer = <Given, Result>(step: (given: Given) => Result, given: Given) => Result;

/** The world as a scheduler sees it. All times are milliseconds on the host's own monotonic clock, with fractions. */
export interface Host {
  /** True where mistakes are worth the price of finding them: reports of forgotten operations and swallowed cancels. */
  readonly development: boolean;
  /** Milliseconds since some fixed moment. Never goes back. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC, for dates people read. May jump. */
  wallClock(): number;
  /** A number from 0 up to, not including, 1. */
  random(): number;
  /** Binds the scheduler. Called once, before anything else. */
  attach(client: HostClient): void;
  /** Asks for one `turn()`, after the I/O of this loop round has been seen to. Called at most once until that turn comes. */
  defer(): void;
  /** Asks for an `alarm()` at `deadline` or soon after; replaces what was asked before. `Infinity` asks for none. */
  wakeAt(deadline: number): void;
  /** Something outside holds a way to wake a task (a promise, say): a host that looks for deadlocks must wait for `release`. */
  hold(): void;
  /** Takes back one `hold`. */
  release(): void;
  /** The value of `promise` if it is fulfilled by now; `undefined` while it is pending, and when it failed. Missing where the host cannot tell. */
  peek?<T>(promise: Promise<T>): T | undefined;
  /** The body of a Fetch Response, taken out of it, if all of it is in memory; else `null`, and it is not touched. Missing where the host cannot tell. */
  bodyInMemory?(response: Response): Uint8Array | null;
  /** Takes note of the engine's present async context. Missing where there is none. */
  captureContext?(): ContextRestorer;
  /** Signals of the operating system. Missing where there are none. */
  readonly signals?: OsSignals;
  /** Compressors for bodies. Missing where bodies go out as they are. */
  readonly compression?: Compression;
  /** Shows a diagnostic to the developer. */
  report(text: string): void;
  /** An invariant is broken and no task can be blamed: ends the world with `error`. */
  fatal(error: unknown): void;
}
