// One end of a simulated connection: Bun's socket as it behaves on Linux, its traps included, each of which a test holds against the real thing.
//
// Invariants. Callbacks come from events of the virtual clock, one a time, never from within another socket's call; only `closed`
// also comes from inside this socket's own `end`, `terminate` and failing `write`. `closed` comes once and last. A chunk given to
// `data` is the receiver's own.

import type { TlsDetails } from "../net/tls.ts";
import type { RawSocket, SocketHandler } from "../net/transport.ts";
import { type Counters, createCounters, type Network, type SocketNames, type SocketStatistics } from "./network.ts";
import { copyOf } from "./byte-queue.ts";
import { type Clock, Pipe, type PipeEnd } from "./pipe.ts";

export interface SocketWorld {
  readonly clock: Clock;
  readonly network: Network;
  readonly totals: Counters;
  /** Sockets that an owner holds and that are not closed. */
  readonly sockets: Set<SimSocket>;
}

/**
 * A simulated socket. Beside what every raw socket does it can be inspected and made to fail.
 *
 * @example
 * ```ts
 * import { connect, listen } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * await world.run(function* () {
 *   using _listener = yield* listen({ port: 7000 });
 *   using conn = yield* connect({ port: 7000 });
 *   yield* conn.write("flour");
 *   yield* conn.flush();
 *   const [socket] = world.host.transport.sockets;
 *   console.log(socket?.statistics.writes, socket?.statistics.bytesWritten); // => 1, 5
 * });
 * ```
 */
export class SimSocket implements RawSocket, PipeEnd {
  /** What a handshake has agreed on. */
  tls: TlsDetails | null = null;
  /** As it was set; nobody asks here. */
  keepAliveMs: number | null = null;
  readonly #world: SocketWorld;
  readonly #names: SocketNames;
  readonly #counters: Counters = createCounters();
  #peer!: SimSocket;
  #in!: Pipe;
  #out!: Pipe;
  #handler: SocketHandler | null = null;
  #gone = false;
  #paused = false;
  #finSent = false;
  #endedTold = false;
  /** A write has met the reset and taken the socket's error with it. */
  #errorTaken = false;
  #wantsDrain = false;
  #lookDue = false;
  #drainDue = false;

  constructor(world: SocketWorld, names: SocketNames) {
    this.#world = world;
    this.#names = names;
  }

  /** Makes two sockets the ends of one connection. */
  static join(one: SimSocket, other: SimSocket): void {
    const { clock, network } = one.#world;
    one.#peer = other;
    other.#peer = one;
    one.#out = other.#in = new Pipe(clock, network, one, other);
    other.#out = one.#in = new Pipe(clock, network, other, one);
  }

  // --- what every raw socket does --------------------------------------------------------------------------------------------

  get remoteAddress(): string {
    return (this.#gone ? undefined : this.#names.remoteAddress) as string;
  }
  get remotePort(): number {
    return (this.#gone ? undefined : this.#names.remotePort) as number;
  }
  get localPort(): number {
    return (this.#gone ? undefined : this.#names.localPort) as number;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
      throw new RangeError(`Cannot write ${length} bytes from offset ${offset}: the array has ${bytes.length}`);
    }
    this.#count("writes", 1);
    if (this.#gone || this.#finSent) return -1;
    if (this.#in.resetArrived || this.#peerClosed) return this.#failWrite();
    const taken = Math.min(length, this.#out.room);
    if (taken < length) {
      this.#wantsDrain = true;
      this.#count("shortWrites", 1);
    }
    this.#count("bytesWritten", taken);
    if (taken > 0) this.#out.send(copyOf(bytes.subarray(offset, offset + taken)));
    return taken;
  }

  shutdown(): void {
    if (this.#gone || this.#finSent) return;
    this.#finSent = true;
    this.#out.sendFin();
    // With the peer's FIN read before, both directions are over.
    if (this.#endedTold) this.#look();
  }

  end(): void {
    if (this.#gone) return;
    if (this.#in.readable > 0) this.#out.sendReset();
    this.#close();
  }

  terminate(): void {
    if (this.#gone) return;
    // A unix socket knows no reset: its peer reads what is there, then the end.
    if (this.#names.unix) this.end();
    else {
      this.#out.sendReset();
      this.#close();
    }
  }

  pause(): void {
    this.#setPaused(true, "pauses");
  }

  resume(): void {
    this.#setPaused(false, "resumes");
  }

  setKeepAlive(enabled: boolean, delayMs: number): boolean {
    if (this.#gone || this.#names.unix) return false;
    this.keepAliveMs = enabled ? delayMs : null;
    return true;
  }

  // --- what tests see and do -------------------------------------------------------------------------------------------------

  /** What this socket did and was told. */
  get statistics(): SocketStatistics {
    return this.#counters;
  }

  /** The other end. */
  get peer(): SimSocket {
    return this.#peer;
  }

  get closed(): boolean {
    return this.#gone;
  }
  get paused(): boolean {
    return this.#paused;
  }

  /** A fault: the network resets the connection, for both ends; what is under way is lost, what has arrived can still be read. */
  reset(): void {
    this.#in.sever();
    this.#out.sever();
  }

  /** A fault: the cable is pulled. Nothing arrives at either end, and neither is told, until `unstall`. */
  stall(): void {
    this.#in.stall();
    this.#out.stall();
  }

  /** The cable is back; what was sent meanwhile arrives. */
  unstall(): void {
    this.#in.unstall();
    this.#out.unstall();
  }

  // --- for the transport -----------------------------------------------------------------------------------------------------

  /** Gives the socket its owner; `null` refuses it. What was asked of the socket before counts. */
  own(handler: SocketHandler | null): void {
    if (handler === null) this.terminate();
    else if (this.#gone) handler.socketClosed();
    else {
      this.#handler = handler;
      this.#world.sockets.add(this);
      this.#look();
    }
  }

  /** The connection broke before its owner saw it. */
  get stillborn(): boolean {
    return this.#in.resetArrived;
  }

  /** @internal The ends of the pipes, see PipeEnd. */
  arrived(): void {
    // A reset reaches the kernel at once: it throws away what it was to send.
    if (this.#in.resetArrived) this.#out.cutOff();
    this.#look();
  }

  refused(): void {
    this.#out.sendReset();
  }
  acked(): void {
    if (!this.#wantsDrain || !this.#out.writable) return;
    this.#wantsDrain = false;
    this.#drainSoon();
  }

  // --- the socket's own loop -------------------------------------------------------------------------------------------------

  /** Has the event loop look at the socket, in its next round. */
  #look(): void {
    if (this.#lookDue || this.#handler === null || !this.#in.eventful) return;
    this.#lookDue = true;
    this.#world.clock.schedule(0, () => {
      this.#lookDue = false;
      if (!this.#gone) this.#ready();
    });
  }

  /** One look: one chunk, or what stands behind the last one. */
  #ready(): void {
    const incoming = this.#in;
    // While paused only a reset is seen.
    if (this.#paused && !incoming.resetArrived) return;
    if (incoming.readable > 0) this.#deliver();
    else if (incoming.resetArrived) this.#breakOff();
    else if (incoming.finArrived) this.#finish();
  }

  #deliver(): void {
    const chunk = this.#in.read();
    this.#count("reads", 1);
    this.#count("bytesRead", chunk.length);
    this.#look();
    if (this.#world.clock.prng.chance(this.#world.network.spuriousDrainChance)) this.#drainSoon();
    this.#handler?.socketData(chunk);
  }

  #finish(): void {
    // With our FIN sent both directions are over; and the end of a unix socket is told together with its peer's close.
    const isOver = this.#finSent || (this.#endedTold && this.#peerClosed);
    // TLS has an end of its own, which is always told.
    if (!this.#endedTold && (!isOver || this.tls !== null)) {
      this.#endedTold = true;
      this.#handler?.socketEnded();
    } else if (!isOver) return;
    if (this.#gone) return;
    if (isOver) return this.#close();
    this.#drainSoon();
    if (this.#peerClosed) this.#look();
  }

  /** A unix socket sees that its peer is closed, where TCP needs a segment to find out. */
  get #peerClosed(): boolean {
    return this.#names.unix && this.#peer.#gone;
  }

  /** The peer's reset, seen by the loop. When a write has met it first, the loop finds an end and no error. */
  #breakOff(): void {
    if (!this.#errorTaken) return this.#close(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    if (!this.#endedTold && !this.#finSent) {
      this.#endedTold = true;
      this.#handler?.socketEnded();
    }
    if (!this.#gone) this.#close();
  }

  #failWrite(): number {
    this.#errorTaken = true;
    this.#look();
    // The port allows it, and TLS does it: the socket is gone before the write returns.
    if (this.#in.readable === 0 && this.#in.resetArrived && this.#world.clock.prng.chance(0.25)) this.#close();
    return -1;
  }

  #close(error?: unknown): void {
    const handler = this.#handler;
    this.#gone = true;
    this.#handler = null;
    this.#in.closeReceiver();
    if (!this.#finSent) this.#out.sendFin();
    this.#world.sockets.delete(this);
    handler?.socketClosed(error);
  }

  #setPaused(paused: boolean, counter: "pauses" | "resumes"): void {
    if (this.#gone) return;
    this.#count(counter, 1);
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.#drainSoon();
    if (!paused) this.#look();
  }

  #drainSoon(): void {
    if (this.#drainDue) return;
    this.#drainDue = true;
    this.#world.clock.schedule(0, () => {
      this.#drainDue = false;
      if (this.#finSent || this.#handler === null) return;
      this.#count("drains", 1);
      this.#handler.socketDrained();
    });
  }

  #count(name: keyof SocketStatistics, amount: number): void {
    this.#counters[name] += amount;
    this.#world.totals[name] += amount;
  }
}
