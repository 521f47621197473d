// `bun run bench:redis`: the cache of examples/redis.ts against redis-server, under redis-benchmark. Rounds are in measure/redis.ts, the reading of the
// figures in measure/redis-report.ts. Prints Markdown; the raw rounds go to bench/results.

import { runBench } from "./measure/command.ts";
import { countOf } from "./measure/flags.ts";
import { compareRedis, type RedisComparison, type RedisExtent } from "./measure/redis.ts";
import { redisReportOf } from "./measure/redis-report.ts";

const USAGE = `usage: bun run bench:redis [options]

  --quick           a smoke run of seconds, without a control: no figure of it counts
  --restarts n      fresh processes of both servers (default 3)
  --requests n      operations of a burst (default 300000)
  --connections n   (default 50)
  --pipelining n    commands that a connection sends at once (default 16)
  --no-control      without the A/A control`;

await runBench({
  script: "bench:redis",
  usage: USAGE,
  flags: { names: ["restarts", "requests", "connections", "pipelining"], switches: ["control"] },
  settingsOf: ({ quick, values, switches }): { extent: RedisExtent; control: boolean } => {
    const requests = countOf(values.requests, quick ? 2_000 : 300_000, 100, 10_000_000);
    const extent = {
      restarts: countOf(values.restarts, quick ? 1 : 3, 1, 100),
      requests,
      // The engine compiles what is hot in the first hundred thousand operations.
      warmRequests: quick ? requests : Math.max(requests, 200_000),
      connections: countOf(values.connections, 50, 1, 1_000),
      pipelining: countOf(values.pipelining, 16, 1, 1_000),
    };
    return { extent, control: switches.control && !quick };
  },
  optionsOf: ({ control }) => ({ control }),
  measure: async ({ extent, control }, progress) => {
    const comparisons: RedisComparison[] = [await compareRedis("millrace", "redis-server", extent, progress)];
    if (control) comparisons.push(await compareRedis("millrace", "millrace", extent, progress));
    return { extent, comparisons };
  },
  reportOf: redisReportOf,
});
