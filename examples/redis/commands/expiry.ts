// Times to live: what a client gives, in seconds or in ms, becomes a moment of the server's clock.

import type { Client } from "../client.ts";
import { NO_INTEGER } from "./errors.ts";

const MS_MAX = 2n ** 63n - 1n;

/**
 * The moment that argument `index` names, in units of `unitMs` from now on. `null` when it names none: then `command` has been answered with an error. A time
 * to live below `min` is none either.
 */
export function momentOf(client: Client, index: number, unitMs: number, command: string, min: bigint): number | null {
  const { reader, writer, keyspace } = client;
  const value = reader.integer(index);
  if (value === null) {
    writer.error(NO_INTEGER);
    return null;
  }
  const now = keyspace.now();
  const ms = BigInt(value) * BigInt(unitMs);
  if (BigInt(value) < min || ms > MS_MAX - BigInt(Math.ceil(now)) || ms < -MS_MAX - 1n) {
    writer.error(`ERR invalid expire time in '${command}' command`);
    return null;
  }
  return now + Number(ms);
}
