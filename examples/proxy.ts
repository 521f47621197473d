// A TCP proxy: carries connections to a server behind it, byte for byte, whatever they speak. `--tls-cert` and `--tls-key` have it end TLS, for servers
// that speak in plain text. A connection is a task; to its client it is the server for as long as it lasts, half-closed ways included.
//
// It shows: two directions that end apart, backpressure from one connection to the other, deadlines that cost no timer a byte, a limit of connections,
// and an end that cuts off nobody who still has something to say. It counts on nothing that is said: a client of TLS that goes away without TLS's own
// farewell looks like one that has ended. SIGHUP reads key and certificate again.
//
//   bun run examples/proxy.ts --port 6380 --to 127.0.0.1:6379 [--tls-cert cert.pem --tls-key key.pem] [--connections-max 1000]
//     [--connect-ms 5000] [--idle-ms 600000] [--half-closed-ms 60000] [--stall-ms 60000] [--total-ms 0] [--drain-ms 10000] [--log]
//
// 0 ms is no deadline. Sessions that a deadline or the server has ended are told of on stderr, all of them on stdout with `--log`.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  type Conn,
  type ConnHandler,
  type ConnectOptions,
  type Listener,
  listen,
  main,
  osSignals,
  scope,
  serve,
  type Steps,
  type TlsIdentity,
} from "millrace";
import { Session, SESSION_LIMITS, type SessionLimits, type SessionReport } from "./proxy/session.ts";

/** Who carries connections, and what is done when that ends. */
export interface Proxy {
  readonly handler: ConnHandler;
  /** Sessions under way. */
  readonly sessions: number;
  /** Closes sessions as soon as they are silent. */
  drain(): void;
}

/** Makes a proxy to the server at `to`; `onEnd` is told of each session when it is over. */
export function proxy(
  to: ConnectOptions,
  limits: Partial<SessionLimits> = {},
  onEnd: (report: SessionReport) => void = () => {},
): Proxy {
  const sessions = new Set<Session>();
  const all = { ...SESSION_LIMITS, ...limits };
  return {
    *handler(conn: Conn) {
      const session = new Session(conn, to, all);
      sessions.add(session);
      try {
        yield* session.run();
      } finally {
        sessions.delete(session);
        onEnd(session.report());
      }
    },
    get sessions() {
      return sessions.size;
    },
    drain() {
      for (const session of sessions) session.drain();
    },
  };
}

/** The address in `HOST:PORT`, `[IPV6]:PORT`, `PORT` or `unix:PATH`. @throws RangeError */
export function addressOf(text: string): ConnectOptions {
  if (/^unix:./.test(text)) return { unix: text.slice("unix:".length) };
  const [, inBrackets, name, digits] = /^(?:(?:\[([\da-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (!(port > 0 && port <= 65_535))
    throw new RangeError(`Cannot carry connections to ${JSON.stringify(text)}: expected HOST:PORT or unix:PATH`);
  const hostname = inBrackets ?? name;
  return hostname === undefined ? { port } : { hostname, port };
}

/** The number that a flag gives; no bound when it is 0. @throws RangeError */
function boundOf(flag: string): number {
  if (flag === "0") return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,9}$/.test(flag)) return Number(flag);
  throw new RangeError(`Cannot use ${JSON.stringify(flag)} as a bound: it is no whole number`);
}

/** @throws RangeError when one of the two is missing, and what reading throws */
function identityOf(cert: string | undefined, key: string | undefined): TlsIdentity | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new RangeError("Cannot end TLS: it takes both, --tls-cert and --tls-key");
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** Shows the certificate that is in the files now, whenever SIGHUP says that it is another one. */
function* reload(listener: Listener, read: () => TlsIdentity): Steps<void> {
  using hangups = osSignals("SIGHUP");
  while ((yield* hangups.next()) !== null) {
    try {
      listener.reloadTls(read());
      console.log("reloaded: another certificate from now on");
    } catch (error) {
      console.error(String(error)); // the old one stays
    }
  }
}

function tell(report: SessionReport, to: string, isLogging: boolean): void {
  const { from, bytesUp, bytesDown, ms, ending, isFault } = report;
  if (isFault) console.error(`${from} -> ${to}: ${ending}`);
  if (isLogging) console.log(`${from} -> ${to}: ${bytesUp} bytes up, ${bytesDown} down in ${ms} ms: ${ending}`);
}

if (import.meta.main) {
  const flag = (value: number): { type: "string"; default: string } => ({
    type: "string",
    default: value === Number.POSITIVE_INFINITY ? "0" : String(value),
  });
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "6380" },
      to: { type: "string", default: "127.0.0.1:6379" },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      "connections-max": flag(1_000),
      "connect-ms": flag(SESSION_LIMITS.connectMs),
      "idle-ms": flag(SESSION_LIMITS.idleMs),
      "half-closed-ms": flag(SESSION_LIMITS.halfClosedMs),
      "stall-ms": flag(SESSION_LIMITS.stallMs),
      "total-ms": flag(SESSION_LIMITS.totalMs),
      "drain-ms": flag(10_000),
      log: { type: "boolean", default: false },
    },
  });
  const limits = {
    connectMs: boundOf(values["connect-ms"]),
    idleMs: boundOf(values["idle-ms"]),
    halfClosedMs: boundOf(values["half-closed-ms"]),
    stallMs: boundOf(values["stall-ms"]),
    totalMs: boundOf(values["total-ms"]),
  };
  const read = (): TlsIdentity | undefined => identityOf(values["tls-cert"], values["tls-key"]);
  const tls = read();
  const { handler, drain } = proxy(addressOf(values.to), limits, (report) => tell(report, values.to, values.log));

  main(function* () {
    const listener = yield* listen({
      hostname: "127.0.0.1",
      port: Number(values.port),
      connectionsMax: boundOf(values["connections-max"]),
      ...(tls === undefined ? {} : { tls }),
    });
    yield* scope(function* (tasks) {
      if (tls !== undefined) tasks.spawn(() => reload(listener, read as () => TlsIdentity), "reloads the certificate");
      console.log(`ready: ${listener.secure ? "tls" : "tcp"}://${listener.address}`);
      yield* serve(listener, handler, { onDrain: drain, graceMs: boundOf(values["drain-ms"]) });
    });
  });
}
