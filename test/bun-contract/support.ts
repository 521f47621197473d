// What the contract tests share: a connected pair of Bun sockets whose every callback is written into one log, and ways to
// wait that are never a sleep. A test waits for entries of the log, or counts turns of the event loop where it claims that
// nothing happens. The only real clock is a deadline that fails the test. Everything here is disposable, and disposing waits
// until the sockets have closed, so that no test can leak one into the next.

import { readFileSync } from "node:fs";

import type { Socket, SocketHandler, TCPSocketListener } from "bun";

import { testCertificate } from "./certificate.ts";

/** Below the 5 s after which `bun test` gives up, so that the message says what was waited for. */
const DEADLINE_MS = 4_500;
const FILL_WRITES_MAX = 256;
const FILL_CHUNK = new Uint8Array(1 << 20);

export const LOOPBACK = "127.0.0.1";

/** True where the kernel shows its socket queues and limits under /proc. */
export const isLinux: boolean = process.platform === "linux";

export type Role = "server" | "client";
type EventName = "open" | "data" | "drain" | "end" | "close" | "error" | "timeout" | "handshake";

/** Handlers of one side. An absent one is still recorded; `null` leaves the callback out of what Bun gets. */
export type Handlers = { [Name in EventName]?: SocketHandler<undefined>[Name] | null };

const EVENT_NAMES: readonly EventName[] = ["open", "data", "drain", "end", "close", "error", "timeout"];

/** Rejects when `promise` has not settled within the deadline: a failure guard, never a way to synchronise. */
export async function within<T>(promise: Promise<T>, describe: () => string, ms: number = DEADLINE_MS): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Gave up waiting: ${describe()}`)), ms);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets the event loop go round `count` times, with every ready socket served in each. */
export function turns(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  const turn = (): void => {
    if (left-- > 0) setImmediate(turn);
    else resolve();
  };
  turn();
  return promise;
}

interface Waiter {
  readonly condition: () => boolean;
  readonly resolve: () => void;
}

/** Everything that happened, in order. Waiting is for a condition, looked at again after each entry. */
export class EventLog {
  entries: string[] = [];
  readonly #waiters = new Set<Waiter>();

  record(entry: string): void {
    this.entries.push(entry);
    this.settle();
  }

  /** Looks at what is waited for again, after a handler has changed something else than the log. */
  settle(): void {
    for (const waiter of this.#waiters) {
      if (waiter.condition()) waiter.resolve();
    }
  }

  clear(): void {
    this.entries = [];
  }

  count(entry: string): number {
    return this.entries.filter((each) => each === entry).length;
  }

  /** Entries of one side without its name, leaving out those named in `ignored`. */
  sequence(role: Role, ...ignored: readonly string[]): string[] {
    const own = this.entries.filter((each) => each.startsWith(`${role}.`)).map((each) => each.slice(role.length + 1));
    return own.filter((each) => !ignored.some((name) => each === name || each.startsWith(`${name}(`)));
  }

  async until(condition: () => boolean, deadlineMs?: number): Promise<void> {
    if (condition()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { condition, resolve };
    this.#waiters.add(waiter);
    try {
      const describe = (): string => `${condition.toString()}; the log ends with ${this.entries.slice(-20).join(" ")}`;
      await within(promise, describe, deadlineMs);
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  /** Waits for an entry that equals `prefix` or begins with `prefix(`. */
  async seen(prefix: string, deadlineMs?: number): Promise<void> {
    const matches = (each: string): boolean => each === prefix || each.startsWith(`${prefix}(`);
    await this.until(() => this.entries.some(matches), deadlineMs);
  }
}

function detailOf(detail: unknown): string {
  if (detail === undefined || detail === null) return "";
  if (detail instanceof Error) return `(${(detail as { code?: string }).code ?? detail.message})`;
  return ArrayBuffer.isView(detail) ? `(${detail.byteLength})` : `(${String(detail)})`;
}

/** Wraps `handlers` so that each call is in the log before the handler itself runs. */
export function recorded(
  log: EventLog,
  role: Role,
  handlers: Handlers = {},
  seeing?: (name: EventName, socket: Socket, detail: unknown) => void,
): SocketHandler<undefined> {
  const wrapped: Record<string, unknown> = {};
  const names = handlers.handshake === undefined ? EVENT_NAMES : [...EVENT_NAMES, "handshake" as const];
  for (const name of names) {
    const inner = handlers[name] as ((socket: Socket, ...details: unknown[]) => unknown) | null | undefined;
    if (inner === null) continue;
    wrapped[name] = (socket: Socket, ...details: unknown[]) => {
      seeing?.(name, socket, details[0]);
      log.record(`${role}.${name}${detailOf(details[0])}`);
      try {
        return inner?.(socket, ...details);
      } finally {
        log.settle();
      }
    };
  }
  return wrapped as SocketHandler<undefined>;
}

export interface PairOptions {
  readonly server?: Handlers;
  readonly client?: Handlers;
  /** Default true, as millrace always asks for it. */
  readonly allowHalfOpen?: boolean;
  readonly tls?: boolean;
}

/** Two sockets of this process that are connected to each other over loopback TCP. */
export class Pair implements AsyncDisposable {
  readonly log: EventLog = new EventLog();
  /** Bytes that came in at each side. */
  readonly received: Record<Role, number> = { server: 0, client: 0 };
  listener!: TCPSocketListener<undefined>;
  server!: Socket;
  client!: Socket;

  static async open(options: PairOptions = {}): Promise<Pair> {
    const pair = new Pair();
    const { key, cert } = options.tls === true ? testCertificate() : { key: "", cert: "" };
    const shared = { hostname: LOOPBACK, allowHalfOpen: options.allowHalfOpen ?? true };
    pair.listener = Bun.listen({
      ...shared,
      port: 0,
      ...(options.tls === true ? { tls: { key, cert } } : {}),
      socket: pair.#handlers("server", options.server),
    });
    pair.client = await Bun.connect({
      ...shared,
      port: pair.listener.port,
      ...(options.tls === true ? { tls: { ca: cert, serverName: "localhost" } } : {}),
      socket: pair.#handlers("client", options.client),
    });
    await pair.log.until(() => pair.log.count("server.open") === 1 && pair.log.count("client.open") === 1);
    return pair;
  }

  #handlers(role: Role, handlers?: Handlers): SocketHandler<undefined> {
    return recorded(this.log, role, handlers, (name, socket, detail) => {
      if (name === "open") this[role] = socket;
      if (name === "data") this.received[role] += (detail as Uint8Array).byteLength;
      if (name === "close") this.#closed.add(role);
    });
  }

  readonly #closed = new Set<Role>();

  hasClosed(role: Role): boolean {
    return this.#closed.has(role);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A TLS socket that was ended ignores terminate(): stopping the listener is what closes it for certain.
    this.listener.stop(true);
    this.client.terminate();
    this.client.resume();
    await this.log.until(() => this.#closed.size === 2);
  }
}

/** Writes zeros until the kernel takes no more, and returns how many bytes it took. */
export function fill(socket: Socket): number {
  let accepted = 0;
  for (let writes = 0; writes < FILL_WRITES_MAX; writes++) {
    const written = socket.write(FILL_CHUNK);
    if (written <= 0) return accepted;
    accepted += written;
  }
  throw new Error(`The kernel took ${accepted} bytes for a peer that does not read`);
}

export interface KernelQueues {
  /** Bytes that were written and not acknowledged yet, of both directions. */
  readonly unsent: number;
  /** Bytes that arrived and were not read yet, of both directions. */
  readonly unread: number;
}

/** What the kernel holds for the connections of a loopback port. Bytes that wait for their acknowledgement count in both. */
export function kernelQueues(port: number): KernelQueues {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let unsent = 0;
  let unread = 0;
  for (const line of readFileSync("/proc/self/net/tcp", "utf8").split("\n").slice(1)) {
    const [, local, remote, state, queues] = line.trim().split(/\s+/);
    if (local === undefined || state === "0A" || queues === undefined) continue;
    if (!local.endsWith(suffix) && remote?.endsWith(suffix) !== true) continue;
    unsent += Number.parseInt(queues.slice(0, 8), 16);
    unread += Number.parseInt(queues.slice(9), 16);
  }
  return { unsent, unread };
}
