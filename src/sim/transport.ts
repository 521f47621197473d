// The simulated network as a transport: the twin of src/bun/transport.ts. Addresses are names: any host name can be listened at, so that one world may
// hold several machines, and a unix path is a name too. As with kernels, the server's end exists, and takes bytes, before `accept` sees it.

import { describeAddress, LOOPBACK } from "../net/address.ts";
import { connectError, ListenError } from "../net/errors.ts";
import {
  reloadFault,
  type TlsClientOptions,
  type TlsDetails,
  TlsFault,
  tlsFault,
  type TlsIdentities,
  type TlsServerOptions,
  withIdentity,
} from "../net/tls.ts";
import type {
  Handshake,
  ListenAddress,
  RawListener,
  RawSecureListener,
  RawSocket,
  ResolvedAddress,
  SocketAddress,
  SocketHandler,
  StalePath,
  Transport,
} from "../net/transport.ts";
import {
  createCounters,
  type NetworkOptions,
  settleNetwork,
  type SocketNames,
  type SocketStatistics,
} from "./network.ts";
import { type Clock, drawTime } from "./pipe.ts";
import { SimSocket, type SocketWorld } from "./socket.ts";
import { clientSide, serverSide, SimHandshake } from "./tls.ts";

/**
 * Sockets in memory, on the virtual clock: the network of a simulated world, for tests that count what was done to it.
 *
 * @example
 * ```ts
 * import { connect, listen } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * const { transport } = world.host;
 * await world.run(function* () {
 *   using listener = yield* listen({ port: 7000 });
 *   using _conn = yield* connect({ port: 7000 });
 *   using _peer = yield* listener.accept();
 *   console.log(transport.sockets.length, transport.listeners.length); // => 2, 1
 * });
 * console.log(transport.sockets.length); // => 0
 * ```
 */
export class SimTransport implements Transport {
  readonly #world: SocketWorld;
  readonly #listeners: Set<SimListener> = new Set();
  /** Paths at which nobody listens and which are there all the same. */
  readonly #leftovers: Map<string, "socket" | "file"> = new Map();
  #lastPort = FIRST_FREE_PORT - 1;
  readonly handOver: Transport["handOver"] = (socket, handler) => (socket as SimSocket).own(handler);

  constructor(clock: Clock, options: NetworkOptions = {}) {
    this.#world = { clock, network: settleNetwork(options), totals: createCounters(), sockets: new Set() };
  }

  /** The sums over all sockets there ever were. */
  get statistics(): SocketStatistics {
    return this.#world.totals;
  }

  /** Sockets that are open, both ends of each connection, oldest first: empty when nobody leaked one. */
  get sockets(): readonly SimSocket[] {
    return [...this.#world.sockets];
  }

  /** Listeners that are open. */
  get listeners(): readonly RawListener[] {
    return [...this.#listeners];
  }

  /** Puts something at a unix path: the socket of a process that was killed, or a file. */
  leaveAt(path: string, what: "socket" | "file"): void {
    this.#leftovers.set(path, what);
  }

  listen(address: ListenAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    const { fd, unix, hostname = LOOPBACK, port = 0 } = address;
    if (fd !== undefined) throw listenError(address, "EINVAL", "a simulated process inherits no sockets");
    if (unix === undefined && !isPort(port))
      throw listenError(address, "ERR_OUT_OF_RANGE", "the port is no number from 0 to 65535");
    const name: ListenName = unix === undefined ? { hostname, port: port === 0 ? this.#freePort() : port } : { unix };
    const isTaken = [...this.#listeners].some((other) => overlaps(name, other.name));
    if (isTaken || (unix !== undefined && this.#leftovers.has(unix)))
      throw listenError(address, "EADDRINUSE", "the address is in use");
    const listener = new SimListener(name, accept, () => this.#listeners.delete(listener));
    this.#listeners.add(listener);
    return listener;
  }

  listenSecure(
    address: ListenAddress,
    tls: TlsServerOptions,
    greet: (socket: RawSocket) => Handshake | null,
  ): RawSecureListener {
    const fault = tlsFault(tls);
    if (fault !== null) throw listenError(address, "ERR_TLS", fault);
    let present = tls;
    const listener = this.listen(address, (socket) => {
      const handshake = greet(socket);
      return handshake === null ? null : SimHandshake.accepted(socket as SimSocket, serverSide(present), handshake);
    });
    return {
      port: listener.port,
      hostname: listener.hostname,
      stop: () => listener.stop(),
      reload: (identities: TlsIdentities) => {
        const state = reloadFault(present, identities);
        if (state !== null) throw new TlsFault("ERR_TLS", state);
        present = withIdentity(present, identities);
      },
    };
  }

  removeStale(path: string, done: (outcome: StalePath) => void): void {
    this.#later(() => {
      const leftover = this.#leftovers.get(path);
      if (leftover === "socket") this.#leftovers.delete(path);
      if (leftover !== undefined) done(leftover === "socket" ? "removed" : "foreign");
      else done(this.#listenerAt({ unix: path }) === undefined ? "gone" : "alive");
    });
  }

  resolve(
    hostname: string,
    found: (addresses: readonly ResolvedAddress[]) => void,
    failed: (reason: string, cause: unknown) => void,
  ): () => void {
    let abandoned = false;
    const addresses = this.#world.network.names[hostname] ?? [hostname];
    this.#world.clock.schedule(0, () => {
      if (abandoned) return;
      if (addresses.length === 0) failed("ENOTFOUND", undefined);
      else found(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
    });
    return () => {
      abandoned = true;
    };
  }

  connect(
    address: SocketAddress,
    opened: (socket: RawSocket) => SocketHandler | null,
    failed: (error: unknown) => void,
  ): () => void {
    let abandoned = false;
    const fail = (reason: string): void => {
      if (!abandoned) failed(connectError(describeAddress(address), reason));
    };
    const open = (socket: SimSocket): void => {
      if (socket.stillborn) fail("ECONNRESET");
      else if (abandoned) socket.terminate();
      else {
        const handler = opened(socket);
        if (handler !== null) socket.own(handler);
      }
    };
    this.#later(() => {
      if (abandoned || this.#world.network.silent.includes(address.hostname ?? LOOPBACK)) return;
      const listener = this.#listenerAt(address);
      if (listener === undefined) this.#later(() => fail(this.#reasonAt(address)));
      else this.#handshake(address, listener, open);
    });
    return () => {
      abandoned = true;
    };
  }

  secureClient(socket: RawSocket, tls: TlsClientOptions, handshake: Handshake): RawSocket {
    SimHandshake.begin(this.#world.clock, socket as SimSocket, clientSide(tls), NOTHING, handshake);
    return socket;
  }

  secureServer(socket: RawSocket, tls: TlsServerOptions, early: Uint8Array, handshake: Handshake): RawSocket {
    SimHandshake.begin(this.#world.clock, socket as SimSocket, serverSide(tls), early, handshake);
    return socket;
  }

  tlsOf(socket: RawSocket): TlsDetails {
    return (socket as SimSocket).tls as TlsDetails;
  }

  /** Why nobody can be connected to at an address without a listener. */
  #reasonAt({ unix, port = 0 }: SocketAddress): string {
    if (unix === undefined) return isPort(port) ? "ECONNREFUSED" : "ERR_OUT_OF_RANGE";
    return unix.startsWith("\0") || this.#leftovers.has(unix) ? "ECONNREFUSED" : "ENOENT";
  }

  /** The kernels have shaken hands; both programs hear of it in their own time. */
  #handshake(address: SocketAddress, listener: SimListener, open: (socket: SimSocket) => void): void {
    const { client, server } = this.#names(address, listener);
    const [near, far] = [new SimSocket(this.#world, client), new SimSocket(this.#world, server)];
    SimSocket.join(near, far);
    listener.queue.add(far);
    this.#later(() => listener.admit(far));
    this.#later(() => open(near));
  }

  #names({ hostname = LOOPBACK }: SocketAddress, { name }: SimListener): { client: SocketNames; server: SocketNames } {
    if (name.unix !== undefined) return { client: UNIX_NAMES, server: UNIX_NAMES };
    // A host calls itself by the same address: clients of a loopback server come from the loopback address.
    const [at, port] = [canonical(hostname), this.#freePort()];
    return {
      client: { unix: false, remoteAddress: at, remotePort: name.port, localPort: port },
      server: {
        unix: false,
        remoteAddress: name.hostname === "::" && !at.includes(":") ? `::ffff:${at}` : at,
        remotePort: port,
        localPort: name.port,
      },
    };
  }

  #listenerAt({ unix, hostname = LOOPBACK, port = 0 }: SocketAddress): SimListener | undefined {
    for (const listener of this.#listeners) {
      const { name } = listener;
      if (unix !== undefined ? name.unix === unix : name.port === port && answers(name.hostname, hostname))
        return listener;
    }
    return undefined;
  }

  #freePort(): number {
    const taken = new Set([...this.#listeners].map(({ port }) => port));
    do {
      this.#lastPort = this.#lastPort === PORT_MAX ? FIRST_FREE_PORT : this.#lastPort + 1;
    } while (taken.has(this.#lastPort));
    return this.#lastPort;
  }

  #later(fire: () => void): void {
    const { clock, network } = this.#world;
    clock.schedule(drawTime(clock.prng, network.latencyMs), fire);
  }
}

const NOTHING = new Uint8Array(0);
const FIRST_FREE_PORT = 49_152;
const PORT_MAX = 65_535;
const UNIX_NAMES: SocketNames = { unix: true, remoteAddress: undefined, remotePort: undefined, localPort: undefined };

/** What a listener is bound to: a path, or a host and a port. */
type ListenName =
  | { readonly unix: string; readonly hostname?: undefined; readonly port?: undefined }
  | { readonly unix?: undefined; readonly hostname: string; readonly port: number };

class SimListener implements RawListener {
  readonly name: ListenName;
  /** Connected, and not yet seen by `accept`. */
  readonly queue: Set<SimSocket> = new Set();
  readonly #accept: (socket: RawSocket) => SocketHandler | null;
  readonly #unbind: () => void;

  constructor(name: ListenName, accept: (socket: RawSocket) => SocketHandler | null, unbind: () => void) {
    this.name = name;
    this.#accept = accept;
    this.#unbind = unbind;
  }

  get port(): number {
    return this.name.port ?? 0;
  }

  get hostname(): string {
    return this.name.hostname ?? "";
  }

  admit(socket: SimSocket): void {
    if (this.queue.delete(socket)) socket.own(this.#accept(socket));
  }

  stop(): void {
    this.#unbind();
    for (const socket of this.queue) socket.terminate();
    this.queue.clear();
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= PORT_MAX;
}

/** The address that a name stands for, where the simulation knows one. */
function canonical(hostname: string): string {
  return hostname === "localhost" || hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
}

/** Does a listener bound to `bound` answer for `dialled`? `::` is dual-stack. */
function answers(bound: string | undefined, dialled: string): boolean {
  if (bound === undefined) return false;
  if (bound === "::") return true;
  if (bound === "0.0.0.0") return !dialled.includes(":");
  return canonical(bound) === canonical(dialled) || (bound === "::1" && dialled === "localhost");
}

function overlaps(one: ListenName, other: ListenName): boolean {
  if (one.unix !== undefined || other.unix !== undefined) return one.unix === other.unix;
  return one.port === other.port && (answers(one.hostname, other.hostname) || answers(other.hostname, one.hostname));
}

function listenError(address: ListenAddress, reason: string, state: string): ListenError {
  return new ListenError(`Cannot listen on ${describeAddress(address)}: ${state}`, reason);
}
