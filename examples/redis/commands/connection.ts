// The connection itself: greeting and leaving, the protocol, the database, what the client calls itself.

import type { Client } from "../client.ts";
import type { Command } from "../command.ts";
import type { Store } from "../store.ts";
import { NO_INTEGER, wrongNumber } from "./errors.ts";

/** What clients are told that they speak to: they look at the version for what they may ask. */
export const VERSION = "7.0.0";

function ping({ reader, writer, isRestricted }: Client): void {
  if (reader.count > 2) {
    wrongNumber(writer, "ping");
    return;
  }
  const message = reader.count === 2 ? reader.copy(1) : null;
  if (isRestricted) {
    writer.array(2);
    writer.bulkText("pong");
    if (message === null) writer.bulkText("");
    else writer.bulk(message);
  } else if (message === null) writer.raw("+PONG\r\n");
  else writer.bulk(message);
}

interface Greeting {
  protocol: 2 | 3;
  name: string | null;
}

function hello(client: Client): void {
  const greeting = greetingOf(client);
  if (typeof greeting === "string") {
    client.writer.error(greeting);
    return;
  }
  const { writer } = client;
  client.name = greeting.name ?? client.name;
  writer.protocol = greeting.protocol;
  writer.map(7);
  for (const [name, value] of [
    ["server", "redis"],
    ["version", VERSION],
    ["proto", greeting.protocol],
    ["id", client.id],
    ["mode", "standalone"],
    ["role", "master"],
  ] as const) {
    writer.bulkText(name);
    if (typeof value === "string") writer.bulkText(value);
    else writer.integer(value);
  }
  writer.bulkText("modules");
  writer.array(0);
}

/** What a client says about itself, or what is wrong with it. */
function greetingOf({ reader, writer }: Client): Greeting | string {
  const greeting: Greeting = { protocol: writer.protocol, name: null };
  if (reader.count > 1) {
    const protocol = reader.integer(1);
    if (protocol === null) return "ERR Protocol version is not an integer or out of range";
    if (protocol !== 2 && protocol !== 3) return "NOPROTO unsupported protocol version";
    greeting.protocol = protocol;
  }
  for (let i = 2; i < reader.count; i++) {
    if (reader.is(i, "auth") && i + 2 < reader.count) {
      if (!isDefaultUser(reader.text(i + 1))) return WRONG_PASSWORD;
      i += 2;
    } else if (reader.is(i, "setname") && i + 1 < reader.count) {
      greeting.name = reader.text(++i);
      if (!isName(greeting.name)) return BAD_NAME;
    } else return `ERR Syntax error in HELLO option '${reader.text(i)}'`;
  }
  return greeting;
}

const WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled.";
const BAD_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";

/** Nobody needs a password here; the one user that there is takes any. */
function isDefaultUser(name: string): boolean {
  return name === "default";
}

function isName(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function authenticate({ reader, writer }: Client): void {
  if (reader.count > 3) writer.error("ERR syntax error");
  else if (reader.count === 2)
    writer.error(
      "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
    );
  else if (isDefaultUser(reader.text(1))) writer.ok();
  else writer.error(WRONG_PASSWORD);
}

function select(client: Client): void {
  const { reader, writer, keyspace } = client;
  const index = reader.integer(1);
  if (index === null) writer.error(NO_INTEGER);
  else if (index < 0 || index >= keyspace.stores.length) writer.error("ERR DB index is out of range");
  else {
    client.store = keyspace.stores[Number(index)] as Store;
    writer.ok();
  }
}

function reset(client: Client): void {
  client.unsubscribeAll();
  client.name = "";
  client.store = client.keyspace.stores[0] as Store;
  client.writer.protocol = 2;
  client.writer.simple("RESET");
}

function quit(client: Client): void {
  client.isLeaving = true;
  client.writer.ok();
}

function setName(client: Client): void {
  const name = client.reader.text(2);
  if (isName(name)) {
    client.name = name;
    client.writer.ok();
  } else client.writer.error(BAD_NAME);
}

/** Which library it is: nothing here asks for it, so it is only checked. */
function setInfo({ reader, writer }: Client): void {
  const isKnown = reader.is(2, "lib-name") || reader.is(2, "lib-ver");
  if (!isKnown) writer.error(`ERR Unrecognized option '${reader.text(2)}'`);
  else if (isName(reader.text(3))) writer.ok();
  else writer.error(`ERR ${reader.text(2)} cannot contain spaces, newlines or special characters.`);
}

const CONNECTION = { group: "connection", flags: ["fast"] } as const;

const CLIENT_COMMANDS: readonly Command[] = [
  {
    ...CONNECTION,
    name: "client|id",
    arity: 2,
    summary: "Gives the number of the connection",
    run: ({ writer, id }) => writer.integer(id),
  },
  {
    ...CONNECTION,
    name: "client|getname",
    arity: 2,
    summary: "Gives the name of the connection",
    run: ({ writer, name }) => (name === "" ? writer.null() : writer.bulkText(name)),
  },
  { ...CONNECTION, name: "client|setname", arity: 3, summary: "Names the connection", run: setName },
  { ...CONNECTION, name: "client|setinfo", arity: 4, summary: "Tells of the client's library", run: setInfo },
];

export const CONNECTION_COMMANDS: readonly Command[] = [
  { ...CONNECTION, name: "ping", arity: -1, summary: "Asks for a sign of life", whileSubscribed: true, run: ping },
  {
    ...CONNECTION,
    name: "echo",
    arity: 2,
    summary: "Gives its argument back",
    run: ({ reader, writer }) => writer.bulk(reader.copy(1)),
  },
  { ...CONNECTION, name: "hello", arity: -1, summary: "Chooses the protocol", run: hello },
  { ...CONNECTION, name: "auth", arity: -2, summary: "Says who the client is", run: authenticate },
  { ...CONNECTION, name: "select", arity: 2, summary: "Chooses the database", run: select },
  {
    ...CONNECTION,
    name: "client",
    arity: -2,
    summary: "A container for commands about the connection",
    subcommands: CLIENT_COMMANDS,
    run: () => {},
  },
  {
    ...CONNECTION,
    name: "reset",
    arity: 1,
    summary: "Makes the connection a new one",
    whileSubscribed: true,
    run: reset,
  },
  { ...CONNECTION, name: "quit", arity: -1, summary: "Closes the connection", whileSubscribed: true, run: quit },
];
