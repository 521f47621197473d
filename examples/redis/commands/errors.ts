// Errors that more than one command answers with, in Redis's words: clients look for them.

import type { RespWriter } from "../resp-writer.ts";

export const NO_INTEGER = "ERR value is not an integer or out of range";
export const SYNTAX = "ERR syntax error";

export function wrongNumber(writer: RespWriter, name: string): void {
  writer.error(`ERR wrong number of arguments for '${name}' command`);
}
