// Listening: the operation. What it gives is in listener.ts. A unix path on which nobody answers any more is cleared out of the way first: a process
// that was killed leaves its path behind, and would never start again.

import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Scheduler } from "../core/scheduler.ts";
import type { Task, Wait } from "../core/task.ts";
import { describeAddress } from "./address.ts";
import { assertAdmission } from "./admission.ts";
import { ListenError } from "./errors.ts";
import { assertKeepAlive } from "./keep-alive.ts";
import { Listener, type ListenOptions } from "./listener.ts";
import type { NetHost, StalePath } from "./transport.ts";

/**
 * Binds an address; the listener is open when the operation is over. Parks only to ask whether anybody answers on a unix path that is there: one that
 * a dead process has left is taken over, one on which somebody answers is not, nor is a file that is no socket.
 * @throws ListenError when the address cannot be bound, or when the key or certificate of `tls` cannot be used. RangeError for numbers that are none.
 *
 * @example
 * ```ts
 * import { connect, listen, run } from "millrace";
 *
 * await run(function* () {
 *   using listener = yield* listen({ port: 0, connectionsMax: 500 }); // 0: any free port
 *   using client = yield* connect({ port: listener.port });
 *   yield* client.write("hello\n");
 *   using conn = yield* listener.accept(); // null once the listener is closed
 *   if (conn !== null) console.log(yield* conn.readLine()); // => "hello"
 * }).promise;
 * ```
 */
export function listen(options: ListenOptions): Operation<Listener> {
  assertAdmission(options);
  assertKeepAlive(options.keepAlive);
  return new ListenLeaf(options);
}

class ListenLeaf extends Leaf<Listener> {
  readonly #options: ListenOptions;
  /** Why it could not be bound at once. */
  #error: ListenError | null = null;
  #outcome: StalePath | null = null;

  constructor(options: ListenOptions) {
    super();
    this.#options = options;
  }

  get reason(): string {
    return `to listen on ${describeAddress(this.#options)}`;
  }

  protected start(task: Task): IteratorResult<Wait, Listener> {
    try {
      return finish(new Listener(task, this.#options));
    } catch (error) {
      if (!(error instanceof ListenError) || error.reason !== "EADDRINUSE" || this.#path === null) throw error;
      this.#error = error;
      return suspend(this);
    }
  }

  protected resume(task: Task): IteratorReturnResult<Listener> {
    const outcome = this.#outcome as StalePath;
    if (outcome === "removed" || outcome === "gone") return finish(new Listener(task, this.#options));
    const state =
      outcome === "alive"
        ? "the address is in use, somebody answers there"
        : "something that is no socket is in the way";
    throw new ListenError(`Cannot listen on ${describeAddress(this.#options)}: ${state}`, "EADDRINUSE", {
      cause: this.#error,
    });
  }

  park(task: Task): void {
    const scheduler = task.kernel as Scheduler;
    const { transport } = scheduler.host as NetHost;
    transport.removeStale(this.#path as string, (outcome) => {
      scheduler.enter();
      this.#outcome = outcome;
      scheduler.wake(task, this);
      scheduler.leaveLater();
    });
  }

  unpark(): boolean {
    return true;
  }

  /** The path to bind, if it is one: abstract names vanish with their socket. */
  get #path(): string | null {
    const { fd, unix } = this.#options;
    return fd !== undefined || unix === undefined || unix.startsWith("\0") ? null : unix;
  }
}
