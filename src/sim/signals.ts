// Signals of a simulated world: they come when a test sends them.

import type { OsSignalName, OsSignals, SignalListening } from "../core/os-signals.ts";

/** As much of a host as signals need. */
interface Holding {
  hold(): void;
  release(): void;
}

/** The twin of bun/signals.ts. */
export class SimSignals implements OsSignals {
  readonly #host: Holding;
  readonly #listening = new Map<OsSignalName, Set<() => void>>();

  constructor(host: Holding) {
    this.#host = host;
  }

  listen(name: OsSignalName, heard: () => void): SignalListening {
    const entry = (): void => heard();
    const all = this.#listening.get(name) ?? new Set();
    this.#listening.set(name, all.add(entry));
    return {
      awaited: () => this.#host.hold(),
      unawaited: () => this.#host.release(),
      stop: () => void all.delete(entry),
    };
  }

  /** Sends `name` to all who listen. False when nobody does: on Bun the system would have done what it always does. */
  raise(name: OsSignalName): boolean {
    const all = [...(this.#listening.get(name) ?? [])];
    for (const heard of all) heard();
    return all.length > 0;
  }
}
