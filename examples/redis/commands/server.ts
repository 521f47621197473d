// What clients ask about the server: its state, its settings, its commands.

import type { Client } from "../client.ts";
import type { Command } from "../command.ts";
import type { Keyspace } from "../keyspace.ts";
import { RESP_LIMITS } from "../resp-reader.ts";
import type { RespWriter } from "../resp-writer.ts";
import { VERSION } from "./connection.ts";

// --- INFO --------------------------------------------------------------------------------------------------------------------

/** The sections of INFO, each with its lines. */
function sectionsOf(keyspace: Keyspace): Record<string, readonly (readonly [name: string, value: unknown])[]> {
  const sum = (of: (store: Keyspace["stores"][number]) => number): number =>
    keyspace.stores.reduce((total, store) => total + of(store), 0);
  return {
    Server: [
      ["redis_version", VERSION],
      ["redis_mode", "standalone"],
      ["process_id", process.pid],
      ["uptime_in_seconds", keyspace.uptimeSeconds],
    ],
    Clients: [["connected_clients", keyspace.connected]],
    Memory: [["used_memory_rss", process.memoryUsage.rss()]],
    Stats: [
      ["total_connections_received", keyspace.clients],
      ["total_commands_processed", keyspace.commands],
      ["expired_keys", sum((store) => store.expired)],
      ["evicted_keys", sum((store) => store.evicted)],
      ["pubsub_channels", keyspace.channels.size],
      ["slow_subscribers_dropped", keyspace.dropped],
    ],
    Replication: [["role", "master"]],
    Keyspace: keyspace.stores.flatMap(({ size, mortals }, index) =>
      size === 0 ? [] : [[`db${index}`, `keys=${size},expires=${mortals}`] as const],
    ),
  };
}

function info({ reader, writer, keyspace }: Client): void {
  const asked = Array.from({ length: reader.count - 1 }, (_, i) => reader.text(i + 1).toLowerCase());
  const isAll = asked.length === 0 || asked.some((name) => ["all", "default", "everything"].includes(name));
  const parts: string[] = [];
  for (const [section, lines] of Object.entries(sectionsOf(keyspace))) {
    if (!isAll && !asked.includes(section.toLowerCase())) continue;
    parts.push(`# ${section}\r\n${lines.map(([name, value]) => `${name}:${String(value)}\r\n`).join("")}`);
  }
  writer.verbatim(parts.join("\r\n"));
}

// --- CONFIG ------------------------------------------------------------------------------------------------------------------

/** The settings under the names that Redis has for them. Nothing is ever written to a disk. */
function settingsOf(keyspace: Keyspace): ReadonlyMap<string, string> {
  const { idleMs } = keyspace;
  return new Map([
    ["appendonly", "no"],
    ["databases", String(keyspace.stores.length)],
    ["proto-max-bulk-len", String(RESP_LIMITS.bulkBytesMax)],
    ["save", ""],
    ["timeout", idleMs === Number.POSITIVE_INFINITY ? "0" : String(Math.ceil(idleMs / 1_000))],
  ]);
}

function configGet({ reader, writer, keyspace }: Client): void {
  const patterns = Array.from({ length: reader.count - 2 }, (_, i) => patternOf(reader.text(i + 2)));
  const found = [...settingsOf(keyspace)].filter(([name]) => patterns.some((pattern) => pattern.test(name)));
  writer.map(found.length);
  for (const [name, value] of found) {
    writer.bulkText(name);
    writer.bulkText(value);
  }
}

/** `*` stands for any text; all else for itself, in any case. */
function patternOf(glob: string): RegExp {
  // Stars that follow each other are one: a pattern of many would take for ever to fail.
  const parts = glob
    .slice(0, 100)
    .split(/\*+/)
    .map((part) => part.replaceAll(/\W/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*?")}$`, "is");
}

// --- COMMAND -----------------------------------------------------------------------------------------------------------------

function describe(writer: RespWriter, command: Command): void {
  const { name, arity, flags, keys = [0, 0, 0], group, subcommands = [] } = command;
  writer.array(10);
  writer.bulkText(name);
  writer.integer(arity);
  writer.array(flags.length);
  for (const flag of flags) writer.simple(flag);
  for (const place of keys) writer.integer(place);
  writer.array(1);
  writer.simple(`@${group}`);
  // Tips and key specifications: there are none.
  writer.array(0);
  writer.array(0);
  writer.array(subcommands.length);
  for (const subcommand of subcommands) describe(writer, subcommand);
}

function document(writer: RespWriter, command: Command): void {
  const { name, arity, group, summary, subcommands = [] } = command;
  writer.bulkText(name);
  writer.map(subcommands.length > 0 ? 4 : 3);
  for (const [field, value] of [
    ["summary", summary],
    ["group", group],
  ] as const) {
    writer.bulkText(field);
    writer.bulkText(value);
  }
  writer.bulkText("arity");
  writer.integer(arity);
  if (subcommands.length === 0) return;
  writer.bulkText("subcommands");
  writer.map(subcommands.length);
  for (const subcommand of subcommands) document(writer, subcommand);
}

/** Those that are named from the third argument on, or all. */
function asked({ reader }: Client, all: readonly Command[]): (Command | undefined)[] {
  if (reader.count === 2) return [...all];
  const names = Array.from({ length: reader.count - 2 }, (_, i) => reader.text(i + 2).toLowerCase());
  return names.map((name) => all.find((command) => command.name === name));
}

/** The commands about the server; `all` gives every command that there is, these included. */
export function serverCommands(all: () => readonly Command[]): readonly Command[] {
  const about = { group: "server", flags: [] } as const;
  const describeAll = (client: Client, commands: readonly (Command | undefined)[]): void => {
    client.writer.array(commands.length);
    for (const command of commands) {
      if (command === undefined) client.writer.null();
      else describe(client.writer, command);
    }
  };
  const documentAll = (client: Client): void => {
    const known = asked(client, all()).filter((command) => command !== undefined);
    client.writer.map(known.length);
    for (const command of known) document(client.writer, command);
  };
  const subcommands: readonly Command[] = [
    {
      ...about,
      name: "command|count",
      arity: 2,
      summary: "Counts the commands",
      run: ({ writer }) => writer.integer(all().length),
    },
    { ...about, name: "command|docs", arity: -2, summary: "Says what commands do", run: documentAll },
    {
      ...about,
      name: "command|info",
      arity: -2,
      summary: "Describes commands to programs",
      run: (client) => describeAll(client, asked(client, all())),
    },
  ];
  return [
    { ...about, name: "info", arity: -1, summary: "Describes the server", run: info },
    {
      ...about,
      name: "config",
      arity: -2,
      summary: "A container for commands about settings",
      subcommands: [{ ...about, name: "config|get", arity: -3, summary: "Gives settings", run: configGet }],
      run: () => {},
    },
    {
      ...about,
      name: "command",
      arity: -1,
      summary: "Describes all commands to programs",
      subcommands,
      run: (client) => describeAll(client, all()),
    },
  ];
}
