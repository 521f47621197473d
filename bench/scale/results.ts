// What `bun run bench:scale` leaves: the raw rounds of each part, as JSON. A part that was not asked for is an empty list. The rows that a report
// shows are made of them by rows.ts.

import type { Session } from "../measure/session.ts";
import type { ConnectionsResult } from "./connections.ts";
import type { CrowdResult } from "./crowd.ts";
import type { IdleResult } from "./idle.ts";
import type { StartRound } from "./start.ts";

/** Everything that one call has measured. */
export interface ScaleResults extends Session {
  readonly connections: readonly ConnectionsResult[];
  readonly tasks: readonly CrowdResult[];
  readonly timers: readonly CrowdResult[];
  readonly idle: readonly IdleResult[];
  readonly start: readonly StartRound[];
}

/** The parts, in the order in which they are measured. */
export const PARTS = ["connections", "tasks", "timers", "idle", "start"] as const;

/** One of them. */
export type Part = (typeof PARTS)[number];

/** The parts called `names`, or all. @throws RangeError for a name that is none. */
export function partsNamed(names: readonly string[]): readonly Part[] {
  const unknown = names.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined)
    throw new RangeError(`Cannot measure the part ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? PARTS : PARTS.filter((part) => names.includes(part));
}
