// Bun as a host: its clocks, its event loop, its chance. The loop's order, which the design rests on, is held by test/bun-contract.
//
// Files, compression and the async context are loaded when they are first asked for: node:zlib alone takes 7 ms of a start that takes 30, and with
// node:crypto and node:fs 4 MiB, node:async_hooks 2.6 MiB, of which most servers use nothing (`bun run bench:scale start`).

import type { Compression } from "../core/compression.ts";
import type { FileStore } from "../core/files.ts";
import type { ContextRestorer, HostClient } from "../core/host.ts";
import type { NetHost, Transport } from "../net/transport.ts";
import type { OsSignals } from "../core/os-signals.ts";
import { bunSignals } from "./signals.ts";
import { bodyInMemory } from "./response-body.ts";
import { BunTransport } from "./transport.ts";

/** The real world. */
export class BunHost implements NetHost {
  readonly development: boolean = process.env.NODE_ENV === "test" || process.env.NODE_ENV === "development";
  readonly transport: Transport = new BunTransport();
  readonly signals: OsSignals = bunSignals;
  #client: HostClient | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #files: FileStore | null = null;
  #compression: Compression | null = null;

  get files(): FileStore {
    // oxlint-disable-next-line typescript/no-require-imports -- an import() would make every caller wait
    this.#files ??= new (require("./files.ts") as typeof import("./files.ts")).BunFiles();
    return this.#files;
  }

  get compression(): Compression {
    // oxlint-disable-next-line typescript/no-require-imports -- as above
    this.#compression ??= (require("./compression.ts") as typeof import("./compression.ts")).bunCompression;
    return this.#compression;
  }

  now(): number {
    return performance.now();
  }

  wallClock(): number {
    return Date.now();
  }

  random(): number {
    return Math.random();
  }

  attach(client: HostClient): void {
    this.#client = client;
    // The loop is empty: no socket, timer or promise of ours is left. With tasks still parked that is a deadlock.
    process.on("beforeExit", () => client.stalled());
  }

  defer(): void {
    // Runs after all sockets that were ready in this loop round, before timers and the next round.
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => this.#client?.turn();

  wakeAt(deadline: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (deadline === Number.POSITIVE_INFINITY) return;
    // setTimeout takes whole milliseconds up to 2^31 - 1; a timer that fires early is armed again by the scheduler.
    const ms = Math.min(Math.max(Math.ceil(deadline - performance.now()), 1), 0x7fff_ffff);
    this.#timer = setTimeout(this.#alarm, ms);
  }

  readonly #alarm = (): void => {
    this.#timer = null;
    this.#client?.alarm();
  };

  // The loop itself waits for whatever may still wake us.
  hold(): void {}
  release(): void {}

  peek<T>(promise: Promise<T>): T | undefined {
    return Bun.peek.status(promise) === "fulfilled" ? (Bun.peek(promise) as T) : undefined;
  }

  captureContext(): ContextRestorer {
    return process.getBuiltinModule("node:async_hooks").AsyncLocalStorage.snapshot() as ContextRestorer;
  }

  bodyInMemory(response: Response): Uint8Array | null {
    return bodyInMemory(response);
  }

  report(text: string): void {
    console.error(`millrace: ${text}`);
  }

  fatal(error: unknown): void {
    // Out of every callback of ours and of Bun's, which would swallow it: an uncaught exception ends the process.
    setImmediate(() => {
      throw error;
    });
  }
}
