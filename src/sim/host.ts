// A simulated host: a virtual clock that jumps to the next deadline or network event when all tasks are parked, and chance under a seed. One
// run of a seed is like any other run of it. The real clock is never read and real time never passes, but for promises that a task
// waits for: those settle in the real event loop, and the simulation gives it turns while any is held.

import type { Compression } from "../core/compression.ts";
import type { ContextRestorer, HostClient } from "../core/host.ts";
import type { OsSignalName } from "../core/os-signals.ts";
import type { NetHost } from "../net/transport.ts";
import { createPrng, type Prng } from "./prng.ts";
import { type DiskOptions, SimFiles } from "./files.ts";
import type { NetworkOptions } from "./network.ts";
import { SimSignals } from "./signals.ts";
import { SimTransport } from "./transport.ts";

/** An event of the simulated world, due at a virtual time. */
interface SimEvent {
  at: number;
  order: number;
  fire: () => void;
}

/** Options of a simulated world. */
export interface SimHostOptions {
  /** Decides every random choice. Default 1. */
  seed?: number;
  /** How the network behaves. */
  network?: NetworkOptions;
  /** How the disk behaves. */
  files?: DiskOptions;
  /** Reports of forgotten operations and swallowed cancels are collected. Default true. */
  development?: boolean;
  /** How the engine's async context is kept: `() => AsyncLocalStorage.snapshot()`. Missing: asking for it is an error. */
  captureContext?: () => ContextRestorer;
}

/**
 * A world of its own: clock, chance, network, disk, signals. What a program would print is in `reports`.
 *
 * @example
 * ```ts
 * import { connect, listen, race, serve } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation({ seed: 7 });
 * await world.run(function* () {
 *   const listener = yield* listen({ port: 7000 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: 7000 });
 *     return yield* conn.read();
 *   };
 *   const server = serve(listener, () => {
 *     throw new Error("tripped");
 *   });
 *   yield* race({ client, server });
 * });
 * console.log(world.host.reports[0]?.includes("failed: Error: tripped")); // => true
 * ```
 */
export class SimHost implements NetHost {
  readonly development: boolean;
  readonly transport: SimTransport;
  readonly files: SimFiles;
  readonly signals: SimSignals;
  readonly prng: Prng;
  /** None unless a test gives one: bodies go out as they are, and a run of a seed waits for no thread. */
  compression?: Compression;
  readonly captureContext?: () => ContextRestorer;
  /** Diagnostics that the scheduler reported. */
  readonly reports: string[] = [];
  /** Times the scheduler asked for a timer: exact counts for tests. */
  wakeAts = 0;
  /** An error that no task can be blamed for. */
  failure: { error: unknown } | null = null;

  #client: HostClient | null = null;
  #now = 0;
  #deferred = false;
  #alarmAt = Number.POSITIVE_INFINITY;
  #events: SimEvent[] = [];
  #order = 0;
  /** Events from this number on belong to the next round. */
  #roundEnd = 0;
  #holds = 0;
  #woken: PromiseWithResolvers<void> | null = null;

  constructor(options: SimHostOptions = {}) {
    this.development = options.development ?? true;
    this.signals = new SimSignals(this);
    if (options.captureContext !== undefined) this.captureContext = options.captureContext;
    this.prng = createPrng(options.seed ?? 1);
    this.transport = new SimTransport(this, options.network ?? {});
    this.files = new SimFiles(this, options.files ?? {});
  }

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    // Virtual worlds begin on 1 January 2026.
    return 1_767_225_600_000 + this.#now;
  }

  random(): number {
    return this.prng.next();
  }

  attach(client: HostClient): void {
    this.#client = client;
  }

  defer(): void {
    this.#deferred = true;
    this.#wake();
  }

  wakeAt(deadline: number): void {
    this.wakeAts++;
    this.#alarmAt = deadline;
  }

  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds--;
    this.#wake();
  }

  /** Settles when something outside has woken this world: a held promise, or a call from real code. The real event loop must turn meanwhile. */
  nextWake(): Promise<void> {
    this.#woken ??= Promise.withResolvers<void>();
    return this.#woken.promise;
  }

  #wake(): void {
    this.#woken?.resolve();
    this.#woken = null;
  }

  /** Promises and the like that may still wake a task from outside. */
  get holds(): number {
    return this.#holds;
  }

  /** Sends a signal of the operating system to the tasks that listen to it. False when none does. */
  raise(name: OsSignalName): boolean {
    return this.signals.raise(name);
  }

  report(text: string): void {
    this.reports.push(text);
  }

  fatal(error: unknown): void {
    this.failure ??= { error };
  }

  /** Has `fire` called `delayMs` virtual milliseconds from now; events of one moment come in the order in which they were asked for. */
  schedule(delayMs: number, fire: () => void): void {
    const event = { at: this.#now + Math.max(0, delayMs), order: this.#order++, fire };
    this.#events.push(event);
    siftUp(this.#events);
  }

  /**
   * Makes one move: an event of this round, then the turn asked for, then the alarm that is due, then the next round, else a jump to
   * what comes next. Events asked for during a round belong to the next one, as with a kernel's sockets: two peers that answer each
   * other without delay starve neither turns nor alarms. False when nothing is left to do.
   */
  advance(): boolean {
    const next = this.#events[0];
    const due = next !== undefined && next.at <= this.#now;
    if (due && next.order < this.#roundEnd) {
      removeFirst(this.#events);
      next.fire();
      return true;
    }
    this.#roundEnd = this.#order;
    if (this.#deferred) {
      this.#deferred = false;
      this.#client?.turn();
      return true;
    }
    if (this.#alarmAt <= this.#now) {
      this.#alarmAt = Number.POSITIVE_INFINITY;
      this.#client?.alarm();
      return true;
    }
    if (due) return true;
    const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, this.#alarmAt);
    if (at === Number.POSITIVE_INFINITY) return false;
    this.#now = at;
    return true;
  }

  /** Nothing is left to do at this moment: the next move is a jump in time, or there is none. */
  get isAtRest(): boolean {
    const next = this.#events[0];
    return !this.#deferred && this.#alarmAt > this.#now && (next === undefined || next.at > this.#now);
  }

  /** Nothing is left that could wake a task: says so to the scheduler. */
  stall(): void {
    this.#client?.stalled();
  }
}

// A binary heap by time, then order.

function before(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function siftUp(heap: SimEvent[]): void {
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(heap[at] as SimEvent, heap[parent] as SimEvent)) return;
    swap(heap, at, parent);
    at = parent;
  }
}

function removeFirst(heap: SimEvent[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    let least = at;
    if (left < heap.length && before(heap[left] as SimEvent, heap[least] as SimEvent)) least = left;
    if (left + 1 < heap.length && before(heap[left + 1] as SimEvent, heap[least] as SimEvent)) least = left + 1;
    if (least === at) return;
    swap(heap, at, least);
    at = least;
  }
}

function swap(heap: SimEvent[], i: number, j: number): void {
  const item = heap[i] as SimEvent;
  heap[i] = heap[j] as SimEvent;
  heap[j] = item;
}
