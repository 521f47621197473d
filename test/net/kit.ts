// What the tests of src/net share: a simulated world with a server in it, driven move by move, and peers without any of our code in them.

import { expect } from "bun:test";
import type { Steps } from "../../src/core/operation.ts";
import type { Task } from "../../src/core/task.ts";
import type { Refusals } from "../../src/net/admission.ts";
import type { Conn } from "../../src/net/conn.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener, ListenOptions } from "../../src/net/listener.ts";
import { type ConnHandler, serve, type ServeOptions } from "../../src/net/serve.ts";
import {
  CALM_NETWORK,
  type NetworkOptions,
  type SimHostOptions,
  SimPeer,
  type SimPeerAddress,
  type SimSocket,
  Simulation,
} from "../../src/sim/index.ts";

/** What a listener's statistics say of refusals, but for those that are given. */
export function refusals(given: Partial<Refusals> = {}): Refusals {
  return { connectionsMax: 0, rate: 0, queue: 0, closed: 0, ...given };
}

export const ADDRESS = { hostname: "127.0.0.1", port: 7_000 };

/** A simulated world and what a test asks of it. */
export class Mill extends Simulation {
  constructor(options: SimHostOptions | NetworkOptions = {}) {
    super(
      "seed" in options || "network" in options
        ? (options as SimHostOptions)
        : { network: { ...CALM_NETWORK, ...options } },
    );
  }

  /** Makes moves until nothing is left to do at this moment, or `untilMs` of virtual time is reached. */
  advanceTo(untilMs: number): void {
    const { host } = this;
    // Without an event at that moment the clock might jump over it, or stand still before.
    host.schedule(untilMs - host.now(), () => {});
    while (host.now() < untilMs && host.failure === null) host.advance();
  }

  /** Lets `ms` of virtual time pass. */
  pass(ms: number): void {
    this.advanceTo(this.host.now() + ms);
  }

  /** Makes moves until `condition` holds. */
  until(condition: () => boolean): void {
    while (!condition()) {
      if (!this.host.advance()) throw new Error(`nothing more happens, and still not: ${condition.toString()}`);
    }
  }

  peer(address: SimPeerAddress = ADDRESS): SimPeer {
    return SimPeer.connect(this.host, address);
  }

  /** Serves at ADDRESS as a root task. */
  serve(
    handler: ConnHandler,
    options: ServeOptions & ListenOptions = {},
  ): { task: Task<never>; listener: () => Listener } {
    let listener: Listener | null = null;
    const task = this.start(function* (): Steps<never> {
      listener = yield* listen({ ...ADDRESS, ...options });
      return yield* serve(listener, handler, options);
    });
    this.until(() => listener !== null);
    return { task, listener: () => listener as unknown as Listener };
  }

  /** Cancels what still runs, and checks that no socket, listener, timer or complaint is left. */
  async finish(...tasks: Task<unknown>[]): Promise<void> {
    for (const task of tasks) {
      task.cancel();
      task.promise.catch(() => {});
    }
    await this.settle();
    for (const socket of this.host.transport.sockets) socket.terminate();
    while (this.host.advance());
    expect(this.host.transport.listeners).toEqual([]);
    expect(this.scheduler.lingering.size).toBe(0);
    expect(this.scheduler.timers.armed).toBe(0);
    expect(this.host.reports).toEqual([]);
  }
}

/** The simulated socket of a conn. */
export function socketOf(conn: Conn): SimSocket {
  return conn.socket as unknown as SimSocket;
}

/** Echoes bytes as they come. */
export function* echo(conn: Conn): Steps<void> {
  for (let bytes: Uint8Array | null; (bytes = yield* conn.read()) !== null;) yield* conn.write(bytes);
}
