// Worlds for tests of conns: the simulated network under a seed, or Bun's sockets. A test gets two ends of one connection and runs as a task,
// so that the same lines hold both twins. Nothing here waits for real time: `until` lets the world go on until something holds.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OUTBOX_HIGH_WATER_BYTES } from "../../src/config.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { run } from "../../src/index.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import { CALM_NETWORK, type NetworkOptions, Simulation } from "../../src/sim/index.ts";

/** Where a test's tasks live. */
export interface ConnWorld extends AsyncDisposable {
  /** For messages: which twin, which seed. */
  readonly label: string;
  /** Bytes that are too many for this world's buffers: a peer that does not read them makes a writer park. */
  readonly bulkBytes: number;
  run<T>(body: () => Operation<T>): Promise<T>;
  /** Parks until `condition` holds, and fails, naming `what`, when it does not soon. */
  until(condition: () => boolean, what: string): Operation<void>;
  /** Parks until nothing is under way any more, or nearly so. */
  quiet(): Operation<void>;
  unixPath(): string;
}

/** Virtual ms, and on Bun real ones, that `until` has patience for. */
const PATIENCE_MS = 120_000;
const REAL_PATIENCE_MS = 4_000;

export class SimConnWorld implements ConnWorld {
  readonly label: string;
  readonly bulkBytes: number;
  readonly sim: Simulation;
  #paths = 0;

  constructor(seed: number, network: NetworkOptions = {}, bulkBytes = 3_000_000, name = "plain") {
    this.label = `${name} network, seed ${seed}`;
    this.bulkBytes = bulkBytes;
    this.sim = new Simulation({ seed, network });
  }

  run<T>(body: () => Operation<T>): Promise<T> {
    return this.sim.run(body);
  }

  *until(condition: () => boolean, what: string): Steps<void> {
    const { host } = this.sim;
    for (const deadline = host.now() + PATIENCE_MS; !condition();) {
      if (host.now() > deadline) throw new Error(`waited in vain for: ${what}`);
      yield* sleep(1);
    }
  }

  quiet(): Operation<void> {
    return sleep(1_000);
  }

  unixPath(): string {
    return `/run/${++this.#paths}.sock`;
  }

  /** Whatever a test does, it leaves no socket, listener, timer or complaint behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { host, scheduler } = this.sim;
    while (host.advance());
    expect(host.transport.sockets).toEqual([]);
    expect(host.transport.listeners).toEqual([]);
    expect(scheduler.lingering.size).toBe(0);
    expect(scheduler.timers.armed).toBe(0);
    expect(host.reports).toEqual([]);
  }
}

export class BunConnWorld implements ConnWorld {
  readonly label = "Bun";
  readonly bulkBytes = 12_000_000;
  readonly #folder = mkdtempSync(join(tmpdir(), "millrace-conn-"));
  #paths = 0;

  run<T>(body: () => Operation<T>): Promise<T> {
    return run(body).promise;
  }

  *until(condition: () => boolean, what: string): Steps<void> {
    for (const deadline = performance.now() + REAL_PATIENCE_MS; !condition();) {
      if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
      yield* checkpoint();
    }
  }

  *quiet(): Steps<void> {
    for (let round = 0; round < 20; round++) yield* checkpoint();
  }

  unixPath(): string {
    return join(this.#folder, `${++this.#paths}.sock`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true });
  }
}

/** Nearly every write is short and every chunk small, and still hundreds of kilobytes get through in a second. */
const ROUGH: NetworkOptions = {
  latencyMs: [0, 20],
  segmentBytes: [1, 1_024],
  sendBufferBytes: [1, 8_192],
  receiveBufferBytes: 4_096,
  spuriousDrainChance: 0.3,
};

/** The simulated worlds that each contract test runs in: every kind of network under a few seeds. */
export function simWorlds(seedsEach: number): ConnWorld[] {
  const seeds = Array.from({ length: seedsEach }, (_, i) => i + 1);
  return [
    new SimConnWorld(1, CALM_NETWORK, 5_000_000, "calm"),
    ...seeds.map((seed) => new SimConnWorld(seed)),
    ...seeds.map((seed) => new SimConnWorld(seed, ROUGH, 250_000, "rough")),
  ];
}

/** Two ends of a connection, with the world that they are in. */
export interface ConnPair {
  readonly world: ConnWorld;
  readonly client: Conn;
  readonly server: Conn;
}

/** Makes tests in some worlds: `both(title, body)`. */
export type ConnTest = (title: string, body: (pair: ConnPair) => Steps<void>) => void;

/** A `test` whose body runs as a task in each world, with a connection that is there and is reset in the end. */
export function connTest(makeWorlds: () => ConnWorld[]): ConnTest {
  return (title, body) => {
    test(title, async () => {
      expect.hasAssertions();
      for (const world of makeWorlds()) await inWorld(world, () => withPair(world, body));
    });
  };
}

/** Runs `body` in `world`; a failure tells in which world. */
export async function inWorld(world: ConnWorld, body: () => Operation<void>): Promise<void> {
  try {
    await world.run(body);
    await world[Symbol.asyncDispose]();
  } catch (error) {
    if (error instanceof Error) error.message = `${world.label}: ${error.message}`;
    throw error;
  }
}

function* withPair(world: ConnWorld, body: (pair: ConnPair) => Steps<void>): Steps<void> {
  const { client, server } = yield* connected({ hostname: "127.0.0.1", port: 0 });
  try {
    yield* body({ world, client, server });
  } finally {
    client.terminate();
    server.terminate();
  }
}

/** A fresh connection through a listener that is closed again. */
export function* connected(address: {
  hostname?: string;
  port?: number;
  unix?: string;
}): Steps<{ client: Conn; server: Conn }> {
  using listener = yield* listen(address);
  const client = yield* connect(address.unix === undefined ? { hostname: "127.0.0.1", port: listener.port } : address);
  const server = yield* listener.accept();
  if (server === null) throw new Error("the listener was closed");
  return { client, server };
}

/** What the operation that `start` makes throws. */
export function* thrownBy(start: () => Operation<unknown>): Steps<unknown> {
  let value: unknown;
  try {
    value = yield* start();
  } catch (error) {
    return error;
  }
  throw new Error(`expected a throw and got ${String(value)}`);
}

/** Reads to the end of the stream. */
export function* readAll(conn: Conn): Steps<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let chunk: Uint8Array | null; (chunk = yield* conn.read()) !== null;) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Writes `bytes` in pieces, as fast as they are taken, and ends the write side. */
export function* pour(conn: Conn, bytes: Uint8Array, pieceBytes = 16_384): Steps<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield* conn.write(bytes.subarray(at, at + pieceBytes));
  yield* conn.end();
}

/** Writes to a peer that does not read until its buffers are full and our outbox stands at its high-water mark. Gives what it wrote. */
export function* jam(world: ConnWorld, conn: Conn): Steps<number> {
  const block = patterned(10_000);
  let written = 0;
  for (
    let sent = -1;
    sent !== conn.outbox.sent || conn.outbox.pending < OUTBOX_HIGH_WATER_BYTES;
    yield* world.quiet()
  ) {
    sent = conn.outbox.sent;
    for (; conn.outbox.pending < OUTBOX_HIGH_WATER_BYTES; written += block.length) yield* conn.write(block);
  }
  return written;
}

/** Bytes of which each tells its place, more or less. */
export function patterned(length: number, salt = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + salt) & 255;
  return bytes;
}

/** Text of a value that a conn gave. */
export function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}
