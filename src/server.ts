// `bun run src/server.ts`: the demonstration server, HTTP and TCP echo. Parses flags and wires; everything it does is in the library.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Conn, listen, ListenError, main, scope, serve, sleep, type Steps } from "./index.ts";
import { type HttpRequest, json, type Reply, router, serveHttp, stream, text } from "./http/index.ts";

const USAGE = `usage: bun run src/server.ts [options]

  --host HOST        address to listen at (default 127.0.0.1, or HOST of the environment)
  --port PORT        port of the HTTP server (default 3000, or PORT of the environment); 0 = any free port
  --echo-port PORT   port of the TCP echo server (default 7000); 0 = any free port
  --tls-cert FILE    certificate in PEM form, its chain behind it: the HTTP server is an HTTPS server; needs --tls-key
  --tls-key FILE     private key of the certificate, in PEM form
  --grace-ms MS      ms that what is under way gets to end after SIGINT or SIGTERM (default 10000)
  --help             this text

HTTP: GET / | GET /json | POST /echo | GET /bytes/:n | GET /sleep/:ms | GET /healthz`;

/** Ms from the end of the grace to a forced exit: as long as a connection may linger, and more. */
const EXIT_MS = 10_000;

/** Largest body of GET /bytes/:n, 16 GiB, and longest GET /sleep/:ms, a day: a typo must not look like a hang. */
const BYTES_MAX = 16 * 1024 ** 3;
const SLEEP_MS_MAX = 86_400_000;

interface Settings {
  readonly host: string;
  readonly port: number;
  readonly echoPort: number;
  readonly graceMs: number;
  readonly tls: { readonly key: string; readonly cert: string } | null;
}

/** A usage error: one line on stderr, exit code 2. */
class UsageError extends Error {}

function settingsOf(args: string[], env: Record<string, string | undefined>): Settings | "help" {
  const { values } = parseFlags(args);
  if (values.help === true) return "help";
  return {
    host: values.host ?? env["HOST"] ?? "127.0.0.1",
    port: portOf(values.port ?? env["PORT"] ?? "3000", values.port === undefined ? "PORT" : "--port"),
    echoPort: portOf(values["echo-port"] ?? "7000", "--echo-port"),
    graceMs: graceOf(values["grace-ms"] ?? "10000"),
    tls: tlsOf(values["tls-cert"], values["tls-key"]),
  };
}

type Flag = "host" | "port" | "echo-port" | "tls-cert" | "tls-key" | "grace-ms";

function parseFlags(args: string[]): { values: { [Name in Flag]?: string } & { help?: boolean } } {
  const options = {
    host: { type: "string" },
    port: { type: "string" },
    "echo-port": { type: "string" },
    "tls-cert": { type: "string" },
    "tls-key": { type: "string" },
    "grace-ms": { type: "string" },
    help: { type: "boolean" },
  } as const;
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false });
  } catch (error) {
    throw new UsageError((error as Error).message.split("\n")[0]);
  }
}

function portOf(value: string, flag: string): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (!(port <= 65_535))
    throw new UsageError(`Cannot use ${flag}: expected a port from 0 to 65535 and found ${JSON.stringify(value)}`);
  return port;
}

function graceOf(value: string): number {
  if (/^\d{1,7}$/.test(value)) return Number(value);
  throw new UsageError(`Cannot use --grace-ms: expected milliseconds up to 9999999 and found ${JSON.stringify(value)}`);
}

function tlsOf(cert: string | undefined, key: string | undefined): Settings["tls"] {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined) throw new UsageError("Cannot use --tls-key: it needs --tls-cert");
  if (key === undefined) throw new UsageError("Cannot use --tls-cert: it needs --tls-key");
  return { cert: textOf(cert, "--tls-cert"), key: textOf(key, "--tls-key") };
}

function textOf(path: string, flag: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unknown" } = error as { code?: string };
    throw new UsageError(`Cannot use ${flag}: cannot read ${JSON.stringify(path)} (${code})`);
  }
}

const handler = router([
  ["GET", "/", () => text("Hello, World!")],
  ["GET", "/json", () => json({ message: "Hello, World!" })],
  ["GET", "/healthz", () => text("ok\n")],
  ["POST", "/echo", echoBody, { bodyBytesMax: Number.POSITIVE_INFINITY }],
  ["GET", "/bytes/:n", sendBytes],
  ["GET", "/sleep/:ms", answerLater],
]);

/** Sends the body back as it comes, at the pace of whoever is slower. */
function echoBody(request: HttpRequest): Reply {
  const type = request.headers.get("content-type") ?? "application/octet-stream";
  return stream(
    function* (writer) {
      for (let chunk: Uint8Array | null; (chunk = yield* request.read()) !== null;) yield* writer.write(chunk);
    },
    { type },
  );
}

const BLOCK = new Uint8Array(64 * 1024).fill(0x78);

function sendBytes(request: HttpRequest): Reply {
  const count = countOf(request.params["n"], BYTES_MAX);
  if (count === null) return text("Cannot send bytes: not a number from 0 to 17179869184\n", { status: 400 });
  return stream(
    function* (writer) {
      for (let left = count; left > 0; left -= BLOCK.length) {
        yield* writer.write(left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left));
      }
    },
    { length: count },
  );
}

function* answerLater(request: HttpRequest): Steps<Reply> {
  const ms = countOf(request.params["ms"], SLEEP_MS_MAX);
  if (ms === null) return text("Cannot sleep: not a number from 0 to 86400000\n", { status: 400 });
  yield* sleep(ms);
  return text(`slept ${ms} ms\n`);
}

function countOf(value: string | undefined, max: number): number | null {
  if (value === undefined || !/^\d{1,12}$/.test(value)) return null;
  const count = Number(value);
  return count <= max ? count : null;
}

/** TCP echo: what comes goes back; the client's FIN ends it after the last byte. */
function* echo(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

function* program(settings: Settings): Steps<void> {
  const { tls } = settings;
  const http = yield* listen({ hostname: settings.host, port: settings.port, ...(tls === null ? {} : { tls }) });
  const tcp = yield* listen({ hostname: settings.host, port: settings.echoPort });
  yield* scope(function* (servers) {
    const { graceMs } = settings;
    servers.spawn(() => serveHttp(http, handler, { graceMs }));
    servers.spawn(() => serve(tcp, echo, { graceMs }));
    console.log(`millrace ready: ${http.secure ? "https" : "http"}://${http.address} tcp echo ${tcp.address}`);
  });
}

/** Ends the process with one clear line where the user or the system is at fault. */
function start(): void {
  let settings: Settings | "help";
  try {
    settings = settingsOf(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message} (see --help)`);
    process.exit(2);
  }
  if (settings === "help") {
    console.log(USAGE);
    return;
  }
  const wired = settings;
  main(
    function* () {
      try {
        yield* program(wired);
      } catch (error) {
        if (!(error instanceof ListenError)) throw error;
        console.error(error.message);
        process.exit(1);
      }
    },
    { exitMs: wired.graceMs + EXIT_MS },
  );
}

start();
