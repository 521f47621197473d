// What every arm has in common with the others outside of serving: its flags, its ready line, and two services to whoever measures it: it
// ends with its parent, and collects garbage when told to.

import { parseArgs } from "node:util";

/** The flags of an arm. */
export interface ServerFlags {
  /** Port of HTTP; 0 = any free one. */
  readonly port: number;
  /** Port of the TCP echo; 0 = any free one. */
  readonly echoPort: number;
  /** Port of the line protocol; 0 = any free one. */
  readonly linePort: number;
  /** Port of the Redis server that `GET /redis` asks; `undefined` for none. */
  readonly redisPort: number | undefined;
  /** Bun.serve only: a static route instead of a handler. */
  readonly isStatic: boolean;
  /** The greeting comes from a handler that could wait, a generator or an async function, instead of a plain function. */
  readonly isTask: boolean;
  /** TLS only: with certificates by name. */
  readonly isNamed: boolean;
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
      "line-port": { type: "string", default: "0" },
      "redis-port": { type: "string" },
      static: { type: "boolean", default: false },
      task: { type: "boolean", default: false },
      named: { type: "boolean", default: false },
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
    linePort: Number(values["line-port"]),
    redisPort: numberOf(values["redis-port"]),
    isStatic: values.static,
    isTask: values.task,
    isNamed: values.named,
    headMs: numberOf(values["head-ms"]),
    writeStallMs: numberOf(values["write-stall-ms"]),
  };
}

function numberOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Bun counts idle time in ticks of 4 s: with one tick it closes connections in the middle of their work. */
const IDLE_SECONDS_MIN = 8;

/** What Bun.serve is told of how long it waits for a head, or for the next request; nothing where it is left to it, which is 10 s. */
export function idleTimeoutOf(headMs: number | undefined): { readonly idleTimeout?: number } {
  return headMs === undefined ? {} : { idleTimeout: Math.max(IDLE_SECONDS_MIN, Math.ceil(headMs / 1000)) };
}

/** Where an arm listens; 0 for a service that it does not have. */
export interface Ports {
  readonly http: number;
  readonly echo: number;
  readonly line: number;
}

/** Prints the ready line: whoever started this process waits for it. */
export function announce({ http = 0, echo = 0, line = 0 }: Partial<Ports>): void {
  console.log(`ready: http 127.0.0.1:${http} echo 127.0.0.1:${echo} line 127.0.0.1:${line}`);
}

/** The ports of a ready line; `null` for another line. */
export function portsOf(text: string): Ports | null {
  const match = /^ready: http [\d.]+:(\d+) echo [\d.]+:(\d+) line [\d.]+:(\d+)$/.exec(text);
  return match === null ? null : { http: Number(match[1]), echo: Number(match[2]), line: Number(match[3]) };
}

/** The end of stdin is the end of the parent: no server outlives a bench that was killed. */
function endWithParent(): void {
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}

function collectGarbage(): void {
  Bun.gc(true);
}
