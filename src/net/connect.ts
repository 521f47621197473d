// Connecting to a peer: the operation. What it does is in connecting.ts.

import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import { assertMs } from "../core/sleep.ts";
import type { Task, Wait } from "../core/task.ts";
import { describeAddress, LOOPBACK } from "./address.ts";
import type { Conn } from "./conn.ts";
import { Connecting, type ConnectOptions } from "./connecting.ts";
import { ConnectError } from "./errors.ts";
import { assertKeepAlive } from "./keep-alive.ts";
import { tlsClientFault } from "./tls.ts";

/**
 * Connects to a host and port, or to a unix path; parks until the connection stands, over TLS until its handshake is done and the server's
 * certificate verified. A name is tried at all of its addresses, IPv6 and IPv4 side by side. A connect that fails, is cancelled or runs out of
 * time leaves no socket behind.
 * @throws ConnectError when it cannot be made: `reason` says why, `attempts` which addresses were tried. RangeError for numbers that are none.
 *
 * @example
 * ```ts
 * import { connect, listen, race, serve } from "millrace";
 * import { simulate } from "millrace/sim";
 *
 * await simulate(function* () {
 *   const listener = yield* listen({ hostname: "mill.example", port: 7000 });
 *   const client = function* () {
 *     using conn = yield* connect({ hostname: "mill.example", port: 7000, timeoutMs: 5_000 });
 *     return yield* conn.readLine();
 *   };
 *   const { value } = yield* race({ client, server: serve(listener, (conn) => conn.write("good morning\n")) });
 *   console.log(value); // => "good morning"
 * });
 * ```
 */
export function connect(options: ConnectOptions): Operation<Conn> {
  if (options.timeoutMs !== undefined) assertMs(options.timeoutMs, "Cannot connect within a time");
  assertKeepAlive(options.keepAlive);
  return new ConnectLeaf(options);
}

class ConnectLeaf extends Leaf<Conn> {
  readonly #options: ConnectOptions;
  #connecting: Connecting | null = null;

  constructor(options: ConnectOptions) {
    super();
    this.#options = options;
  }

  get reason(): string {
    return `a connection to ${describeAddress(this.#options)}`;
  }

  protected start(): IteratorResult<Wait, Conn> {
    const { tls, unix, hostname = LOOPBACK } = this.#options;
    const fault =
      tls === undefined ? null : tlsClientFault(tls, tls.serverName ?? (unix === undefined ? hostname : undefined));
    if (fault !== null) throw new ConnectError(describeAddress(this.#options), "ERR_TLS", fault, []);
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<Conn> {
    const { conn, error } = this.#connecting as Connecting;
    if (conn !== null) return finish(conn);
    // The error was made in a callback. Its stack is to lead to whoever connects.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  }

  park(task: Task): void {
    this.#connecting = new Connecting(task, this.#options, () => task.kernel.wake(task, this));
    this.#connecting.begin();
  }

  unpark(): boolean {
    this.#connecting?.abandon();
    return true;
  }
}
