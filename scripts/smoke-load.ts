// Loads a running server for a few seconds and fails on the first wrong answer: `bun run scripts/smoke-load.ts URL`.
// This is no benchmark. It holds every response against the first one, so a body that two connections mixed up, a status
// other than 2xx, a reset or a timeout fails the run.

import autocannon from "autocannon";

const CONNECTIONS = 64;
const SECONDS = 3;

const url = process.argv[2];
if (url === undefined) {
  console.error("Usage: bun run scripts/smoke-load.ts URL");
  process.exit(2);
}

const first = await fetch(url);
const expectBody = await first.text();
if (!first.ok || expectBody === "") {
  console.error(`Cannot load ${url}: the first answer was ${first.status} with ${expectBody.length} characters`);
  process.exit(1);
}

let failed = false;
for (const pipelining of [1, 16]) {
  const result = await autocannon({ url, connections: CONNECTIONS, duration: SECONDS, pipelining, expectBody });
  const { errors, timeouts, mismatches, non2xx } = result;
  const counts = { answered: result["2xx"], errors, timeouts, mismatches, non2xx };
  console.log(`${CONNECTIONS} connections, pipelining ${pipelining}:`, JSON.stringify(counts));
  failed ||= counts.answered === 0 || errors + timeouts + mismatches + non2xx > 0;
}
process.exit(failed ? 1 : 0);
