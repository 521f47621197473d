// Listening: a bound address and the connections that come to it. Connections are handed to whoever took the listener over (`serve`), or wait
// in a bounded queue for `accept`. What is too many is refused at once: Bun spins at full CPU when file descriptors run out.

import { ACCEPT_QUEUE_MAX } from "../config.ts";
import { rootOf } from "../core/lingering.ts";
import { finish, Leaf, type Operation, suspend } from "../core/operation.ts";
import type { Scheduler } from "../core/scheduler.ts";

import { type Waiter, WaitQueue } from "../core/wait-queue.ts";
import { RingBuffer } from "../core/ring-buffer.ts";
import { describeAddress } from "./address.ts";
import { Admission, type AdmissionOptions, type Refusals } from "./admission.ts";
import { Conn } from "./conn.ts";
import type { ConnOwner } from "./conn-state.ts";
import { ListenError } from "./errors.ts";
import { Handshakes, type HandshakesOwner } from "./handshakes.ts";
import { keepAlive, type KeepAlive } from "./keep-alive.ts";
import { handshakeMsOf, type TlsFault, type TlsIdentities, type TlsServerOptions } from "./tls.ts";
import type { Handshake, ListenAddress, NetHost, RawListener, RawSecureListener, RawSocket } from "./transport.ts";
import type { Task, Wait } from "../core/task.ts";

/** Where and how to listen. */
export interface ListenOptions extends ListenAddress, AdmissionOptions {
  /** Key and certificate: connections are TLS. */
  readonly tls?: TlsServerOptions;
  /** Notices peers that vanish while nothing is said. Default: off. */
  readonly keepAlive?: KeepAlive;
}

/** Counts of a listener since it was opened. */
export interface ListenerStatistics {
  /** Connections open now, those that are closing and those whose TLS handshake is under way included. */
  readonly open: number;
  /** Of these, idle connections of an HTTP server that keep no more than their socket: no task stands for them until they say something. */
  readonly resting: number;
  readonly accepted: number;
  /** All that were refused, and why. */
  readonly refused: number;
  readonly refusals: Readonly<Refusals>;
  /** Only of a TLS listener. Handshakes under way, and those that failed: no TLS, no common protocol, left, too slow. */
  readonly handshakes?: { readonly pending: number; readonly failed: number };
}

/**
 * A bound address.
 *
 * @example
 * ```ts
 * import { connect, listen, run } from "millrace";
 *
 * await run(function* () {
 *   using listener = yield* listen({ port: 0 });
 *   console.log(listener.address === `127.0.0.1:${listener.port}`); // => true
 *   using _client = yield* connect({ port: listener.port });
 *   using _conn = yield* listener.accept();
 *   console.log(listener.statistics().open); // => 1
 * }).promise;
 * ```
 */
export class Listener implements ConnOwner, HandshakesOwner, Disposable {
  /** Port that was bound; 0 for a unix socket. */
  readonly port: number;
  /** Host that was bound; empty for a unix socket. */
  readonly hostname: string;
  /** The address as people read it. */
  readonly address: string;
  /** Its connections are TLS. */
  readonly secure: boolean;
  /** @internal */ readonly root: Task;
  /** @internal Connections at rest, see resting.ts. */ resting = 0;
  readonly #scheduler: Scheduler;
  readonly #admission: Admission;
  readonly #keepAlive: KeepAlive | undefined;
  readonly #raw: RawListener;
  /** The same for TLS. */
  readonly #rawSecure: RawSecureListener | null;
  readonly #queue = new RingBuffer<Conn>(16);
  readonly #waiting = new WaitQueue<AcceptLeaf>();
  readonly #handshakes: Handshakes | null;
  #taker: ((conn: Conn) => void) | null = null;
  #closed = false;
  #accepted = 0;

  /** @internal Users call `listen`. */
  constructor(task: Task, options: ListenOptions) {
    const scheduler = task.kernel as Scheduler;
    this.#scheduler = scheduler;
    this.root = rootOf(task);
    this.#admission = new Admission(scheduler, options);
    this.#keepAlive = options.keepAlive;
    const { transport } = scheduler.host as NetHost;
    const { tls } = options;
    this.secure = tls !== undefined;
    this.#handshakes = tls === undefined ? null : new Handshakes(scheduler, handshakeMsOf(tls), this);
    this.#rawSecure = tls === undefined ? null : transport.listenSecure(options, tls, (socket) => this.#greet(socket));
    this.#raw =
      this.#rawSecure ?? transport.listen(options, (socket) => (this.#admit() ? this.#deliver(socket) : null));
    this.port = this.#raw.port;
    this.hostname = this.#raw.hostname;
    const isNamed = options.unix !== undefined || (options.fd !== undefined && this.port === 0);
    this.address = describeAddress(isNamed ? options : { hostname: this.hostname, port: this.port });
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

  /**
   * Shows another certificate to those who connect from now on: no restart, and connections that stand go on with the old one. `serverNames`, when given,
   * takes the place of all that were there. All else of `tls` stays as it was. When it throws, everything stays.
   * @throws ListenError when the listener has no TLS, when key and certificate cannot be used, or for `serverNames` when it was opened without any.
   *
   * @example
   * ```ts
   * import { connect, listen } from "millrace";
   * import { simulate } from "millrace/sim";
   *
   * await simulate(function* () {
   *   using listener = yield* listen({ port: 443, tls: { key: "old", cert: "old" } });
   *   listener.reloadTls({ key: "new", cert: "new" }); // on Bun: what the files hold now
   *   using conn = yield* connect({ port: 443, tls: { ca: "new" } });
   *   console.log(conn.tls?.verified); // => true
   * });
   * ```
   */
  reloadTls(identities: TlsIdentities): void {
    const attempt = `Cannot reload the certificate of ${this.address}`;
    if (this.#rawSecure === null) throw new ListenError(`${attempt}: it listens without TLS`, "ERR_TLS");
    if (this.#closed) throw new ListenError(`${attempt}: it is closed`, "ERR_CLOSED");
    try {
      this.#rawSecure.reload(identities);
    } catch (error) {
      const fault = error as TlsFault;
      throw new ListenError(`${attempt}: ${fault.message}`, fault.reason, { cause: fault });
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** It was closed, by `close` or by its server. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Connections open at once, at most. */
  get connectionsMax(): number {
    return this.#admission.connectionsMax;
  }

  /** Its state and counts. */
  statistics(): ListenerStatistics {
    const { open, refused, refusals } = this.#admission;
    const counts = { open, resting: this.resting, accepted: this.#accepted, refused, refusals: { ...refusals } };
    const handshakes = this.#handshakes;
    if (handshakes === null) return counts;
    return { ...counts, handshakes: { pending: handshakes.pending, failed: handshakes.failed } };
  }

  /** @internal Hands every connection to `taker`, those in the queue first. */
  deliverTo(taker: (conn: Conn) => void): void {
    this.#taker = taker;
    for (let conn = this.#queue.shift(); conn !== undefined; conn = this.#queue.shift()) taker(conn);
  }

  /** @internal Hands a connection that it knows to its taker once more. */
  deliverAgain(conn: Conn): void {
    this.#scheduler.enter();
    (this.#taker as (conn: Conn) => void)(conn);
    this.#scheduler.leaveLater();
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

  /** @internal */
  connClosed(): void {
    this.#admission.open--;
  }

  /** @internal */
  handshakeDone(socket: RawSocket): Conn | null {
    // The queue may have filled since the connection was counted.
    if (this.#hasRoom()) return this.#deliver(socket);
    this.#admission.open--;
    return null;
  }

  /** @internal */
  handshakeFailed(): void {
    this.#admission.open--;
  }

  /** A TLS peer has connected. It counts from here on. */
  #greet(socket: RawSocket): Handshake | null {
    return this.#admit() ? (this.#handshakes as Handshakes).begin(socket) : null;
  }

  /** Counts a new connection as open, or as refused. */
  #admit(): boolean {
    return this.#hasRoom() && this.#admission.admit();
  }

  /** Whether a connection could be delivered; if not it counts as refused. */
  #hasRoom(): boolean {
    const { refusals } = this.#admission;
    if (this.#closed) refusals.closed++;
    else if (this.#taker === null && this.#queue.size >= ACCEPT_QUEUE_MAX) refusals.queue++;
    else return true;
    return false;
  }

  #deliver(socket: RawSocket): Conn {
    this.#accepted++;
    keepAlive(socket, this.#keepAlive);
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
