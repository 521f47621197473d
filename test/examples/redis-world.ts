// What the simulated tests of the cache share: a server in a world of its own, and clients that send bytes.

import { expect } from "bun:test";
import { redis, type Redis } from "../../examples/redis.ts";
import type { RedisOptions } from "../../examples/redis/keyspace.ts";
import { type Conn, type Operation, scope, serve, type Steps } from "../../src/index.ts";
import type { Task } from "../../src/core/task.ts";
import type { SimHostOptions, SimPeer, SocketStatistics } from "../../src/sim/index.ts";
import { ADDRESS, Mill } from "../net/kit.ts";

/** A command as clients send it: characters are bytes. */
export function command(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
}

/** The bytes as text, a character each. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** One client. */
export class CacheClient {
  readonly peer: SimPeer;
  readonly #world: CacheWorld;
  #seen = 0;

  constructor(world: CacheWorld) {
    this.#world = world;
    this.peer = world.mill.peer();
    world.pass();
  }

  send(...commands: (readonly string[] | string)[]): void {
    const text = commands.map((one) => (typeof one === "string" ? one : command(...one))).join("");
    this.peer.send(Buffer.from(text, "latin1"));
  }

  /** What has come since the last look. */
  heard(): string {
    const all = latin1(this.peer.received);
    const fresh = all.slice(this.#seen);
    this.#seen = all.length;
    return fresh;
  }

  /** Sends commands, lets a moment pass, and gives what has come. */
  ask(...commands: (readonly string[] | string)[]): string {
    this.send(...commands);
    this.#world.pass();
    return this.heard();
  }

  /** What the server's end of the connection did. */
  get server(): SocketStatistics {
    if (this.peer.socket === null) throw new Error("the client is not connected");
    return this.peer.socket.peer.statistics;
  }
}

/** A server in a world of its own. */
export class CacheWorld {
  readonly mill: Mill;
  readonly redis: Redis;
  readonly errors: unknown[] = [];
  /** The server's ends of all connections, oldest first. */
  readonly conns: Conn[] = [];
  readonly task: Task<unknown>;

  constructor(options: RedisOptions & { world?: SimHostOptions; graceMs?: number } = {}) {
    this.mill = new Mill(options.world ?? {});
    let made: Redis | null = null;
    const { errors, conns } = this;
    this.task = this.mill.start(function* (): Steps<void> {
      const server = redis(options);
      made = server;
      yield* scope(function* (tasks) {
        tasks.spawn(server.sweep, "the sweep");
        const handler = (conn: Conn): Operation<unknown> => {
          conns.push(conn);
          return server.handler(conn);
        };
        yield* serve(ADDRESS, handler, {
          onError: (error) => errors.push(error),
          onDrain: server.drain,
          graceMs: options.graceMs ?? 1_000,
        });
      });
    });
    this.mill.until(() => made !== null && this.mill.host.transport.listeners.length > 0);
    this.redis = made as unknown as Redis;
  }

  client(): CacheClient {
    return new CacheClient(this);
  }

  pass(ms = 5): void {
    this.mill.pass(ms);
  }

  async finish(): Promise<void> {
    await this.mill.finish(this.task);
    expect(this.errors).toEqual([]);
    expect([this.redis.keyspace.connected, this.redis.keyspace.channels.size]).toEqual([0, 0]);
  }
}
