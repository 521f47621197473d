// The open connections of a generator, by the port they lead to. They are kept from one burst to the next, as a browser or a proxy keeps
// its own, and so that no server ever loses its last connection in the middle of a round.

import { type Burst, BurstDriver, type BurstResult, type LoadConnection } from "./burst.ts";

/** What a generator gives for each of its connections. */
export interface LoadSocket extends LoadConnection {
  /** Bytes came. */
  data(chunk: Uint8Array): void;
  /** The kernel takes bytes again; only where more is sent than a send buffer holds. */
  drain?(): void;
  /** The burst that the connection works for now. */
  driver: BurstDriver | null;
}

/** Makes the generator's end of one connection. `number` counts the connections of a port from 0. */
export type MakeSocket = (raw: Bun.Socket<LoadSocket | undefined>, burst: Burst, number: number) => LoadSocket;

const CONNECTIONS_MAX = 30_000;
/** Connections opened side by side: below the listeners' backlog of 512. */
const OPENING_MAX = 256;

/** Connections to several servers. */
export class LoadPool {
  readonly #make: MakeSocket;
  readonly #tls: Bun.TLSOptions | null;
  readonly #byPort = new Map<number, LoadSocket[]>();

  constructor(make: MakeSocket, tls: Bun.TLSOptions | null = null) {
    this.#make = make;
    this.#tls = tls;
  }

  /** Opens the connections that are missing and runs the burst on them. @throws when a connection is lost. */
  async run(burst: Burst): Promise<BurstResult> {
    const sockets = await this.open(burst);
    const driver = new BurstDriver(burst, sockets);
    for (const socket of sockets) socket.driver = driver;
    const result = await driver.run();
    for (const socket of sockets) socket.driver = null;
    return result;
  }

  /** Opens the connections of a burst that are missing; gives them all. */
  async open(burst: Burst): Promise<readonly LoadSocket[]> {
    const wanted = Math.min(burst.connections, CONNECTIONS_MAX);
    const sockets = this.#byPort.get(burst.port) ?? [];
    this.#byPort.set(burst.port, sockets);
    while (sockets.length < wanted) {
      const count = Math.min(OPENING_MAX, wanted - sockets.length);
      const from = sockets.length;
      sockets.push(...(await Promise.all(Array.from({ length: count }, (_, i) => this.#connect(burst, from + i)))));
    }
    return sockets.slice(0, wanted);
  }

  async #connect(burst: Burst, number: number): Promise<LoadSocket> {
    // Over TLS the promise comes first, and nothing can be sent before the handshake is done.
    const opened = Promise.withResolvers<void>();
    const raw = await Bun.connect<LoadSocket | undefined>({
      hostname: "127.0.0.1",
      port: burst.port,
      data: undefined,
      ...(this.#tls === null ? {} : { tls: this.#tls }),
      socket: {
        open: () => opened.resolve(),
        data: (raw, chunk) => raw.data?.data(chunk),
        drain: (raw) => raw.data?.drain?.(),
        close: (raw) => {
          const lost = new Error(`Cannot go on: a connection to port ${burst.port} was lost`);
          opened.reject(lost);
          raw.data?.driver?.fail(lost);
        },
        // The rejection of Bun.connect says the same; without the handler the error is reported twice.
        connectError: () => {},
        error: (_raw, error) => {
          throw error;
        },
      },
    });
    await opened.promise;
    const socket = this.#make(raw, burst, number);
    raw.data = socket;
    return socket;
  }
}

/** Writes a whole unit. @throws when the kernel takes less: a unit is far smaller than any send buffer. */
export function writeWhole(raw: Bun.Socket<LoadSocket | undefined>, bytes: Uint8Array): void {
  const taken = raw.write(bytes);
  if (taken !== bytes.length) throw new Error(`Cannot send ${bytes.length} bytes: the kernel took ${taken}`);
}
