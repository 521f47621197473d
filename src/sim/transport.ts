// The simulated network as a transport: the twin of src/bun/transport.ts. Addresses are names: any host name can be listened at, so that one
// world may hold several machines, and a unix path is only a name too. Connections are made as kernels make them: the server's
// end exists, and takes bytes, before `accept` sees it.

import { describeAddress, LOOPBACK } from "../net/address.ts";
import { ConnectError, ListenError } from "../net/errors.ts";
import { tlsFault, type TlsServerOptions } from "../net/tls.ts";
import type { Handshake, RawListener, RawSocket, SocketAddress, SocketHandler, Transport } from "../net/transport.ts";
import {
  createCounters,
  type NetworkOptions,
  settleNetwork,
  type SocketNames,
  type SocketStatistics,
} from "./network.ts";
import { type Clock, drawTime } from "./pipe.ts";
import { SimSocket, type SocketWorld } from "./socket.ts";

/** Sockets in memory, on the virtual clock. */
export class SimTransport implements Transport {
  readonly #world: SocketWorld;
  readonly #listeners: Set<SimListener> = new Set();
  #lastPort = FIRST_FREE_PORT - 1;

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

  listen(address: SocketAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    const { unix, hostname = LOOPBACK, port = 0 } = address;
    if (unix === undefined && !isPort(port))
      throw listenError(address, "ERR_OUT_OF_RANGE", "the port is no number from 0 to 65535");
    const name: ListenName = unix === undefined ? { hostname, port: port === 0 ? this.#freePort() : port } : { unix };
    for (const other of this.#listeners) {
      if (overlaps(name, other.name)) throw listenError(address, "EADDRINUSE", "the address is in use");
    }
    const listener = new SimListener(name, accept, () => this.#listeners.delete(listener));
    this.#listeners.add(listener);
    return listener;
  }

  /** TLS without cryptography: bytes go as they are, and a handshake is done as soon as it begins. */
  listenSecure(
    address: SocketAddress,
    tls: TlsServerOptions,
    greet: (socket: RawSocket) => Handshake | null,
  ): RawListener {
    const fault = tlsFault(tls);
    if (fault !== null) throw listenError(address, "ERR_TLS", fault);
    return this.listen(address, (socket) => greet(socket)?.done() ?? null);
  }

  connect(
    address: SocketAddress,
    opened: (socket: RawSocket) => SocketHandler,
    failed: (error: unknown) => void,
  ): () => void {
    let abandoned = false;
    const fail = (state: string): void => {
      if (!abandoned) failed(new ConnectError(`Cannot connect to ${describeAddress(address)}: ${state}`));
    };
    const open = (socket: SimSocket): void => {
      if (socket.stillborn) fail("the connection was reset");
      else if (abandoned) socket.terminate();
      else socket.own(opened(socket));
    };
    this.#later(() => {
      const listener = this.#listenerAt(address);
      if (listener === undefined) this.#later(() => fail("nobody listens there"));
      else this.#handshake(address, listener, open);
    });
    return () => {
      abandoned = true;
    };
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
    const at = canonical(hostname);
    // A host calls itself by the same address: clients of a loopback server come from the loopback address.
    const port = this.#freePort();
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

function listenError(address: SocketAddress, reason: string, state: string): ListenError {
  return new ListenError(`Cannot listen on ${describeAddress(address)}: ${state}`, reason);
}
