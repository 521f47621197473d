// Listening: a bound address and the connections that come to it. Connections are handed to whoever took the listener over (`serve`), or wait
// in a bounded queue for `accept`. What is too many is refused at once: Bun spins at full CPU when file descriptors run out.

import { ACCEPT_QUEUE_MAX, CONNECTIONS_MAX } from "../config.ts";
import { rootOf } from "../core/lingering.ts";
import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Scheduler } from "../core/scheduler.ts";

import { type Waiter, WaitQueue } from "../core/wait-queue.ts";
import { RingBuffer } from "../core/ring-buffer.ts";
import { describeAddress } from "./address.ts";
import { Conn } from "./conn.ts";
import type { ConnOwner } from "./conn-state.ts";
import { Handshakes, type HandshakesOwner } from "./handshakes.ts";
import { handshakeMsOf, type TlsServerOptions } from "./tls.ts";
import type { Handshake, NetHost, RawListener, RawSocket, SocketAddress } from "./transport.ts";
import type { Task, Wait } from "../core/task.ts";

/** Where and how to listen. */
export interface ListenOptions extends SocketAddress {
  /** Connections open at once; one more is refused with a reset. Default 10,000. */
  readonly connectionsMax?: number;
  /** Key and certificate: connections are TLS. */
  readonly tls?: TlsServerOptions;
}

/** Counts of a listener since it was opened. */
export interface ListenerStatistics {
  /** Connections open now, those that are closing and those whose TLS handshake is under way included. */
  readonly open: number;
  readonly accepted: number;
  /** Refused because `connectionsMax` were open or the accept queue was full. */
  readonly refused: number;
  /** Only of a TLS listener. Handshakes under way, and those that failed: no TLS, no common protocol, left, too slow. */
  readonly handshakes?: { readonly pending: number; readonly failed: number };
}

/**
 * Binds an address; the listener is open when the operation is over.
 * @throws ListenError when the address cannot be bound, or when the key or certificate of `tls` cannot be used.
 */
export function listen(options: ListenOptions): Operation<Listener> {
  return new ListenLeaf(options);
}

/** A bound address. */
export class Listener implements ConnOwner, HandshakesOwner, Disposable {
  /** Port that was bound; 0 for a unix socket. */
  readonly port: number;
  readonly hostname: string;
  /** The address as people read it. */
  readonly address: string;
  readonly connectionsMax: number;
  /** Its connections are TLS. */
  readonly secure: boolean;
  /** @internal */ readonly root: Task;
  readonly #scheduler: Scheduler;
  readonly #raw: RawListener;
  readonly #queue = new RingBuffer<Conn>(16);
  readonly #waiting = new WaitQueue<AcceptLeaf>();
  readonly #handshakes: Handshakes | null;
  #taker: ((conn: Conn) => void) | null = null;
  #closed = false;
  #open = 0;
  #accepted = 0;
  #refused = 0;

  /** @internal Users call `listen`. */
  constructor(task: Task, options: ListenOptions) {
    const scheduler = task.kernel as Scheduler;
    this.#scheduler = scheduler;
    this.root = rootOf(task);
    this.connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
    const { transport } = scheduler.host as NetHost;
    const { tls } = options;
    this.secure = tls !== undefined;
    this.#handshakes = tls === undefined ? null : new Handshakes(scheduler, handshakeMsOf(tls), this);
    this.#raw =
      tls === undefined
        ? transport.listen(options, (socket) => (this.#count() ? this.#deliver(socket) : null))
        : transport.listenSecure(options, tls, (socket) => this.#greet(socket));
    this.port = this.#raw.port;
    this.hostname = this.#raw.hostname;
    this.address = describeAddress(options.unix === undefined ? { hostname: this.hostname, port: this.port } : options);
  }

  /** Takes the next connection; parks while none waits. Gives `null` once the listener is closed. */
  accept(): Operation<Conn | null> {
    return new AcceptLeaf(this);
  }

  /** Accepts no more. Connections that were accepted stay; those in the queue or in a TLS handshake are reset. No effect twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#raw.stop();
    this.#handshakes?.abandon();
    for (let conn = this.#queue.shift(); conn !== undefined; conn = this.#queue.shift()) conn.terminate();
    for (let leaf = this.#waiting.shift(); leaf !== null; leaf = this.#waiting.shift()) leaf.give(null);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  statistics(): ListenerStatistics {
    const counts = { open: this.#open, accepted: this.#accepted, refused: this.#refused };
    const handshakes = this.#handshakes;
    if (handshakes === null) return counts;
    return { ...counts, handshakes: { pending: handshakes.pending, failed: handshakes.failed } };
  }

  /** @internal Hands every connection to `taker`, those in the queue first. */
  deliverTo(taker: (conn: Conn) => void): void {
    this.#taker = taker;
    for (let conn = this.#queue.shift(); conn !== undefined; conn = this.#queue.shift()) taker(conn);
  }

  /** @internal */
  take(): Conn | undefined {
    return this.#queue.shift();
  }

  /** @internal */
  waitForConn(leaf: AcceptLeaf): void {
    this.#waiting.push(leaf);
  }

  /** @internal */
  stopWaiting(leaf: AcceptLeaf): void {
    this.#waiting.remove(leaf);
  }

  connClosed(): void {
    this.#open--;
  }

  /** @internal */
  handshakeDone(socket: RawSocket): Conn | null {
    // The queue may have filled since the connection was counted.
    if (this.#hasRoom()) return this.#deliver(socket);
    this.#open--;
    this.#refused++;
    return null;
  }

  /** @internal */
  handshakeFailed(): void {
    this.#open--;
  }

  /** A TLS peer has connected. It counts from here on. */
  #greet(socket: RawSocket): Handshake | null {
    return this.#count() ? (this.#handshakes as Handshakes).begin(socket) : null;
  }

  /** Counts a new connection as open, or as refused. */
  #count(): boolean {
    if (this.#open < this.connectionsMax && this.#hasRoom()) {
      this.#open++;
      return true;
    }
    this.#refused++;
    return false;
  }

  #hasRoom(): boolean {
    return !this.#closed && (this.#taker !== null || this.#queue.size < ACCEPT_QUEUE_MAX);
  }

  #deliver(socket: RawSocket): Conn {
    this.#accepted++;
    const scheduler = this.#scheduler;
    const conn = new Conn(scheduler, socket, this);
    scheduler.enter();
    if (this.#taker !== null) this.#taker(conn);
    else {
      const leaf = this.#waiting.shift();
      if (leaf === null) this.#queue.push(conn);
      else leaf.give(conn);
    }
    // The pass waits for the turn: in here the socket has no handler yet, so a callback of its own would be lost.
    scheduler.leaveLater();
    return conn;
  }
}

class AcceptLeaf extends Leaf<Conn | null> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  readonly #listener: Listener;
  #task: Task | null = null;
  #conn: Conn | null = null;

  constructor(listener: Listener) {
    super();
    this.#listener = listener;
  }

  get reason(): string {
    return `a connection to ${this.#listener.address}`;
  }

  protected start(): IteratorResult<Wait, Conn | null> {
    const conn = this.#listener.take();
    if (conn !== undefined) return finish(conn);
    return this.#listener.closed ? finish(null) : suspend(this);
  }

  protected resume(): IteratorReturnResult<Conn | null> {
    return finish(this.#conn);
  }

  park(task: Task): void {
    this.#task = task;
    this.#listener.waitForConn(this);
  }

  unpark(): boolean {
    this.#listener.stopWaiting(this);
    return true;
  }

  /** A connection, or `null` for the end. It is this task's now, even if a cancel comes before it resumes. */
  give(conn: Conn | null): void {
    this.#conn = conn;
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}

class ListenLeaf extends Leaf<Listener> {
  readonly #options: ListenOptions;

  constructor(options: ListenOptions) {
    super();
    this.#options = options;
  }

  get reason(): string {
    return `to listen on ${describeAddress(this.#options)}`;
  }

  protected start(task: Task): IteratorResult<Wait, Listener> {
    return finish(new Listener(task, this.#options));
  }
  protected resume(): IteratorResult<Wait, Listener> {
    return suspend(this);
  }
  park(): void {}
  unpark(): boolean {
    return true;
  }
}
