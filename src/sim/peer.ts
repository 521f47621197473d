// A peer made of plain calls and plain properties, to test handlers against: a client or a server that sends what you say, when you say it,
// and remembers what came. It is no task and knows no operations: a test calls it between `yield* sleep(ms)`, which costs no real
// time in a simulated world. Unlike a conn it does nothing on its own: it answers no FIN and closes nothing.

import type { TlsClientOptions } from "../net/tls.ts";
import type { Handshake, RawListener, RawSocket, SocketAddress, SocketHandler } from "../net/transport.ts";
import { ByteQueue, copyOf } from "./byte-queue.ts";
import type { SimHost } from "./host.ts";
import type { SimSocket } from "./socket.ts";

/** Where a peer connects to. */
export interface SimPeerAddress extends SocketAddress {
  /** As a client of TLS; it trusts everybody, unless `verify` is said to be true. */
  readonly tls?: TlsClientOptions;
}

/** Something that a peer was told, and when. */
export interface PeerEvent {
  /** Virtual ms. */
  readonly at: number;
  /** `ended` is the other side's FIN; `reset` a close with the error that a reset leaves. */
  readonly event: "opened" | "failed" | "data" | "ended" | "reset" | "closed";
  /** Bytes that came with it. */
  readonly bytes: number;
}

/**
 * One end of a connection in a simulated world, driven by hand.
 *
 * @example
 * ```ts
 * import { listen, race, serve, sleep } from "millrace";
 * import { SimPeer, Simulation } from "millrace/sim";
 *
 * const world = new Simulation({ seed: 7 });
 * await world.run(function* () {
 *   const listener = yield* listen({ port: 7000 });
 *   const client = function* () {
 *     const peer = SimPeer.connect(world.host, { port: 7000 });
 *     yield* sleep(100);
 *     console.log(peer.text, peer.ended); // => "bye\n", true
 *   };
 *   yield* race({ client, server: serve(listener, (conn) => conn.write("bye\n")) });
 * });
 * ```
 */
export class SimPeer {
  readonly #host: SimHost;
  readonly #received: Uint8Array[] = [];
  readonly #unsent: ByteQueue = new ByteQueue();
  readonly #events: PeerEvent[] = [];
  #socket: SimSocket | null = null;
  #error: unknown = null;
  #pauseAsked = false;
  #shutdownAsked = false;
  #abandon: (() => void) | null = null;

  private constructor(host: SimHost) {
    this.#host = host;
  }

  /** Begins to connect to `address`. What is asked of the peer before it is connected is done once it is. */
  static connect(host: SimHost, address: SimPeerAddress): SimPeer {
    const peer = new SimPeer(host);
    const { tls } = address;
    const opened = (socket: RawSocket): SocketHandler | null =>
      tls === undefined ? peer.#open(socket as SimSocket) : peer.#shakeHands(socket, tls);
    peer.#abandon = host.transport.connect(address, opened, (error) => peer.#end("failed", error));
    return peer;
  }

  /** Listens at `address`, to test clients against. Each connection becomes a peer. @throws ListenError as a transport does. */
  static listen(host: SimHost, address: SocketAddress): SimPeerListener {
    const peers: SimPeer[] = [];
    const listener = host.transport.listen(address, (socket) => {
      const peer = new SimPeer(host);
      peers.push(peer);
      return peer.#open(socket as SimSocket);
    });
    return { listener, port: listener.port, peers, stop: () => listener.stop() };
  }

  // --- what it does ----------------------------------------------------------------------------------------------------------

  /** Sends `data`, text as UTF-8, as fast as the other side takes it. Each call is a write of its own. What comes after `shutdown` is dropped. */
  send(data: string | Uint8Array): void {
    if (this.#shutdownAsked || this.closed) return;
    this.#unsent.push(typeof data === "string" ? new TextEncoder().encode(data) : copyOf(data));
    this.#flush();
  }

  /** Sends FIN once everything is sent; still receives. */
  shutdown(): void {
    this.#shutdownAsked = true;
    this.#flush();
  }

  /** Closes both directions at once, as a process that exits: what is not yet sent is lost, and unread input resets the other side. */
  end(): void {
    if (this.#socket === null) this.#giveUp();
    else this.#socket.end();
  }

  /** Resets the connection, or gives up connecting. */
  reset(): void {
    if (this.#socket === null) this.#giveUp();
    else this.#socket.terminate();
  }

  /** Reads nothing more: the other side's bytes pile up in its buffers. */
  pause(): void {
    this.#pauseAsked = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#pauseAsked = false;
    this.#socket?.resume();
  }

  // --- what it saw -----------------------------------------------------------------------------------------------------------

  /** All bytes received so far. */
  get received(): Uint8Array {
    const all = new ByteQueue();
    for (const chunk of this.#received) all.push(chunk);
    return copyOf(all.take(all.length));
  }

  /** All bytes received so far, as UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.received);
  }

  /** Bytes of `send` that the network has not taken yet. */
  get unsentBytes(): number {
    return this.#unsent.length;
  }

  /** Everything it was told, in order. */
  get events(): readonly PeerEvent[] {
    return this.#events;
  }

  get opened(): boolean {
    return this.#saw("opened");
  }

  /** The other side has sent FIN. */
  get ended(): boolean {
    return this.#saw("ended");
  }

  /** The connection is over, in whatever way, or was never made. */
  get closed(): boolean {
    return this.#saw("closed") || this.#saw("reset") || this.#saw("failed");
  }

  /** The connection was over by a reset. */
  get wasReset(): boolean {
    return this.#saw("reset");
  }

  /** Why it could not connect, or the error that came with `closed`; `null` when there was none. */
  get error(): unknown {
    return this.#error;
  }

  /** The socket below: its statistics, its faults (`stall`, `reset`). `null` before it is connected. */
  get socket(): SimSocket | null {
    return this.#socket;
  }

  // ---------------------------------------------------------------------------------------------------------------------------

  #shakeHands(socket: RawSocket, tls: TlsClientOptions): null {
    const handshake: Handshake = {
      done: (secure) => this.#open(secure as SimSocket),
      failed: (fault) => this.#end("failed", fault),
    };
    this.#abandon = () => socket.terminate();
    this.#host.transport.secureClient(socket, { verify: false, ...tls }, handshake);
    return null;
  }

  #open(socket: SimSocket): SocketHandler {
    this.#socket = socket;
    this.#abandon = null;
    this.#note("opened");
    if (this.#pauseAsked) socket.pause();
    this.#flush();
    return {
      socketData: (chunk) => {
        this.#received.push(chunk);
        this.#note("data", chunk.length);
      },
      socketDrained: () => this.#flush(),
      socketEnded: () => this.#note("ended"),
      socketClosed: (error) => this.#end(error === undefined ? "closed" : "reset", error),
    };
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === null) return;
    while (this.#unsent.length > 0) {
      const chunk = this.#unsent.peek();
      const taken = socket.write(chunk, 0, chunk.length);
      if (taken <= 0) return;
      this.#unsent.take(taken);
    }
    if (this.#shutdownAsked) socket.shutdown();
  }

  #giveUp(): void {
    if (this.closed) return;
    this.#abandon?.();
    this.#end("closed", null);
  }

  #end(event: "failed" | "reset" | "closed", error: unknown): void {
    this.#abandon = null;
    this.#error = error ?? null;
    this.#unsent.clear();
    this.#note(event);
  }

  #note(event: PeerEvent["event"], bytes = 0): void {
    this.#events.push({ at: this.#host.now(), event, bytes });
  }

  #saw(event: PeerEvent["event"]): boolean {
    return this.#events.some((seen) => seen.event === event);
  }
}

/** A listening test peer. */
export interface SimPeerListener {
  readonly listener: RawListener;
  readonly port: number;
  /** The connections so far, oldest first, closed ones included. */
  readonly peers: readonly SimPeer[];
  /** Accepts no more; the peers stay. */
  stop(): void;
}
