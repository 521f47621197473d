// What all clients of one server share: its databases, its channels, its settings, and what is counted.

import { Channels } from "./channels.ts";
import { Store } from "./store.ts";

/** Settings of the server. */
export interface RedisOptions {
  /** Keys in a database; with more, one that was not used for long has to go. Default: no bound. */
  readonly keysMax?: number;
  /** Ms without a command after which a client is closed; one that has subscribed may be silent. Default: never. */
  readonly idleMs?: number;
  /** Bytes that may wait for a subscriber; one for whom more wait is dropped. Default 8 MiB. */
  readonly subscriberBytesMax?: number;
}

const DATABASES = 16;
const SUBSCRIBER_BYTES_MAX = 8 * 1024 * 1024;

/** The state of one server. */
export class Keyspace {
  readonly keysMax: number;
  readonly idleMs: number;
  readonly subscriberBytesMax: number;
  readonly stores: readonly Store[];
  readonly channels: Channels = new Channels();
  readonly #now: () => number;
  readonly #startedAt: number;
  /** Clients so far, those that are connected now, and subscribers that were dropped because they read too slowly. */
  clients = 0;
  connected = 0;
  dropped = 0;
  /** Commands so far. */
  commands = 0;

  /** `now` tells the ms. */
  constructor(now: () => number, options: RedisOptions = {}) {
    this.keysMax = options.keysMax ?? Number.POSITIVE_INFINITY;
    this.idleMs = options.idleMs ?? Number.POSITIVE_INFINITY;
    this.subscriberBytesMax = options.subscriberBytesMax ?? SUBSCRIBER_BYTES_MAX;
    this.#now = now;
    this.#startedAt = now();
    this.stores = Array.from({ length: DATABASES }, () => new Store(now, this.keysMax));
  }

  now(): number {
    return this.#now();
  }

  get uptimeSeconds(): number {
    return Math.floor((this.#now() - this.#startedAt) / 1_000);
  }

  clear(): void {
    for (const store of this.stores) store.clear();
  }
}
