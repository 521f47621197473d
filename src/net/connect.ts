// Connecting to a peer.

import { rootOf } from "../core/lingering.ts";
import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Scheduler } from "../core/scheduler.ts";

import { describeAddress } from "./address.ts";
import { Conn } from "./conn.ts";
import type { ConnOwner } from "./conn-state.ts";
import type { NetHost, SocketAddress } from "./transport.ts";
import type { Task, Wait } from "../core/task.ts";

/** Connects to `address`; parks until the connection stands. A deadline is `timeout(ms, connect(...))`. @throws ConnectError when it cannot be made. */
export function connect(address: SocketAddress): Operation<Conn> {
  return new ConnectLeaf(address);
}

class ConnectLeaf extends Leaf<Conn> {
  readonly #address: SocketAddress;
  #abandon: (() => void) | null = null;
  #conn: Conn | null = null;
  #error: unknown = null;

  constructor(address: SocketAddress) {
    super();
    this.#address = address;
  }

  get reason(): string {
    return `a connection to ${describeAddress(this.#address)}`;
  }

  protected start(): IteratorResult<Wait, Conn> {
    return suspend(this);
  }

  protected resume(): IteratorReturnResult<Conn> {
    if (this.#conn !== null) return finish(this.#conn);
    // The error was made in a callback. Its stack is to lead to whoever connects.
    if (this.#error instanceof Error) Error.captureStackTrace(this.#error);
    throw this.#error;
  }

  park(task: Task): void {
    const scheduler = task.kernel as Scheduler;
    const { transport } = scheduler.host as NetHost;
    const owner: ConnOwner = { root: rootOf(task), secure: false, connClosed() {} };
    const settle = (): void => {
      scheduler.enter();
      scheduler.wake(task, this);
      scheduler.leaveLater();
    };
    this.#abandon = transport.connect(
      this.#address,
      (socket) => {
        this.#conn = new Conn(scheduler, socket, owner);
        settle();
        return this.#conn;
      },
      (error) => {
        this.#error = error;
        settle();
      },
    );
  }

  unpark(): boolean {
    this.#abandon?.();
    return true;
  }
}
