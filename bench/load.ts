// `bun run load`: load from autocannon, the generator that everybody has, against a server that is already running. Every body must be that of
// the first answer. It says whether a server holds up and answers rightly; ratios and percentiles come from bench/run.ts and
// bench/load-arms.ts, because autocannon itself is busy near 50,000 requests a second. Exit code 1 on any wrong answer, 2 when there is
// nothing to load.

import { parseArgs } from "node:util";

import { fire } from "./load/autocannon.ts";
import { countOf } from "./measure/flags.ts";

const USAGE = `usage: bun run load [options]

  --url URL         what to ask for (default http://127.0.0.1:3000/)
  --connections n   open at once (default 64)
  --seconds n       how long (default 10)
  --pipelining n    requests sent ahead on each connection (default 1)`;

async function start(): Promise<number> {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "http://127.0.0.1:3000/" },
      connections: { type: "string" },
      seconds: { type: "string" },
      pipelining: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const outcome = await fire({
    url: values.url,
    method: "GET",
    headers: {},
    body: "",
    connections: countOf(values.connections, 64, 1, 10_000),
    ms: countOf(values.seconds, 10, 1, 3_600) * 1000,
    pipelining: countOf(values.pipelining, 1, 1, 1_000),
  });
  const { errors, mismatches, non2xx, duration } = outcome;
  const answered = outcome["2xx"];
  console.log(`${Math.round(answered / duration).toLocaleString("en-US")} requests/s`);
  for (const [name, count] of Object.entries({ answered, errors, mismatches, non2xx }))
    console.log(`${name}: ${count}`);
  return answered > 0 && errors + mismatches + non2xx === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = await start().catch((error: unknown) => {
    console.error((error as Error).message);
    return 2;
  });
}
