// `bun run load`: load from autocannon, the generator that everybody has, against a server that is already running. Every body must be that of
// the first answer. It says whether a server holds up and answers rightly; ratios and percentiles come from bench/run.ts, because autocannon
// itself is busy near 50,000 requests a second. Exit code 1 on any wrong answer, 2 when there is nothing to load.

import { parseArgs } from "node:util";

import autocannon from "autocannon";

const USAGE = `usage: bun run load [options]

  --url URL         what to ask for (default http://127.0.0.1:3000/)
  --connections n   open at once (default 64)
  --seconds n       how long (default 10)
  --pipelining n    requests sent ahead on each connection (default 1)`;

/** What is to be loaded, and how. */
export interface LoadSettings {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly pipelining: number;
}

/** What came of it. */
export interface LoadOutcome {
  readonly requestsPerSecond: number;
  readonly answered: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly mismatches: number;
  readonly non2xx: number;
}

/** Loads a server; the first answer is the one that all others must equal. @throws when it cannot be had or is no success. */
export async function load({ url, connections, seconds, pipelining }: LoadSettings): Promise<LoadOutcome> {
  const first = await fetch(url);
  const expectBody = await first.text();
  if (!first.ok || expectBody === "") {
    throw new Error(`Cannot load ${url}: the first answer was ${first.status} with ${expectBody.length} characters`);
  }
  const result = await autocannon({ url, connections, duration: seconds, pipelining, expectBody });
  const { errors, timeouts, mismatches, non2xx } = result;
  const answered = result["2xx"];
  return { requestsPerSecond: answered / result.duration, answered, errors, timeouts, mismatches, non2xx };
}

/** Whether every answer was right, and there were any. */
export function isRight({ answered, errors, timeouts, mismatches, non2xx }: LoadOutcome): boolean {
  return answered > 0 && errors + timeouts + mismatches + non2xx === 0;
}

function countOf(value: string, flag: string, max: number): number {
  const count = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (!(count >= 1 && count <= max)) {
    throw new RangeError(`Cannot use --${flag}: expected a whole number from 1 to ${max} and found ${value}`);
  }
  return count;
}

async function start(): Promise<number> {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "http://127.0.0.1:3000/" },
      connections: { type: "string", default: "64" },
      seconds: { type: "string", default: "10" },
      pipelining: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const outcome = await load({
    url: values.url,
    connections: countOf(values.connections, "connections", 10_000),
    seconds: countOf(values.seconds, "seconds", 3_600),
    pipelining: countOf(values.pipelining, "pipelining", 1_000),
  });
  const { requestsPerSecond, ...counts } = outcome;
  console.log(`${Math.round(requestsPerSecond).toLocaleString("en-US")} requests/s`);
  for (const [name, count] of Object.entries(counts)) console.log(`${name}: ${count}`);
  return isRight(outcome) ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = await start().catch((error: unknown) => {
    console.error((error as Error).message);
    return 2;
  });
}
