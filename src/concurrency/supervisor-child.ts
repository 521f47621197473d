// What a supervisor knows about one of its children: what it was told, how it is, and how long to wait before it is started again.

import { SUPERVISOR_BACKOFF_FACTOR, SUPERVISOR_SHUTDOWN_MS } from "../config.ts";
import { MillraceError, ProtocolError } from "../core/errors.ts";
import type { Operation } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";
import { type AnyTask, type Ending, FAILED } from "../core/task.ts";

/** A child of a supervisor, in Erlang's words. */
export interface ChildSpec {
  /** Tells the children of one supervisor apart. */
  readonly name: string;
  /** Makes what the child does, anew for each start. */
  readonly start: (ready: () => void) => Operation<unknown>;
  /** `permanent` (default): always started again. `transient`: only after an error. `temporary`: never. */
  readonly restart?: "permanent" | "transient" | "temporary";
  /**
   * How it is stopped. A number of ms: cancelled, and when it has not ended by then, brutally. `"brutal"`: its shields have no grace
   * from the start. Default 5,000. Code that catches every cancel and goes on cannot be stopped: it is waited for, and reported as swallowing.
   */
  readonly shutdown?: number | "brutal";
  /** The child calls the function that `start` gets when it is ready, and the next one is not started before. Default false. */
  readonly saysReady?: boolean;
}

/** The wait before a restart: `minMs`, longer by `factor` each time, up to `maxMs`; less a random part of up to `jitter` (0 to 1) of it. */
export interface Backoff {
  /** Ms before the first restart. */
  readonly minMs: number;
  /** Ms before a restart at most. */
  readonly maxMs: number;
  /** Default 2. */
  readonly factor?: number;
  /** Default 0. */
  readonly jitter?: number;
  /** A child that stayed up this long begins anew with `minMs`. Default: the supervisor's period. */
  readonly resetMs?: number;
}

/** How a supervised child ended. */
export interface ChildExit {
  readonly name: string;
  /** Host milliseconds, see `now()`. */
  readonly atMs: number;
  readonly ending: Ending;
  /** What it threw; only of one that failed. */
  readonly error?: unknown;
  /** It was stopped by its supervisor. */
  readonly stopped: boolean;
}

/** `down`: to be started, now or after its backoff. `ended`: over, unless others take it along. `removed`: over for good. */
export type ChildState = "down" | "starting" | "up" | "stopping" | "ended" | "removed";

/**
 * A supervisor has given up: more restarts were needed than its intensity allows.
 *
 * @example
 * ```ts
 * import { run, supervise, SupervisorError } from "millrace";
 *
 * const start = function* () {
 *   throw new Error("tripped");
 * };
 * const given = run(() => supervise({ intensity: 1, onExit: () => {} }, [{ name: "worker", start }]));
 * await given.promise.catch((error: unknown) => {
 *   if (!(error instanceof SupervisorError)) throw error;
 *   console.log(error.history.length, error.cause); // => 2, new Error("tripped")
 * });
 * ```
 */
export class SupervisorError extends MillraceError {
  override name = "SupervisorError";
  /** The ends that made the restarts necessary, oldest first. */
  readonly history: readonly ChildExit[];

  constructor(message: string, history: readonly ChildExit[]) {
    super("ERR_SUPERVISOR", message, { cause: history.at(-1)?.error });
    this.history = history;
  }
}

/** One child and its state. */
export class Child {
  readonly spec: ChildSpec;
  state: ChildState = "down";
  /** Host milliseconds at which one that is down is started. */
  dueAt: number = Number.NEGATIVE_INFINITY;
  task: AnyTask | null = null;
  restarts: number = 0;
  #startedAt = 0;
  #restartsInRow = 0;

  constructor(spec: ChildSpec) {
    this.spec = spec;
  }

  get shutdownMs(): number {
    const { shutdown = SUPERVISOR_SHUTDOWN_MS } = this.spec;
    return shutdown === "brutal" ? 0 : shutdown;
  }

  started(task: AnyTask, now: number): void {
    this.task = task;
    this.#startedAt = now;
    this.state = this.spec.saysReady === true ? "starting" : "up";
  }

  /** Takes note that its task has ended. */
  exited(task: AnyTask, now: number): ChildExit {
    const { name } = this.spec;
    const stopped = this.state === "stopping";
    this.task = null;
    this.state = this.spec.restart === "temporary" ? "removed" : "ended";
    const exit = { name, atMs: now, ending: task.ending as Ending, stopped };
    return task.state === FAILED ? { ...exit, error: task.outcome } : exit;
  }

  /** Whether it is started again by itself. */
  wantsRestart(exit: ChildExit): boolean {
    const { restart = "permanent" } = this.spec;
    return restart === "permanent" || (restart === "transient" && exit.ending === "failed");
  }

  /** Ms until it may be started again. */
  nextDelay(backoff: Backoff | undefined, periodMs: number, now: number, random: () => number): number {
    this.restarts++;
    if (backoff === undefined) return 0;
    const { minMs, maxMs, factor = SUPERVISOR_BACKOFF_FACTOR, jitter = 0, resetMs = periodMs } = backoff;
    this.#restartsInRow = now - this.#startedAt >= resetMs ? 0 : this.#restartsInRow;
    const longest = Math.min(maxMs, minMs * factor ** this.#restartsInRow);
    this.#restartsInRow++;
    return longest * (1 - jitter * random());
  }
}

const RESTARTS = ["permanent", "transient", "temporary"];

/** @throws ProtocolError when the specifications cannot be kept to. */
export function assertSpecs(specs: readonly ChildSpec[]): void {
  if (specs.length === 0) throw new ProtocolError("Cannot supervise: there are no children");
  const names = new Set<string>();
  for (const { name, restart = "permanent", shutdown = 0 } of specs) {
    if (names.has(name)) throw new ProtocolError(`Cannot supervise: two children have the name ${name}`);
    names.add(name);
    if (!RESTARTS.includes(restart))
      throw new ProtocolError(
        `Cannot supervise ${name}: expected a restart of ${RESTARTS.join(", ")} and found ${restart}`,
      );
    if (shutdown !== "brutal") assertMs(shutdown, `Cannot supervise ${name}`);
  }
}

/** @throws ProtocolError when the waits are no waits. */
export function assertBackoff({ minMs, maxMs, factor = 1, jitter = 0 }: Backoff): void {
  if (minMs >= 0 && maxMs >= minMs && factor >= 1 && jitter >= 0 && jitter <= 1) return;
  throw new ProtocolError(
    `Cannot supervise with a backoff of ${minMs} to ${maxMs} ms, factor ${factor}, jitter ${jitter}: expected 0 <= min <= max, factor >= 1, jitter 0 to 1`,
  );
}
