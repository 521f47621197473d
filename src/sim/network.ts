// How a simulated network behaves: its options with their defaults, two ready-made sets of them, and what is counted. No option makes the
// network lie: bytes arrive whole and in order, or the connection is reset. What varies under the seed is when, in what pieces, and
// how much the "kernel" takes at once.

/** A lower and an upper bound, both included; each use draws a value between them under the seed. */
export type Range = readonly [min: number, max: number];

/** How the network of a simulated world behaves. Equal bounds of a range switch its chance off. */
export interface NetworkOptions {
  /** Virtual ms that a segment is on its way. Order within one direction is kept. Default `[0.05, 1]`. */
  readonly latencyMs?: Range;
  /** Bytes of a segment and of a chunk given to `data`, small sizes as likely as large ones. Default `[1, 65536]`; `[1, 1]` is one byte at a time. */
  readonly segmentBytes?: Range;
  /** Bytes that a socket's send buffer holds, drawn once a socket; a write beyond it is short. Default `[16384, 262144]`. */
  readonly sendBufferBytes?: Range;
  /** Bytes on the way to or waiting at a receiver that does not read; beyond it the sender's buffer fills. Default 131072. */
  readonly receiveBufferBytes?: number;
  /** Probability, for each chunk received, that a `drained` without reason follows. Those at pause, resume and FIN always come. Default 0.05. */
  readonly spuriousDrainChance?: number;
  /** Probability, for each segment, that the network resets the connection, for both ends, instead of delivering it. Default 0. */
  readonly resetChance?: number;
  /** Names with their addresses, in the resolver's order; none means that nobody knows the name. Other names are their own address. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Addresses that swallow everything: connecting to them never ends. */
  readonly silent?: readonly string[];
}

/**
 * Nothing is left to chance: one latency, whole chunks, roomy buffers. For tests that count.
 *
 * @example
 * ```ts
 * import { connect, listen, now } from "millrace";
 * import { CALM_NETWORK, simulate } from "millrace/sim";
 *
 * const took = await simulate(
 *   function* () {
 *     using _listener = yield* listen({ port: 7000 });
 *     using _conn = yield* connect({ port: 7000 });
 *     return now();
 *   },
 *   { network: { ...CALM_NETWORK, latencyMs: [30, 30] } },
 * );
 * console.log(took); // => 60
 * ```
 */
export const CALM_NETWORK: NetworkOptions = {
  latencyMs: [0.1, 0.1],
  segmentBytes: [65_536, 65_536],
  sendBufferBytes: [1_048_576, 1_048_576],
  receiveBufferBytes: 1_048_576,
  spuriousDrainChance: 0,
};

/**
 * Small buffers, small pieces, uneven latencies: nearly every write is short. For property tests with little data.
 *
 * @example
 * ```ts
 * import { connect, listen, race, serve } from "millrace";
 * import { ROUGH_NETWORK, Simulation } from "millrace/sim";
 *
 * const world = new Simulation({ seed: 7, network: ROUGH_NETWORK });
 * await world.run(function* () {
 *   const listener = yield* listen({ port: 7000 });
 *   const client = function* () {
 *     using conn = yield* connect({ port: 7000 });
 *     yield* conn.write("flour".repeat(1_000));
 *     return yield* conn.read(); // null: the handler has all of it, and has ended
 *   };
 *   yield* race({ client, server: serve(listener, (conn) => conn.readExactly(5_000)) });
 * });
 * console.log(world.host.transport.statistics.reads > 50); // => true
 * ```
 */
export const ROUGH_NETWORK: NetworkOptions = {
  latencyMs: [0, 20],
  segmentBytes: [1, 64],
  sendBufferBytes: [1, 512],
  receiveBufferBytes: 256,
  spuriousDrainChance: 0.3,
};

/** All options, settled. */
export type Network = Required<NetworkOptions>;

/** The options with defaults filled in. @throws RangeError for a bound that cannot work, such as a send buffer of no bytes. */
export function settleNetwork(options: NetworkOptions): Network {
  const network: Network = {
    latencyMs: options.latencyMs ?? [0.05, 1],
    segmentBytes: options.segmentBytes ?? [1, 65_536],
    sendBufferBytes: options.sendBufferBytes ?? [16_384, 262_144],
    receiveBufferBytes: options.receiveBufferBytes ?? 131_072,
    spuriousDrainChance: options.spuriousDrainChance ?? 0.05,
    resetChance: options.resetChance ?? 0,
    names: options.names ?? {},
    silent: options.silent ?? [],
  };
  assertRange("latencyMs", network.latencyMs, 0);
  assertRange("segmentBytes", network.segmentBytes, 1);
  assertRange("sendBufferBytes", network.sendBufferBytes, 1);
  assertRange("receiveBufferBytes", [network.receiveBufferBytes, network.receiveBufferBytes], 1);
  return network;
}

function assertRange(name: string, [min, max]: Range, least: number): void {
  if (min >= least && max >= min && max < Number.POSITIVE_INFINITY) return;
  throw new RangeError(`Cannot simulate a network with ${name} from ${min} to ${max}: expected ${least} <= min <= max`);
}

/** How a socket is addressed. A unix socket has no addresses: Bun's properties are then undefined, whatever their types say. */
export interface SocketNames {
  readonly unix: boolean;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localPort: number | undefined;
}

/** What was done to and by sockets: exact counts for tests. */
export interface SocketStatistics {
  /** Calls of `write`. */
  readonly writes: number;
  /** Calls of `write` that did not take everything; those that gave -1 not counted. */
  readonly shortWrites: number;
  /** Bytes that `write` took. */
  readonly bytesWritten: number;
  /** Calls of `data`. */
  readonly reads: number;
  /** Bytes given to `data`. */
  readonly bytesRead: number;
  /** Calls of `pause`. */
  readonly pauses: number;
  /** Calls of `resume`. */
  readonly resumes: number;
  /** Calls of `drained`, spurious ones included. */
  readonly drains: number;
}

/** The same, to be counted up. */
export type Counters = { -readonly [Name in keyof SocketStatistics]: SocketStatistics[Name] };

export function createCounters(): Counters {
  return { writes: 0, shortWrites: 0, bytesWritten: 0, reads: 0, bytesRead: 0, pauses: 0, resumes: 0, drains: 0 };
}
