// The connections of the open-loop generator, each with at most one request under way, by the server and the request that they serve. They are
// kept from one run to the next; one that the server closed while nobody used it is replaced.

import { Pattern } from "./pattern.ts";

/** Who is told what happens on the connections of a server while it runs. */
export interface OpenListener {
  /** A whole answer was there at `atNs`. */
  answered(number: number, atNs: number, wrong: boolean): void;
  lost(error: Error): void;
}

/** Requests ahead of the first one that counts, one after the other: at least one on each connection. */
const WARM_REQUESTS = 50;
/** Ms in which the answer to each of them must come. */
const WARM_MS_MAX = 10_000;
/** Connections opened side by side: below the listeners' backlog of 512. */
const OPENING_MAX = 256;

/** How many requests go out on so many connections before a run. */
export function warmRequests(connections: number): number {
  return Math.max(WARM_REQUESTS, connections);
}

/** One connection. */
class OpenConnection {
  readonly #server: OpenServer;
  readonly #request: Uint8Array;
  #socket: Bun.Socket | null = null;
  /** What the kernel did not take of the request. */
  #rest: Uint8Array | null = null;
  /** What came of an answer that arrived in pieces. */
  #pieces: Uint8Array[] = [];
  #came = 0;
  /** Its index in the server's list. */
  number = 0;
  isLost = false;

  constructor(server: OpenServer, request: Uint8Array) {
    this.#server = server;
    this.#request = request;
  }

  /** The descriptor, which the types of Bun do not tell of. */
  get fd(): number {
    return (this.#socket as unknown as { readonly fd: number }).fd;
  }

  async open(port: number): Promise<void> {
    this.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, chunk) => this.#data(chunk),
        drain: () => this.#write(this.#rest),
        close: () => this.#lost(new Error(`Cannot go on: a connection to port ${port} was lost`)),
        // The rejection of Bun.connect says the same; without the handler the error is reported twice.
        connectError: () => {},
        error: (_socket, error) => this.#lost(error),
      },
    });
  }

  /** Sends the request once. */
  send(): void {
    this.#write(this.#request);
  }

  close(): void {
    this.isLost = true;
    this.#socket?.terminate();
  }

  #write(bytes: Uint8Array | null): void {
    if (bytes === null) return;
    const taken = Math.max(0, this.#socket?.write(bytes) ?? 0);
    this.#rest = taken < bytes.length ? bytes.subarray(taken) : null;
  }

  #lost(error: Error): void {
    if (this.isLost) return;
    this.isLost = true;
    this.#server.listener?.lost(error);
  }

  #data(chunk: Uint8Array): void {
    const now = Bun.nanoseconds();
    const { pattern } = this.#server;
    if (pattern !== null && this.#came === 0 && chunk.length === pattern.answerBytes) {
      this.#server.listener?.answered(this.number, now, pattern.wrongIn(chunk) > 0);
      return;
    }
    this.#pieces.push(chunk);
    this.#came += chunk.length;
    const known = pattern ?? this.#learn();
    if (known === null || this.#came < known.answerBytes) return;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#came = 0;
    this.#server.listener?.answered(this.number, now, whole.length > known.answerBytes || known.wrongIn(whole) > 0);
  }

  #learn(): Pattern | null {
    try {
      this.#server.pattern = Pattern.learn(Buffer.concat(this.#pieces), 1);
    } catch (error) {
      this.#lost(error as Error);
    }
    return this.#server.pattern;
  }
}

/** All connections to one server that send the same request. */
export class OpenServer {
  connections: readonly OpenConnection[] = [];
  listener: OpenListener | null = null;
  /** What the first answer was like; all others must be so. */
  pattern: Pattern | null = null;

  /** Has exactly `count` connections open. @throws when the server cannot be reached. */
  async open(port: number, request: Uint8Array, count: number): Promise<void> {
    const kept = this.connections.filter(({ isLost }) => !isLost);
    for (const surplus of kept.splice(count)) surplus.close();
    while (kept.length < count) {
      const added = Array.from(
        { length: Math.min(OPENING_MAX, count - kept.length) },
        () => new OpenConnection(this, request),
      );
      await Promise.all(added.map((connection) => connection.open(port)));
      kept.push(...added);
    }
    for (const [number, connection] of kept.entries()) connection.number = number;
    this.connections = kept;
  }

  /** Sends the first requests, one at a time; gives how many answers were wrong. @throws when one stays out. */
  async warm(): Promise<number> {
    let wrong = 0;
    const count = warmRequests(this.connections.length);
    for (let i = 0; i < count; i++) {
      if (await this.#exchange(this.connections[i % this.connections.length] as OpenConnection)) wrong++;
    }
    return wrong;
  }

  async #exchange(connection: OpenConnection): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.listener = { answered: (_number, _atNs, wrong) => resolve(wrong), lost: reject };
    const late = setTimeout(() => reject(new Error("Cannot begin the run: answers stay out")), WARM_MS_MAX);
    if (connection.isLost) reject(new Error("Cannot begin the run: a connection was lost"));
    else connection.send();
    return promise.finally(() => {
      clearTimeout(late);
      this.listener = null;
    });
  }
}

/** The connections to several servers. */
export class OpenPool implements Disposable {
  readonly #servers = new Map<string, OpenServer>();

  /** The server at `port`, with `count` connections open. @throws when it cannot be reached. */
  async open(port: number, request: string, count: number): Promise<OpenServer> {
    const key = `${port} ${request}`;
    const server = this.#servers.get(key) ?? new OpenServer();
    this.#servers.set(key, server);
    await server.open(port, Buffer.from(request, "latin1"), count);
    return server;
  }

  [Symbol.dispose](): void {
    for (const { connections } of this.#servers.values()) for (const connection of connections) connection.close();
  }
}
