// Calling the hooks of users. They are called from the middle of something: what one throws must end neither a server nor a cancel half-way.

import type { Host } from "../core/host.ts";

/** Gives `hook` as a function that never throws: what the hook throws is reported. `name` is the option that it came in. */
export function guarded<Given extends unknown[]>(
  host: Host,
  name: string,
  hook: (...given: Given) => void,
): (...given: Given) => void {
  return (...given) => {
    try {
      hook(...given);
    } catch (error) {
      host.report(`${name} of a server threw: ${stackOf(error)}`);
    }
  };
}

/** What was thrown, as a report shows it. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
