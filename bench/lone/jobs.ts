// All jobs of the layer without a kernel, by name, in the order of the report. A job is loaded by whoever runs it: one that a source tree
// cannot run then does not keep the others from running.

import type { LoneJob } from "./shared/job.ts";

const LOADERS: ReadonlyMap<string, () => Promise<LoneJob>> = new Map(
  Object.entries({
    echo: async () => (await import("./jobs/streams.ts")).echo,
    line16: async () => (await import("./jobs/streams.ts")).line16,
    http: async () => (await import("./jobs/http.ts")).http,
    http16: async () => (await import("./jobs/http.ts")).http16,
    browser: async () => (await import("./jobs/http.ts")).browser,
    json: async () => (await import("./jobs/http.ts")).jsonReply,
    post1k: async () => (await import("./jobs/http.ts")).post1k,
    spawn: async () => (await import("./jobs/tasks.ts")).spawn,
    timeout: async () => (await import("./jobs/tasks.ts")).deadline,
  }),
);

/** The names of all jobs. */
export const LONE_JOBS: readonly string[] = [...LOADERS.keys()];

/** Loads a job. @throws RangeError for a name that is none. */
export async function loadJob(name: string): Promise<LoneJob> {
  const load = LOADERS.get(name);
  if (load === undefined) throw new RangeError(`Cannot run the job ${JSON.stringify(name)}: it is none of ours`);
  return load();
}
