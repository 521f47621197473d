// Supervision: children that are started in order, watched, started again when they fail, and stopped in the reverse order, by the words and rules
// of Erlang's supervisor. An error stays in its child, up to the intensity; then it ends the supervisor, and is the next one's business.
//
//   one_for_one    the child that ended is started again
//   rest_for_one   and those behind it are stopped and started as well
//   one_for_all    all others are
//
// One generator, in the caller's task, does everything one after the other; children's ends and waits that are over only wake it. It
// works under a shield without end, so that a cancel from outside stops the children in order and not all at once.

import { SUPERVISOR_INTENSITY, SUPERVISOR_PERIOD_MS } from "../config.ts";
import { ProtocolError } from "../core/errors.ts";
import { type Operation, operationOf } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";
import type { AnyTask, Kernel, Task, Wait } from "../core/task.ts";
import { runningTask } from "./cancel.ts";
import { checkpoint } from "./checkpoint.ts";
import { Once } from "./delegate.ts";
import { Latch } from "./latch.ts";
import { type Scope, scopeOfServants } from "./scope.ts";
import { cancelWithoutGrace, shieldAndTell } from "./shield.ts";
import {
  assertBackoff,
  assertSpecs,
  type Backoff,
  Child,
  type ChildExit,
  type ChildSpec,
  type ChildState,
  SupervisorError,
} from "./supervisor-child.ts";
import { moveOnAfter } from "./timeout.ts";

/** Which children are started again with one that ended. */
export type SupervisorStrategy = "one_for_one" | "one_for_all" | "rest_for_one";

/** Options of {@link supervise}. */
export interface SupervisorOptions {
  /** Default `one_for_one`. */
  readonly strategy?: SupervisorStrategy;
  /** Restarts within `periodMs` that are made; one more ends the supervisor. Default 1. */
  readonly intensity?: number;
  /** Default 5,000. */
  readonly periodMs?: number;
  /** Waits before restarts. Default: none. */
  readonly backoff?: Backoff;
  /** For messages. */
  readonly name?: string;
  /** Called for each child that has ended. Without it those that failed are reported on the host's console. */
  readonly onExit?: (exit: ChildExit) => void;
}

/** Exact counts of a supervisor. */
export interface SupervisorStatistics {
  /** Children started again by themselves, not counting those that were taken along. */
  readonly restarts: number;
  /** Children that had to be stopped without grace. */
  readonly brutal: number;
  readonly children: readonly { readonly name: string; readonly state: ChildState; readonly restarts: number }[];
}

/** What {@link supervise} makes: the operation, and a look at how it is. */
export interface Supervision extends Operation<void> {
  /** Its counts and the states of its children, at any time. */
  statistics(): SupervisorStatistics;
}

/**
 * Starts `children` in order and keeps them up. Ends when all have ended and none is to be started again. When it is cancelled it stops them in
 * reverse order, each within its shutdown time, and passes the cancel on. Supervisors nest: a child's `start` may be another `supervise`,
 * best with an endless shutdown time.
 * @throws SupervisorError when more restarts are needed within the period than the intensity allows; ProtocolError for faulty options
 *
 * @example
 * ```ts
 * import { type ChildExit, run, type Steps, supervise } from "millrace";
 *
 * let starts = 0;
 *
 * function* worker(): Steps<void> {
 *   if (++starts < 3) throw new Error("tripped");
 * }
 *
 * const exits: ChildExit[] = [];
 * const options = { intensity: 5, periodMs: 60_000, onExit: (exit: ChildExit) => void exits.push(exit) };
 * await run(() => supervise(options, [{ name: "worker", start: worker, restart: "transient" }])).promise;
 * console.log(exits.map(({ ending }) => ending)); // => ["failed", "failed", "returned"]
 * ```
 */
export function supervise(options: SupervisorOptions, children: readonly ChildSpec[]): Supervision {
  assertOptions(options);
  assertSpecs(children);
  return new Supervisor(options, children);
}

class Supervisor extends Once<void> implements Supervision {
  readonly #options: SupervisorOptions;
  readonly #children: readonly Child[];
  readonly #strategy: SupervisorStrategy;
  readonly #intensity: number;
  readonly #periodMs: number;
  readonly #ofTask = new Map<AnyTask, Child>();
  /** Ends that were not seen to. */
  #exits: { readonly child: Child; readonly exit: ChildExit }[] = [];
  /** Those that led to restarts within the period. */
  #history: ChildExit[] = [];
  #news = new Latch();
  #stopAsked = false;
  #restarts = 0;
  #brutal = 0;

  constructor(options: SupervisorOptions, specs: readonly ChildSpec[]) {
    super("supervise", () => this.#run());
    this.#options = options;
    this.#children = specs.map((spec) => new Child(spec));
    this.#strategy = options.strategy ?? "one_for_one";
    this.#intensity = options.intensity ?? SUPERVISOR_INTENSITY;
    this.#periodMs = options.periodMs ?? SUPERVISOR_PERIOD_MS;
  }

  statistics(): SupervisorStatistics {
    const children = this.#children.map(({ spec, state, restarts }) => ({ name: spec.name, state, restarts }));
    return { restarts: this.#restarts, brutal: this.#brutal, children };
  }

  *#run(): Generator<Wait, void, unknown> {
    const { kernel } = runningTask("supervise");
    const stopAsked = (): void => {
      this.#stopAsked = true;
      this.#news.open();
    };
    const tasks = (): Operation<void> =>
      scopeOfServants(
        (scope) => this.#manage(scope, kernel),
        (task) => this.#ended(task, kernel),
      );
    yield* shieldAndTell(tasks, Number.POSITIVE_INFINITY, stopAsked);
    // The cancel that asked goes on from here.
    if (this.#stopAsked) yield* checkpoint();
  }

  #ended(task: Task, kernel: Kernel): void {
    const child = this.#ofTask.get(task) as Child;
    this.#ofTask.delete(task);
    const exit = child.exited(task, kernel.host.now());
    if (!exit.stopped) this.#exits.push({ child, exit });
    this.#tell(exit, kernel);
    this.#news.open();
  }

  /** This runs inside the last step of the child: what a hook throws is nobody's business there. */
  #tell(exit: ChildExit, kernel: Kernel): void {
    const { onExit } = this.#options;
    if (onExit === undefined) {
      if (exit.ending === "failed")
        kernel.report(`The child ${exit.name} of ${this.#describe()} failed: ${stackOf(exit)}`);
      return;
    }
    try {
      onExit(exit);
    } catch (error) {
      kernel.report(`onExit of ${this.#describe()} threw: ${String(error)}`);
    }
  }

  *#manage(scope: Scope, kernel: Kernel): Generator<Wait, void, unknown> {
    const { host } = kernel;
    for (;;) {
      if (this.#stopAsked) {
        yield* this.#stop(this.#children, kernel);
        return;
      }
      const next = this.#exits.shift();
      if (next !== undefined) {
        yield* this.#seeTo(next.child, next.exit, kernel);
        continue;
      }
      const due = this.#children.find(({ state, dueAt }) => state === "down" && dueAt <= host.now());
      if (due !== undefined) {
        yield* this.#start(due, scope, host.now());
        continue;
      }
      const waiting = this.#children.filter(({ state }) => state === "down").map(({ dueAt }) => dueAt);
      if (waiting.length === 0 && this.#ofTask.size === 0) return;
      yield* this.#waitForNews(Math.min(...waiting, Number.POSITIVE_INFINITY) - host.now());
    }
  }

  *#start(child: Child, scope: Scope, now: number): Generator<Wait, void, unknown> {
    const { spec } = child;
    const ready = (): void => {
      if (child.state !== "starting") return;
      child.state = "up";
      this.#news.open();
    };
    // What `start` itself throws is an error of the child.
    const body = function* (): Generator<Wait, unknown, unknown> {
      return yield* operationOf(() => spec.start(ready), `Cannot start ${spec.name}`);
    };
    const task = scope.spawn(body, spec.name);
    this.#ofTask.set(task, child);
    child.started(task, now);
    while (child.state === "starting" && !this.#stopAsked) yield* this.#waitForNews(Number.POSITIVE_INFINITY);
  }

  /** A child has ended by itself. */
  *#seeTo(child: Child, exit: ChildExit, kernel: Kernel): Generator<Wait, void, unknown> {
    if (!child.wantsRestart(exit)) return;
    const now = kernel.host.now();
    this.#history = [...this.#history.filter(({ atMs }) => now - atMs <= this.#periodMs), exit];
    if (this.#history.length > this.#intensity) {
      yield* this.#stop(this.#children, kernel);
      throw new SupervisorError(
        `Cannot go on with ${this.#describe()}: restarts needed within ${this.#periodMs} ms: ${this.#history.length}, ` +
          `allowed: ${this.#intensity}; the last one for ${exit.name}`,
        this.#history,
      );
    }
    this.#restarts++;
    const delay = child.nextDelay(this.#options.backoff, this.#periodMs, now, () => kernel.host.random());
    const along = this.#takenAlong(child);
    yield* this.#stop(along, kernel);
    const dueAt = kernel.host.now() + delay;
    for (const other of along) {
      if (other.state === "removed") continue;
      other.state = "down";
      other.dueAt = dueAt;
    }
    // They are started again as it is: an end of theirs that came meanwhile asks for nothing more.
    this.#exits = this.#exits.filter((entry) => !along.includes(entry.child));
  }

  #takenAlong(child: Child): readonly Child[] {
    if (this.#strategy === "one_for_all") return this.#children;
    return this.#strategy === "one_for_one" ? [child] : this.#children.slice(this.#children.indexOf(child));
  }

  /** Stops those of `children` that are up, the last one first. */
  *#stop(children: readonly Child[], kernel: Kernel): Generator<Wait, void, unknown> {
    for (const child of children.toReversed()) {
      const { task } = child;
      if (task === null) continue;
      child.state = "stopping";
      const reason = `stopped by ${this.#describe()}`;
      if (child.spec.shutdown !== "brutal") task.cancel(reason);
      const deadline = kernel.host.now() + child.shutdownMs;
      while (child.task !== null && kernel.host.now() < deadline)
        yield* this.#waitForNews(deadline - kernel.host.now());
      if (child.task === null) continue;
      this.#brutal++;
      cancelWithoutGrace(task, reason);
      while (child.task !== null) yield* this.#waitForNews(Number.POSITIVE_INFINITY);
    }
  }

  /** Parks until something happens that this supervisor has not seen, or `ms` have passed. */
  *#waitForNews(ms: number): Generator<Wait, void, unknown> {
    this.#news = new Latch();
    yield* moveOnAfter(ms, this.#news.wait());
  }

  #describe(): string {
    return this.#options.name === undefined ? "the supervisor" : `the supervisor ${this.#options.name}`;
  }
}

function stackOf({ error }: ChildExit): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}

const STRATEGIES: readonly unknown[] = ["one_for_one", "one_for_all", "rest_for_one"];

function assertOptions({ strategy, intensity = 0, periodMs = 0, backoff }: SupervisorOptions): void {
  if (strategy !== undefined && !STRATEGIES.includes(strategy))
    throw new ProtocolError(
      `Cannot supervise: expected a strategy of ${STRATEGIES.join(", ")} and found ${String(strategy)}`,
    );
  if (!(intensity >= 0))
    throw new ProtocolError(`Cannot supervise: expected an intensity from 0 on and found ${intensity}`);
  assertMs(periodMs, "Cannot supervise");
  if (backoff !== undefined) assertBackoff(backoff);
}
