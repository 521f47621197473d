// Values: GET, SET and what counts with them.

import type { Steps } from "millrace";
import { bytesOf, type Integer, integerOf, negated, sumOf } from "../bytes.ts";
import type { Client } from "../client.ts";
import type { Command } from "../command.ts";
import { NEVER } from "../store.ts";
import { NO_INTEGER, SYNTAX, wrongNumber } from "./errors.ts";
import { momentOf } from "./expiry.ts";

function get({ reader, writer, store }: Client): void {
  writer.bulk(store.get(reader.text(1)));
}

interface SetOptions {
  expiresAtMs: number;
  keepsExpiry: boolean;
  /** Only where there is a key, or none; `null`: in either case. */
  onlyWhereExists: boolean | null;
  /** Answers with the value before. */
  gives: boolean;
}

function set(client: Client): void {
  const { reader, writer, store } = client;
  const key = reader.text(1);
  const { source, starts, ends } = reader;
  if (reader.count === 3) {
    store.setTo(key, source, starts[2] as number, ends[2] as number);
    writer.ok();
    return;
  }
  const options = setOptionsOf(client);
  if (options === null) return;
  const before = store.get(key);
  const isSet = options.onlyWhereExists === null || options.onlyWhereExists === (before !== null);
  if (isSet) {
    const kept = options.keepsExpiry ? store.expiryOf(key) : null;
    store.setTo(key, source, starts[2] as number, ends[2] as number, kept ?? options.expiresAtMs);
  }
  if (options.gives) writer.bulk(before);
  else if (isSet) writer.ok();
  else writer.null();
}

/** `null` when they cannot be used: then an error was answered. */
function setOptionsOf(client: Client): SetOptions | null {
  const { reader, writer } = client;
  const options: SetOptions = { expiresAtMs: NEVER, keepsExpiry: false, onlyWhereExists: null, gives: false };
  /** Where the time to live stands; all else is looked at first. */
  let expiryAt = 0;
  for (let i = 3; i < reader.count; i++) {
    const hasExpiry = expiryAt !== 0 || options.keepsExpiry;
    if ((reader.is(i, "nx") || reader.is(i, "xx")) && options.onlyWhereExists !== reader.is(i, "nx"))
      options.onlyWhereExists = reader.is(i, "xx");
    else if (reader.is(i, "get")) options.gives = true;
    else if (reader.is(i, "keepttl") && expiryAt === 0) options.keepsExpiry = true;
    else if ((reader.is(i, "ex") || reader.is(i, "px")) && !hasExpiry && i + 1 < reader.count) expiryAt = ++i;
    else {
      writer.error(SYNTAX);
      return null;
    }
  }
  if (expiryAt === 0) return options;
  const moment = momentOf(client, expiryAt, reader.is(expiryAt - 1, "ex") ? 1_000 : 1, "set", 1n);
  return moment === null ? null : { ...options, expiresAtMs: moment };
}

/** All values are those of one moment, however long it takes to write them. */
function* getMany(client: Client): Steps<void> {
  const { reader, writer, store } = client;
  const values: (Uint8Array | null)[] = [];
  for (let i = 1; i < reader.count; i++) values.push(store.get(reader.text(i)));
  writer.array(values.length);
  for (const value of values) {
    writer.bulk(value);
    yield* client.sendMuch();
  }
}

function setMany({ reader, writer, store }: Client): void {
  if (reader.count % 2 === 0) {
    wrongNumber(writer, "mset");
    return;
  }
  const { source, starts, ends } = reader;
  for (let i = 1; i < reader.count; i += 2)
    store.setTo(reader.text(i), source, starts[i + 1] as number, ends[i + 1] as number);
  writer.ok();
}

function add({ reader, writer, store }: Client, amount: Integer): void {
  const key = reader.text(1);
  const value = store.get(key);
  const before = value === null ? 0 : integerOf(value, 0, value.length);
  if (before === null) {
    writer.error(NO_INTEGER);
    return;
  }
  const sum = sumOf(before, amount);
  if (sum === null) {
    writer.error("ERR increment or decrement would overflow");
    return;
  }
  store.set(key, bytesOf(String(sum)), store.expiryOf(key) ?? NEVER);
  writer.integer(sum);
}

function addGiven(client: Client): void {
  const amount = client.reader.integer(2);
  if (amount === null) client.writer.error(NO_INTEGER);
  else add(client, amount);
}

function subtractGiven(client: Client): void {
  const amount = client.reader.integer(2);
  const opposite = amount === null ? null : negated(amount);
  if (opposite !== null) add(client, opposite);
  else client.writer.error(amount === null ? NO_INTEGER : "ERR decrement would overflow");
}

const ONE_KEY = { group: "string", keys: [1, 1, 1] } as const;
const WRITES = { ...ONE_KEY, flags: ["write", "fast"] } as const;

export const STRING_COMMANDS: readonly Command[] = [
  { ...ONE_KEY, name: "get", arity: 2, flags: ["readonly", "fast"], summary: "Gives the value of a key", run: get },
  { ...ONE_KEY, name: "set", arity: -3, flags: ["write"], summary: "Sets the value of a key", run: set },
  {
    name: "mget",
    arity: -2,
    flags: ["readonly", "fast"],
    group: "string",
    keys: [1, -1, 1],
    summary: "Gives the values of several keys",
    run: getMany,
  },
  {
    name: "mset",
    arity: -3,
    flags: ["write"],
    group: "string",
    keys: [1, -1, 2],
    summary: "Sets the values of several keys",
    run: setMany,
  },
  { ...WRITES, name: "incr", arity: 2, summary: "Adds one to a value", run: (client) => add(client, 1) },
  { ...WRITES, name: "decr", arity: 2, summary: "Takes one from a value", run: (client) => add(client, -1) },
  { ...WRITES, name: "incrby", arity: 3, summary: "Adds a number to a value", run: addGiven },
  { ...WRITES, name: "decrby", arity: 3, summary: "Takes a number from a value", run: subtractGiven },
];
