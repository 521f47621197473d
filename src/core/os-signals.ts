// The door to signals of the operating system. `bun/signals.ts` opens it on Bun; in a simulation `host.raise` sends them.

/** Signals that a program can listen to. */
export type OsSignalName =
  "SIGALRM" | "SIGCONT" | "SIGHUP" | "SIGINT" | "SIGQUIT" | "SIGTERM" | "SIGTSTP" | "SIGUSR1" | "SIGUSR2" | "SIGWINCH";

/** Somebody listens. While nobody does, the system does with a signal what it always does: mostly, end the process. */
export interface SignalListening {
  /** A task waits for the signal: the world must stay up for it. */
  awaited(): void;
  /** It no longer does. */
  unawaited(): void;
  /** Listens no more. Called once. */
  stop(): void;
}

/** Where signals come from. */
export interface OsSignals {
  /** Calls `heard` for each `name` that comes. */
  listen(name: OsSignalName, heard: () => void): SignalListening;
}
