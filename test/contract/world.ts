// The two worlds that the contract suites run in, behind one face: let the world go on until something holds, or until nothing more comes.
// In the simulation that is a loop over its moves; on Bun it is waiting for the next callback, bounded, and never sleeping.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BunHost } from "../../src/bun/host.ts";
import type { HostClient } from "../../src/core/host.ts";
import type { NetHost } from "../../src/net/transport.ts";
import { SimHost, type SimHostOptions } from "../../src/sim/index.ts";

/** A host under test. Disposing it twice is harmless: a `Net` disposes its world. */
export interface World extends AsyncDisposable {
  readonly host: NetHost;
  /** Who gets the host's calls; set by host tests. */
  client: HostClient;
  /** A bulk of bytes that is much for this world's buffers and little for the test's time. */
  readonly bulkBytes: number;
  /** Something happened: conditions are looked at again. Recorders and clients call it. */
  poke(): void;
  /** Lets the world go on until `condition` holds. Fails, naming `what`, when it never will. */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Lets everything happen that is under way. */
  settle(): Promise<void>;
  /** Lets `ms` of the host's time pass. */
  pass(ms: number): Promise<void>;
  /** A path for a unix socket that nobody uses. */
  unixPath(): string;
}

const NOBODY: HostClient = { turn() {}, alarm() {}, stalled() {} };

/** Hands on to the client of the moment: `attach` binds once. */
function forward(world: { client: HostClient }): HostClient {
  return {
    turn: () => world.client.turn(),
    alarm: () => world.client.alarm(),
    stalled: () => world.client.stalled(),
  };
}

export class SimWorld implements World {
  readonly host: SimHost;
  readonly bulkBytes: number;
  client: HostClient = NOBODY;
  #paths = 0;

  constructor(options: SimHostOptions, bulkBytes = 3_000_000) {
    this.host = new SimHost(options);
    this.bulkBytes = bulkBytes;
    this.host.attach(forward(this));
  }

  poke(): void {}

  async until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      if (!this.host.advance()) throw new Error(`nothing more happens, and still not: ${what}`);
    }
  }

  async settle(): Promise<void> {
    while (this.host.advance());
  }

  async pass(ms: number): Promise<void> {
    let passed = false;
    this.host.schedule(ms, () => (passed = true));
    await this.until(() => passed, "time passes");
  }

  unixPath(): string {
    return `/run/${++this.#paths}.sock`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
  }
}

/** Longest wait for one callback of Bun's, in ms. It passes only when a test fails. */
const PATIENCE_MS = 5_000;

// One for all tests: each attached host listens to the process for good.
const bunHost = new BunHost();
const current: { client: HostClient } = { client: NOBODY };
bunHost.attach(forward(current));

export class BunWorld implements World {
  readonly host: NetHost = bunHost;
  readonly bulkBytes = 3_000_000;
  /** Made for the first path, removed with the world. */
  #folder: string | null = null;
  #paths = 0;
  #next = Promise.withResolvers<void>();

  get client(): HostClient {
    return current.client;
  }
  set client(client: HostClient) {
    current.client = client;
  }

  poke(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`waited ${PATIENCE_MS} ms in vain for: ${what}`)), PATIENCE_MS);
    try {
      while (!condition()) await Promise.race([this.#next.promise, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Loopback hands bytes on within the call, so whatever was sent before a round trip has been seen to after it. Three, for what these cause. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await roundTrip();
  }

  async pass(ms: number): Promise<void> {
    await Bun.sleep(ms);
  }

  unixPath(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), "millrace-world-"));
    return join(this.#folder, `${++this.#paths}.sock`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    current.client = NOBODY;
    await this.settle();
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true });
    this.#folder = null;
  }
}

/** A byte to and fro on a connection of its own. */
async function roundTrip(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = { data: (socket: Bun.Socket, bytes: Uint8Array) => void socket.end(bytes) };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  const back = { data() {}, close: () => resolve(), open: (socket: Bun.Socket) => void socket.write("?") };
  await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: back });
  await promise;
  listener.stop(true);
}
