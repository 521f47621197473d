// Signals of this process. All listeners of a signal share one handler of Bun's, so that it is known whether a task listens: `main` leaves a signal to
// the tasks that do. A handler alone does not keep Bun's loop up; a timer does, while a task waits.

import type { OsSignalName, OsSignals, SignalListening } from "../core/os-signals.ts";

/** The longest delay that setInterval can say. */
const LONG_MS = 0x7fff_ffff;

interface Line {
  readonly heard: Set<() => void>;
  /** What is done when no task listens. */
  otherwise: (() => void) | null;
  readonly handler: () => void;
}

class BunSignals implements OsSignals {
  readonly #lines = new Map<OsSignalName, Line>();
  #awaited = 0;
  #timer: ReturnType<typeof setInterval> | null = null;

  listen(name: OsSignalName, heard: () => void): SignalListening {
    // One entry each, though the function may be the same.
    const entry = (): void => heard();
    this.#lineOf(name).heard.add(entry);
    return {
      awaited: () => this.#holdLoop(1),
      unawaited: () => this.#holdLoop(-1),
      stop: () => {
        this.#lines.get(name)?.heard.delete(entry);
        this.#forgetUnused(name);
      },
    };
  }

  /** Has `otherwise` called for each `name` that comes while no task listens to it. */
  otherwise(name: OsSignalName, otherwise: () => void): void {
    this.#lineOf(name).otherwise = otherwise;
  }

  #lineOf(name: OsSignalName): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const line: Line = {
      heard: new Set(),
      otherwise: null,
      handler: () => {
        // A task that is woken may listen anew at once: that is for the next one.
        const all = Array.from(line.heard);
        if (all.length === 0) line.otherwise?.();
        for (const heard of all) heard();
      },
    };
    this.#lines.set(name, line);
    process.on(name, line.handler);
    return line;
  }

  #forgetUnused(name: OsSignalName): void {
    const line = this.#lines.get(name);
    if (line === undefined || line.heard.size > 0 || line.otherwise !== null) return;
    this.#lines.delete(name);
    process.off(name, line.handler);
  }

  #holdLoop(by: number): void {
    this.#awaited += by;
    if (this.#awaited > 0) this.#timer ??= setInterval(() => {}, LONG_MS);
    else if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }
}

/** Those of this process. */
export const bunSignals: BunSignals = new BunSignals();
