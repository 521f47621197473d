// Runs the conformance cases against a server that is already there, and prints what fails:
//
//   bun run examples/http-echo.ts --port 8080 &
//   bun run test/conformance/run.ts 127.0.0.1:8080 [--group chunked] [--id ch-multi]
//
// Ends with exit code 0 when all passed, 1 when some did not, 2 when it was not understood.

import { parseArgs } from "node:util";
import { type ConformanceCase, readCases } from "./case.ts";
import { runOverSockets, type ServerAddress } from "./socket.ts";

const USAGE = "Usage: bun run test/conformance/run.ts HOST:PORT [--group GROUP] [--id ID]";

interface Asked {
  readonly address: ServerAddress;
  readonly rows: readonly ConformanceCase[];
}

process.exit(await main());

async function main(): Promise<number> {
  const asked = parse();
  if (asked === null) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const failures = await runOverSockets(asked.rows, asked.address);
  for (const { row, complaints } of failures) {
    process.stdout.write(`FAIL ${row.id} (${row.level}, ${row.ref}): ${row.why}\n`);
    for (const complaint of complaints) process.stdout.write(`  ${complaint}\n`);
  }
  process.stdout.write(`${asked.rows.length - failures.length} of ${asked.rows.length} cases passed\n`);
  return failures.length === 0 ? 0 : 1;
}

function parse(): Asked | null {
  const options = { group: { type: "string" }, id: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [, hostname, port] = /^\[?(.+?)\]?:(\d+)$/.exec(positionals[0] ?? "") ?? [];
  const rows = readCases().filter(({ group, id }) => group === (values.group ?? group) && id === (values.id ?? id));
  if (hostname === undefined || positionals.length !== 1 || rows.length === 0) return null;
  return { address: { hostname, port: Number(port) }, rows };
}
