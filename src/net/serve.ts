// A TCP server: a task per connection, below a scope of the server's own. An error in one handler is reported and closes its connection only.
// When the server is cancelled it stops accepting and lets the handlers finish; after the grace they are cancelled too.

import { DRAIN_GRACE_MS } from "../config.ts";
import { type Scope, scopeOfServants } from "../concurrency/scope.ts";
import { checkpoint } from "../concurrency/checkpoint.ts";
import { shieldAndTell } from "../concurrency/shield.ts";
import { Once } from "../concurrency/delegate.ts";
import type { Operation } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";
import { running, type Task, type Wait } from "../core/task.ts";
import { anchor } from "./anchor.ts";
import type { Conn } from "./conn.ts";
import { LOST } from "./conn-state.ts";
import { ConnectionLostError } from "./errors.ts";
import { guarded, stackOf } from "./guarded.ts";
import { listen } from "./listen.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { Serving } from "./serving.ts";

/** A handler of connections: usually a generator function. The connection is closed when it ends. */
export type ConnHandler = (conn: Conn) => Operation<unknown>;

/** Options of {@link serve}. */
export interface ServeOptions {
  /** Ms that handlers get to finish when the server is cancelled, before they are cancelled too. Default 10,000. */
  readonly graceMs?: number;
  /** Told of every error that a handler threw, but for a peer that vanished. Default: the host's report. */
  readonly onError?: (error: unknown, conn: Conn) => void;
  /** Called once when the server is cancelled and begins to drain. */
  readonly onDrain?: () => void;
}

/**
 * Serves connections until it is cancelled: `where` is a listener, or an address to listen at. Parks for the whole time. Each connection has a
 * task that runs `handler`, and is closed when that ends; an error there is told to `onError` and ends nothing else. When the server is
 * cancelled it accepts no more, lets the handlers finish for `graceMs`, and then cancels them.
 * @throws ListenError when the address cannot be bound, RangeError for numbers that are none.
 *
 * @example
 * ```ts
 * import { type Conn, connect, listen, race, run, serve, type Steps } from "millrace";
 *
 * function* echo(conn: Conn): Steps<void> {
 *   for (let line: string | null; (line = yield* conn.readLine()) !== null;) yield* conn.write(`GOT:${line}\n`);
 * }
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: listener.port });
 *     yield* conn.write("hello\n");
 *     return yield* conn.readLine();
 *   };
 *   const { value } = yield* race({ client, server: serve(listener, echo) }); // a cancel alone ends a server
 *   console.log(value); // => "GOT:hello"
 * }).promise;
 * ```
 */
export function serve(
  where: Listener | ListenOptions,
  handler: ConnHandler,
  options: ServeOptions = {},
): Operation<never> {
  if (options.graceMs !== undefined) assertMs(options.graceMs, "Cannot serve with a grace");
  return new Once("serve", () => runServe(where, handler, options));
}

function* runServe(
  where: Listener | ListenOptions,
  handler: ConnHandler,
  options: ServeOptions,
): Generator<Wait, never, unknown> {
  const listener = "accept" in where ? where : yield* listen(where);
  const { host } = (running as Task).kernel;
  const { onError, onDrain } = options;
  const report =
    onError === undefined
      ? (error: unknown, conn: Conn): void => host.report(`the handler of ${conn.describe()} failed: ${stackOf(error)}`)
      : guarded(host, "onError", onError);
  const untilDrain = new Serving(listener);
  const drain = (): void => {
    listener.close();
    untilDrain.drain();
    if (onDrain !== undefined) guarded(host, "onDrain", onDrain)();
  };
  // The handler's own generator is the task: a wrapper around it would cost 9 ns on each resume and 200 bytes a connection. What is due
  // when it has ended is done by the scope's exit hook.
  const conns = new Map<Task, Conn>();
  const end = (task: Task): void => {
    const conn = conns.get(task);
    if (conn === undefined) return;
    conns.delete(task);
    // A peer that vanished is no news. Another connection that the handler lost is.
    const vanished = (conn.input === LOST || conn.output === LOST) && task.outcome instanceof ConnectionLostError;
    if (task.ending === "failed" && !vanished) report(task.outcome, conn);
    conn.close();
  };
  const begin = (connections: Scope, conn: Conn): void => {
    try {
      const task = connections.spawn(() => handler(conn), handler.name || "connection");
      conns.set(task, conn);
      anchor("conn", conn, task);
    } catch (error) {
      report(error, conn);
      conn.close();
    }
  };
  const serving = scopeOfServants(function* (connections) {
    listener.deliverTo((conn) => begin(connections, conn));
    yield* untilDrain;
  }, end);
  try {
    yield* shieldAndTell(serving, options.graceMs ?? DRAIN_GRACE_MS, drain);
  } finally {
    listener.close();
  }
  // Only a cancel ends the scope above: here it goes on outwards.
  for (;;) yield* checkpoint();
}
