// Recorders for transport tests: what was told to a socket's owner, in order, with every breach of the port's promises noted; and a small
// network of them that cleans up after a test and fails it when there was a breach.

import { expect } from "bun:test";
import type { RawListener, RawSocket, SocketAddress, SocketHandler } from "../../src/net/transport.ts";
import type { World } from "./world.ts";

/** The owner of one socket. */
export class End implements SocketHandler {
  readonly socket: RawSocket;
  /** What was told, runs of `data` as one. `drained` is only counted: it may come at any time. */
  readonly told: ("data" | "ended" | "closed")[] = [];
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  drains = 0;
  onData: ((chunk: Uint8Array) => void) | null = null;
  onDrained: (() => void) | null = null;
  onEnded: (() => void) | null = null;
  onClosed: (() => void) | null = null;
  readonly #net: Net;

  constructor(net: Net, socket: RawSocket) {
    this.#net = net;
    this.socket = socket;
  }

  get isEnded(): boolean {
    return this.told.includes("ended");
  }

  get isClosed(): boolean {
    return this.told.includes("closed");
  }

  get received(): Uint8Array {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  /** Writes the whole of `data`, which must fit. */
  send(data: string | Uint8Array): void {
    const bytes = Buffer.from(data as Uint8Array);
    expect(this.socket.write(bytes, 0, bytes.length)).toBe(bytes.length);
  }

  /** Writes `bytes` piece by piece as the kernel takes them, then calls `done`. */
  pour(bytes: Uint8Array, done: () => void): void {
    let at = 0;
    const more = (): void => {
      while (at < bytes.length) {
        const taken = this.socket.write(bytes, at, bytes.length - at);
        if (taken <= 0) return;
        at += taken;
      }
      this.onDrained = null;
      done();
    };
    this.onDrained = more;
    more();
  }

  /** Writes until the kernel takes no more, and gives the bytes it took. */
  fill(): number {
    const block = new Uint8Array(65_536);
    for (let filled = 0; ;) {
      const taken = this.socket.write(block, 0, block.length);
      if (taken <= 0) return filled;
      filled += taken;
    }
  }

  socketData(chunk: Uint8Array): void {
    if (this.isEnded) this.#net.breach("data after ended");
    if (chunk.length === 0) this.#net.breach("an empty chunk");
    if (this.told.at(-1) !== "data") this.told.push("data");
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.#hear("data", () => this.onData?.(chunk));
  }

  socketDrained(): void {
    this.drains++;
    this.#hear("drained", this.onDrained);
  }

  socketEnded(): void {
    if (this.isEnded) this.#net.breach("ended twice");
    this.told.push("ended");
    this.#hear("ended", this.onEnded);
  }

  socketClosed(): void {
    if (this.isClosed) this.#net.breach("closed twice");
    this.told.push("closed");
    this.#hear("closed", this.onClosed);
  }

  #hear(what: string, then: (() => void) | null): void {
    if (this.isClosed && what !== "closed") this.#net.breach(`${what} after closed`);
    this.#net.world.poke();
    then?.();
  }
}

/** The sockets of one test, and the end of its world. */
export class Net implements AsyncDisposable {
  readonly world: World;
  readonly ends: End[] = [];
  readonly #listeners: RawListener[] = [];
  readonly #breaches: string[] = [];

  constructor(world: World) {
    this.world = world;
  }

  breach(what: string): void {
    this.#breaches.push(what);
  }

  own(socket: RawSocket): End {
    const end = new End(this, socket);
    this.ends.push(end);
    this.world.poke();
    return end;
  }

  /** Listens; each connection is given to `accepted`, or to nobody. */
  listen(
    address: SocketAddress = { hostname: "127.0.0.1", port: 0 },
    accepted: (end: End) => void = () => {},
  ): RawListener {
    return this.listenRaw(address, (socket) => {
      const end = this.own(socket);
      accepted(end);
      return end;
    });
  }

  listenRaw(address: SocketAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    const listener = this.world.host.transport.listen(address, accept);
    this.#listeners.push(listener);
    return listener;
  }

  /** Connects and waits until it is done or has failed. */
  async connect(address: SocketAddress): Promise<End> {
    let end: End | null = null;
    let failure: unknown = null;
    this.world.host.transport.connect(
      address,
      (socket) => (end = this.own(socket)),
      (error) => {
        failure = error;
        this.world.poke();
      },
    );
    await this.world.until(() => end !== null || failure !== null, "the connection or its failure");
    if (failure !== null) throw failure;
    return end as unknown as End;
  }

  /** Two ends of a connection. */
  async pair(
    address: SocketAddress = { hostname: "127.0.0.1", port: 0 },
  ): Promise<{ client: End; server: End; listener: RawListener }> {
    const accepted: End[] = [];
    const listener = this.listen(address, (end) => accepted.push(end));
    const client = await this.connect(
      address.unix === undefined ? { hostname: "127.0.0.1", port: listener.port } : address,
    );
    await this.world.until(() => accepted.length > 0, "the server's end");
    return { client, server: accepted[0] as End, listener };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.stop();
    for (const end of this.ends) if (!end.isClosed) end.socket.terminate();
    await this.world.settle();
    await this.world[Symbol.asyncDispose]();
    expect(this.#breaches).toEqual([]);
    expect(this.ends.filter((end) => !end.isClosed)).toEqual([]);
  }
}

/** Bytes of which each tells its place, more or less. */
export function patterned(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7) & 255;
  return bytes;
}
