// The table of commands, and the way from what a client has sent to the one that answers it. A command is found by a hash of its name's bytes, in any
// case: no text is made of it.

import type { Steps } from "millrace";
import type { Client } from "./client.ts";
import type { Command } from "./command.ts";
import { CONNECTION_COMMANDS } from "./commands/connection.ts";
import { wrongNumber } from "./commands/errors.ts";
import { KEY_COMMANDS } from "./commands/keys.ts";
import { PUBSUB_COMMANDS } from "./commands/pubsub.ts";
import { serverCommands } from "./commands/server.ts";
import { STRING_COMMANDS } from "./commands/strings.ts";
import { ProtocolFault } from "./protocol-fault.ts";
import { hashOf, type RespReader } from "./resp-reader.ts";

/** All commands. */
const COMMANDS: readonly Command[] = [
  ...CONNECTION_COMMANDS,
  ...KEY_COMMANDS,
  ...PUBSUB_COMMANDS,
  ...serverCommands(() => COMMANDS),
  ...STRING_COMMANDS,
];

const byHash: ReadonlyMap<number, Command> = tableOf(COMMANDS);
/** Bytes of what was sent that an error repeats. */
const REPEATED_MAX = 128;

function tableOf(commands: readonly Command[]): ReadonlyMap<number, Command> {
  const table = new Map(commands.map((command) => [hashOf(command.name), command]));
  if (table.size < commands.length) throw new Error("Cannot make the table of commands: two names have one hash");
  return table;
}

/** Answers the command that the client's reader stands at; what is left to be done are the steps. @throws ProtocolFault */
export function execute(client: Client): Steps<void> | void {
  const { reader, writer } = client;
  client.keyspace.commands++;
  let command = byHash.get(reader.hash(0));
  if (command === undefined || !reader.is(0, command.name)) {
    unknown(client);
    return;
  }
  if (command.subcommands !== undefined && reader.count > 1) {
    command = within(client, command);
    if (command === undefined) return;
  }
  const { arity, name } = command;
  if (arity > 0 ? reader.count !== arity : reader.count < -arity) wrongNumber(writer, name);
  else if (client.isRestricted && command.whileSubscribed !== true)
    writer.error(
      `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    );
  else return command.run(client);
}

/** The command of a container that is meant; none after an error was answered. */
function within({ reader, writer }: Client, { name, subcommands }: Command): Command | undefined {
  const found = subcommands?.find((subcommand) => reader.is(1, subcommand.name.slice(name.length + 1)));
  if (found === undefined)
    writer.error(`ERR unknown subcommand '${reader.text(1).slice(0, REPEATED_MAX)}'. Try ${name.toUpperCase()} HELP.`);
  return found;
}

function unknown({ reader, writer }: Client): void {
  // A browser that was talked into sending a form here: its body could hold commands.
  if (reader.is(0, "post") || reader.is(0, "host:")) throw new ProtocolFault("this is no HTTP server");
  writer.error(
    `ERR unknown command '${reader.text(0).slice(0, REPEATED_MAX)}', with args beginning with: ${repeated(reader)}`,
  );
}

function repeated(reader: RespReader): string {
  let text = "";
  for (let i = 1; i < reader.count && text.length < REPEATED_MAX; i++)
    text += `'${reader.text(i).slice(0, REPEATED_MAX - text.length)}' `;
  return text;
}
