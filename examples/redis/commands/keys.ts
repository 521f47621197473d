// Keys, whatever their values: whether they are there, how long they live, and that they go.

import type { Client } from "../client.ts";
import type { Command } from "../command.ts";
import { NEVER } from "../store.ts";
import { SYNTAX } from "./errors.ts";
import { momentOf } from "./expiry.ts";

const AT_LEAST = -(2n ** 63n);

function count(client: Client, has: (key: string) => boolean): void {
  const { reader, writer } = client;
  let found = 0;
  for (let i = 1; i < reader.count; i++) if (has(reader.text(i))) found++;
  writer.integer(found);
}

function expire(client: Client, unitMs: number, command: string): void {
  const { reader, writer, store } = client;
  const moment = momentOf(client, 2, unitMs, command, AT_LEAST);
  if (moment !== null) writer.integer(store.expireAt(reader.text(1), moment) ? 1 : 0);
}

/** -2: there is no such key; -1: it lives for ever. */
function timeToLive({ reader, writer, store, keyspace }: Client, unitMs: number): void {
  const expiresAtMs = store.expiryOf(reader.text(1));
  if (expiresAtMs === null) writer.integer(-2);
  else if (expiresAtMs === NEVER) writer.integer(-1);
  else writer.integer(Math.round((expiresAtMs - keyspace.now()) / unitMs));
}

function flush({ reader, writer }: Client, clear: () => void): void {
  if (reader.count > 2 || (reader.count === 2 && !reader.is(1, "sync") && !reader.is(1, "async"))) {
    writer.error(SYNTAX);
    return;
  }
  clear();
  writer.ok();
}

const ONE_KEY = { group: "generic", keys: [1, 1, 1] } as const;
const ALL_KEYS = { group: "generic", keys: [1, -1, 1] } as const;
const READS = { flags: ["readonly", "fast"] } as const;
const WRITES = { flags: ["write", "fast"] } as const;

export const KEY_COMMANDS: readonly Command[] = [
  {
    ...ALL_KEYS,
    name: "del",
    arity: -2,
    flags: ["write"],
    summary: "Removes keys",
    run: (client) => count(client, (key) => client.store.delete(key)),
  },
  {
    ...ALL_KEYS,
    ...READS,
    name: "exists",
    arity: -2,
    summary: "Counts the keys that are there",
    run: (client) => count(client, (key) => client.store.has(key)),
  },
  {
    ...ONE_KEY,
    ...WRITES,
    name: "expire",
    arity: 3,
    summary: "Sets the time to live of a key in seconds",
    run: (client) => expire(client, 1_000, "expire"),
  },
  {
    ...ONE_KEY,
    ...WRITES,
    name: "pexpire",
    arity: 3,
    summary: "Sets the time to live of a key in milliseconds",
    run: (client) => expire(client, 1, "pexpire"),
  },
  {
    ...ONE_KEY,
    ...READS,
    name: "ttl",
    arity: 2,
    summary: "Gives the time to live of a key in seconds",
    run: (client) => timeToLive(client, 1_000),
  },
  {
    ...ONE_KEY,
    ...READS,
    name: "pttl",
    arity: 2,
    summary: "Gives the time to live of a key in milliseconds",
    run: (client) => timeToLive(client, 1),
  },
  {
    name: "dbsize",
    arity: 1,
    flags: ["readonly", "fast"],
    group: "server",
    summary: "Counts the keys of the database",
    run: ({ writer, store }) => writer.integer(store.size),
  },
  {
    name: "flushdb",
    arity: -1,
    flags: ["write"],
    group: "server",
    summary: "Removes all keys of the database",
    run: (client) => flush(client, () => client.store.clear()),
  },
  {
    name: "flushall",
    arity: -1,
    flags: ["write"],
    group: "server",
    summary: "Removes all keys of all databases",
    run: (client) => flush(client, () => client.keyspace.clear()),
  },
];
