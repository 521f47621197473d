// Calling the hooks of users. They are called from the middle of something: what one throws must end neither a server nor a cancel half-way.

import type { Host } from "../core/host.ts";

/**
 * Gives `hook` as a function that never throws: what the hook throws, or what a promise of it fails with, is reported. `name` is the option
 * that it came in.
 */
export function guarded<Given extends unknown[]>(
  host: Host,
  name: string,
  hook: (...given: Given) => void,
): (...given: Given) => void {
  const report = (error: unknown): void => host.report(`${name} of a server threw: ${stackOf(error)}`);
  return (...given) => {
    try {
      // An async function is a hook as well.
      const result: unknown = hook(...given);
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  };
}

/** What was thrown, as a report shows it. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
