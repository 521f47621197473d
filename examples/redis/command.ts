// What a command is: its name, how many arguments it takes, and what it does. The rest is what `COMMAND` tells clients about it, in Redis's words.

import type { Steps } from "millrace";
import type { Client } from "./client.ts";

/** A command, or one of a container's, which is named `client|id`. */
export interface Command {
  /** In lower case. */
  readonly name: string;
  /** Arguments, the name included; below zero: at least so many. */
  readonly arity: number;
  readonly summary: string;
  readonly group: "connection" | "generic" | "pubsub" | "server" | "string";
  readonly flags: readonly ("fast" | "pubsub" | "readonly" | "write")[];
  /** Which arguments are keys: the first one, the last one (counted from the end when below zero), and how far they are apart. */
  readonly keys?: readonly [first: number, last: number, step: number];
  /** A client of RESP2 that has subscribed may still call it. */
  readonly whileSubscribed?: boolean;
  /** Where it is a container: its commands, by the second argument. */
  readonly subcommands?: readonly Command[];
  /** Answers the command that the client's reader stands at. Most are done at once; one with a long answer gives the steps of writing it. */
  readonly run: (client: Client) => Steps<void> | void;
}
