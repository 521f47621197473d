// `bun run bench:redis`: the cache of examples/redis.ts against redis-server, under redis-benchmark. Rounds are in measure/redis.ts, the reading of the
// figures in measure/redis-report.ts. Prints Markdown; the raw rounds go to bench/results.

import { parseArgs } from "node:util";

import { countOf } from "./measure/flags.ts";
import { describeMachine } from "./measure/machine.ts";
import { compareRedis, type RedisComparison, type RedisExtent } from "./measure/redis.ts";
import { redisReportOf } from "./measure/redis-report.ts";
import { saveResults } from "./measure/results.ts";

const USAGE = `usage: bun run bench:redis [options]

  --quick           a smoke run of seconds, without a control: no figure of it counts
  --restarts n      fresh processes of both servers (default 3)
  --requests n      operations of a burst (default 300000)
  --connections n   (default 50)
  --pipelining n    commands that a connection sends at once (default 16)
  --no-control      without the A/A control`;

function settingsOf(args: string[]): (RedisExtent & { readonly control: boolean }) | null {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      quick: flag,
      help: flag,
      restarts: text,
      requests: text,
      connections: text,
      pipelining: text,
      control: { type: "boolean", default: true },
    },
  });
  if (values.help) return null;
  const { quick } = values;
  const requests = countOf(values.requests, quick ? 2_000 : 300_000, 100, 10_000_000);
  return {
    restarts: countOf(values.restarts, quick ? 1 : 3, 1, 100),
    requests,
    // The engine compiles what is hot in the first hundred thousand operations.
    warmRequests: quick ? requests : Math.max(requests, 200_000),
    connections: countOf(values.connections, 50, 1, 1_000),
    pipelining: countOf(values.pipelining, 16, 1, 1_000),
    control: values.control && !quick,
  };
}

function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

const settings = settingsOf(process.argv.slice(2));
if (settings === null) {
  console.log(USAGE);
  process.exit(0);
}
const machine = describeMachine();
const startedAt = new Date().toISOString();
const { control, ...extent } = settings;
const comparisons: RedisComparison[] = [await compareRedis("millrace", "redis-server", extent, progress)];
if (control) comparisons.push(await compareRedis("millrace", "millrace", extent, progress));
const results = { machine, startedAt, extent, comparisons };
await saveResults("redis", startedAt, results);
console.log(redisReportOf(results));
