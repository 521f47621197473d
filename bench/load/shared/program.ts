// The outside of a generator program: one burst from flags, or, with --commands, a burst for each line of JSON on stdin and its result as a
// line of JSON on stdout. The end of stdin ends it.

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import type { Burst, BurstResult } from "./burst.ts";
import { getRequest } from "./request.ts";

/** The answer to a command. */
export type Answer<Result> = { readonly result: Result } | { readonly error: string };

/** Does what each line of stdin says, one after the other, until stdin ends. */
export async function runCommands<Command, Result>(run: (command: Command) => Promise<Result>): Promise<never> {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(run, JSON.parse(line) as Command)));
  }
  process.exit(0);
}

/** Runs a generator as a program. */
export async function runProgram(run: (burst: Burst) => Promise<BurstResult>): Promise<never> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "7000" },
      pid: { type: "string", default: "0" },
      connections: { type: "string", default: "64" },
      ms: { type: "string", default: "2000" },
      path: { type: "string", default: "/" },
      pipelining: { type: "string", default: "1" },
      rate: { type: "string", default: "0" },
      commands: { type: "boolean", default: false },
    },
  });
  if (values.commands) return runCommands(run);
  const outcome = await answer(run, {
    port: Number(values.port),
    serverPid: Number(values.pid),
    connections: Number(values.connections),
    ms: Number(values.ms),
    request: getRequest(values.path),
    pipelining: Number(values.pipelining),
    rate: Number(values.rate),
  });
  console.log(JSON.stringify(outcome));
  process.exit("result" in outcome && outcome.result.wrong === 0 ? 0 : 1);
}

async function answer<Command, Result>(
  run: (command: Command) => Promise<Result>,
  command: Command,
): Promise<Answer<Result>> {
  try {
    return { result: await run(command) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
