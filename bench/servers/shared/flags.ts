// What every arm has in common with the others outside of serving: its flags, its ready line, and two services to whoever measures it: it
// ends with its parent, and collects garbage when told to.

import { parseArgs } from "node:util";

/** The flags of an arm. */
export interface ServerFlags {
  /** Port of HTTP; 0 = any free one. */
  readonly port: number;
  /** Port of the TCP echo; 0 = any free one. */
  readonly echoPort: number;
  /** Bun.serve only: a static route instead of a handler. */
  readonly isStatic: boolean;
  /** For the arms that slow clients meet: ms for a head. */
  readonly headMs: number | undefined;
  /** For the same: ms that a client may take none of its answer. */
  readonly writeStallMs: number | undefined;
}

/** Connections that an arm accepts: above what any job opens. */
export const CONNECTIONS_MAX = 30_000;

/** Reads the flags of this process and arranges its services. @throws TypeError for a flag that is none. */
export function serverFlags(): ServerFlags {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      "echo-port": { type: "string", default: "0" },
      static: { type: "boolean", default: false },
      "head-ms": { type: "string" },
      "write-stall-ms": { type: "string" },
      "with-parent": { type: "boolean", default: false },
    },
  });
  if (values["with-parent"]) endWithParent();
  process.on("SIGUSR2", collectGarbage);
  return {
    port: Number(values.port),
    echoPort: Number(values["echo-port"]),
    isStatic: values.static,
    headMs: msOf(values["head-ms"]),
    writeStallMs: msOf(values["write-stall-ms"]),
  };
}

function msOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Prints the ready line: whoever started this process waits for it. `echoPort`: 0 for an arm without an echo. */
export function announce(httpPort: number, echoPort = 0): void {
  console.log(`ready: http 127.0.0.1:${httpPort} echo 127.0.0.1:${echoPort}`);
}

/** The ports of a ready line; `null` for another line. */
export function portsOf(line: string): { http: number; echo: number } | null {
  const match = /^ready: http [\d.]+:(\d+) echo [\d.]+:(\d+)$/.exec(line);
  return match === null ? null : { http: Number(match[1]), echo: Number(match[2]) };
}

/** The end of stdin is the end of the parent: no server outlives a bench that was killed. */
function endWithParent(): void {
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}

function collectGarbage(): void {
  Bun.gc(true);
}
