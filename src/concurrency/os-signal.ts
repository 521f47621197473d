// Waiting for signals of the operating system. `osSignal` listens while it is parked and not a moment longer; a program that must not be ended by the
// next one, while it still deals with the last, listens all the time with `osSignals`.

import { BusyError, ProtocolError } from "../core/errors.ts";
import type { Host } from "../core/host.ts";
import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { OsSignalName, OsSignals, SignalListening } from "../core/os-signals.ts";
import type { Kernel, Task, Wait } from "../core/task.ts";
import { runningTask } from "./cancel.ts";

/**
 * Parks until one of the signals comes, and gives its name. It listens from the park to that moment; a signal that comes at any other time is not
 * for it, and mostly ends the process. `main` leaves SIGINT and SIGTERM to tasks that listen to them.
 * @throws ProtocolError when no signal is named, or the host has none
 *
 * @example
 * ```ts
 * import { osSignal, scope, sleep } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * await world.run(() =>
 *   scope(function* (tasks) {
 *     tasks.spawn(function* () {
 *       yield* sleep(10);
 *       world.host.raise("SIGTERM"); // on Bun it is the system that sends them
 *     });
 *     console.log(yield* osSignal("SIGINT", "SIGTERM")); // => "SIGTERM"
 *   }),
 * );
 * ```
 */
export function osSignal<Name extends OsSignalName>(...names: readonly [Name, ...Name[]]): Operation<Name> {
  assertNames(names);
  return new OneSignalLeaf<Name>(names);
}

/** Signals that are listened to until it is disposed of. One task at a time may wait. */
export interface SignalStream<out Name> extends Disposable {
  /**
   * Parks until one of the signals comes, or gives one that came meanwhile, oldest first: several of one kind count once, as with the system
   * itself. `null` when it was disposed of. @throws BusyError when another task waits
   */
  next(): Operation<Name | null>;
}

/**
 * Listens to signals from now on: for the length of a program, or of a part of it.
 * @throws ProtocolError when no signal is named, no task is running, or the host has none
 *
 * @example
 * ```ts
 * import { osSignals } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * await world.run(function* () {
 *   using reloads = osSignals("SIGHUP");
 *   world.host.raise("SIGHUP"); // nobody waits yet, and it is not lost
 *   console.log(yield* reloads.next()); // => "SIGHUP"
 * });
 * ```
 */
export function osSignals<Name extends OsSignalName>(...names: readonly [Name, ...Name[]]): SignalStream<Name> {
  assertNames(names);
  return new Listener<Name>(runningTask("listen to signals").kernel.host, names);
}

function assertNames(names: readonly string[]): void {
  if (names.length === 0) throw new ProtocolError("Cannot listen to signals: none is named");
}

function signalsOf(host: Host): OsSignals {
  if (host.signals === undefined) throw new ProtocolError("Cannot listen to signals: this host has none");
  return host.signals;
}

/** Who is parked, and how to wake it. */
interface SignalWaiter {
  came(): void;
}

/** What a leaf parks at. */
interface Awaitable {
  waiter: SignalWaiter | null;
  /** The host stays up for the signals while a task waits. */
  awaited(): void;
  unawaited(): void;
}

class Listener<Name extends OsSignalName> implements SignalStream<Name>, Awaitable {
  readonly #listening: SignalListening[];
  /** Signals that came and were not given, each name once. */
  readonly #pending = new Set<Name>();
  #over = false;
  waiter: SignalWaiter | null = null;

  constructor(host: Host, names: readonly Name[]) {
    const signals = signalsOf(host);
    this.#listening = [...new Set(names)].map((name) => signals.listen(name, () => this.#heard(name)));
  }

  next(): Operation<Name | null> {
    return new StreamSignalLeaf<Name>(this);
  }

  [Symbol.dispose](): void {
    if (this.#over) return;
    this.#over = true;
    for (const listening of this.#listening) listening.stop();
    this.waiter?.came();
  }

  get isDue(): boolean {
    return this.#over || this.#pending.size > 0;
  }

  take(): Name | null {
    const [name] = this.#pending;
    if (name === undefined || this.#over) return null;
    this.#pending.delete(name);
    return name;
  }

  awaited(): void {
    this.#listening[0]?.awaited();
  }

  unawaited(): void {
    this.#listening[0]?.unawaited();
  }

  #heard(name: Name): void {
    this.#pending.add(name);
    this.waiter?.came();
  }
}

/** Parks at a listener. */
abstract class SignalLeaf<out T> extends Leaf<T> implements SignalWaiter {
  #task: Task | null = null;
  #kernel: Kernel | null = null;

  protected abstract readonly listener: Awaitable | null;

  protected wait(task: Task, listener: Awaitable): void {
    this.#task = task;
    this.#kernel = task.kernel;
    listener.waiter = this;
    listener.awaited();
  }

  unpark(): boolean {
    this.#task = null;
    this.leave();
    return true;
  }

  protected leave(): void {
    const { listener } = this;
    if (listener === null || listener.waiter !== this) return;
    listener.waiter = null;
    listener.unawaited();
  }

  came(): void {
    const task = this.#task;
    if (task === null) return;
    this.#task = null;
    const kernel = this.#kernel as Kernel;
    kernel.enter();
    kernel.wake(task, this);
    kernel.leave();
  }
}

class StreamSignalLeaf<Name extends OsSignalName> extends SignalLeaf<Name | null> {
  readonly reason = "a signal";
  protected readonly listener: Listener<Name>;

  constructor(listener: Listener<Name>) {
    super();
    this.listener = listener;
  }

  protected start(): IteratorResult<Wait, Name | null> {
    if (this.listener.waiter !== null) throw busy();
    return this.listener.isDue ? finish(this.listener.take()) : suspend(this);
  }

  protected resume(): IteratorReturnResult<Name | null> {
    this.leave();
    return finish(this.listener.take());
  }

  park(task: Task): void {
    if (this.listener.waiter === null) this.wait(task, this.listener);
    else task.kernel.requeue(task, busy());
  }
}

class OneSignalLeaf<Name extends OsSignalName> extends SignalLeaf<Name> {
  readonly reason: string;
  protected listener: Listener<Name> | null = null;
  readonly #names: readonly Name[];
  #name: Name | null = null;

  constructor(names: readonly Name[]) {
    super();
    this.#names = names;
    this.reason = `the signal ${names.join(" or ")}`;
  }

  protected start(task: Task): IteratorResult<Wait, Name> {
    // Here and not in `park`, where a throw is fatal.
    signalsOf(task.kernel.host);
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<Name> {
    return finish(this.#name as Name);
  }

  park(task: Task): void {
    this.listener = new Listener<Name>(task.kernel.host, this.#names);
    this.wait(task, this.listener);
  }

  override came(): void {
    this.#name = (this.listener as Listener<Name>).take();
    super.came();
    this.leave();
  }

  protected override leave(): void {
    super.leave();
    this.listener?.[Symbol.dispose]();
  }
}

function busy(): BusyError {
  return new BusyError("Cannot wait for a signal: another task is already waiting");
}
