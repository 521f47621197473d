// `main`: the door for programs. It owns the process: signals cancel the tree, the exit code tells how it went.
//
//   0         the body ended, or a signal came and everything drained in time
//   1         an error nobody handled, printed with its logical stack
//   130, 143  SIGINT or SIGTERM came and something had to be cut short; also when a second signal comes, at once
//
// A signal that a task listens to (osSignal) when it comes is that task's, and none of all this happens.

import type { Body } from "./core/operation.ts";
import { bunSignals } from "./bun/signals.ts";
import { bunScheduler } from "./bun/scheduler.ts";
import { runOn } from "./core/run.ts";
import { isCancelled } from "./core/cancel-tree.ts";
import { DEVELOPMENT_FRAMES_MAX, EXIT_GRACE_MS } from "./config.ts";

/** Options of {@link main}. */
export interface MainOptions {
  /** Ms from the first signal after which the process exits, whatever is still running. Default 20,000. */
  readonly exitMs?: number;
  /** Keeps the engine's async context across waits, in the whole program; see `RunOptions`. Default false. */
  readonly asyncContext?: boolean;
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
type SignalName = keyof typeof SIGNALS;

/**
 * Runs `body` as the program and ends the process with it: exit code 0, or 1 after an error, which is printed. SIGINT and SIGTERM cancel it: 0 when
 * everything drained in time, else 130 or 143; a second signal ends the process at once.
 *
 * Gives nothing to await: a program that waits at its top level hides from Bun that nothing can happen any more, and a deadlock would hang
 * instead of being reported.
 * @throws ProtocolError when `body` is no operation; what a plain function throws that is given as `body`.
 *
 * @example
 * ```ts
 * import { type Conn, listen, main, serve, type Steps } from "millrace";
 *
 * function* greet(conn: Conn): Steps<void> {
 *   yield* conn.write("good morning\n");
 * }
 *
 * main(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   process.kill(process.pid, "SIGTERM"); // as whoever runs the program would, some day
 *   try {
 *     yield* serve(listener, greet);
 *   } finally {
 *     console.log("drained"); // => "drained"
 *   }
 * });
 * ```
 */
export function main<T>(body: Body<T>, options: MainOptions = {}): void {
  const scheduler = bunScheduler();
  // The default of ten ends above a handler of some depth. With more of them an error costs more, which a program that is served does not pay.
  if (scheduler.host.development) Error.stackTraceLimit = Math.max(Error.stackTraceLimit, DEVELOPMENT_FRAMES_MAX);
  const task = runOn(scheduler, body, options.asyncContext === true ? { asyncContext: true } : {});
  let signalled: SignalName | null = null;
  /** Clean-ups that were cut short before the signal came are not its doing. */
  let cutShortBefore = 0;
  const onSignal = (name: SignalName): void => {
    if (signalled !== null) process.exit(SIGNALS[name]);
    signalled = name;
    cutShortBefore = scheduler.gracesExpired;
    setTimeout(() => process.exit(SIGNALS[name]), options.exitMs ?? EXIT_GRACE_MS).unref();
    task.cancel(name);
  };
  for (const name of Object.keys(SIGNALS) as SignalName[]) bunSignals.otherwise(name, () => onSignal(name));
  const end = (): never =>
    process.exit(signalled !== null && scheduler.gracesExpired > cutShortBefore ? SIGNALS[signalled] : 0);
  task.promise.then(end, (error: unknown) => {
    if (signalled !== null && isCancelled(task.outcome)) end();
    console.error(error);
    process.exit(1);
  });
}
