// A mail server that takes all mail and sends none: for tests of programs that send mail. It speaks SMTP with PIPELINING, SIZE, 8BITMIME, SMTPUTF8,
// ENHANCEDSTATUSCODES and STARTTLS, is as strict as a server on the internet has to be, and keeps the newest mails in memory, to be looked at over HTTP.
//
// It shows: a line protocol whose groups of commands are answered in one write, TLS that begins in mid-connection, deadlines of each step, bounds on all
// that a client can make it hold, and two servers in one program, over one mailbox.
//
//   bun run examples/smtp-sink.ts --port 2525 [--http-port 8025] [--tls-cert cert.pem --tls-key key.pem [--tls-required]] [--size-max BYTES] [--print]
//   curl smtp://127.0.0.1:2525 --mail-from ada@mill.example --mail-rcpt bob@mill.example --upload-file mail.txt
//   curl http://127.0.0.1:8025/mails/1
//
// Each mail is a line on stdout; `--print` prints it as a whole.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Conn, type ConnHandler, listen, main, scope, serve, type TlsServerOptions } from "millrace";
import { serveHttp } from "millrace/http";
import { type Mail, Mailbox } from "./smtp/mailbox.ts";
import { type Server, SMTP_LIMITS, type SmtpLimits, SmtpSession } from "./smtp/session.ts";
import { view } from "./smtp/view.ts";

const CONNECTIONS_MAX = 200;
/** Bytes that mails under way may take together. */
const UNDER_WAY_BYTES_MAX = 256 * 1024 * 1024;

/** What a sink is made of, where it is not the usual. */
export interface SmtpSinkOptions {
  readonly mailbox?: Mailbox;
  readonly limits?: Partial<SmtpLimits>;
  /** Bytes that mails under way may take together. Default 256 MiB. */
  readonly underWayBytesMax?: number;
  /** Key and certificate: offers STARTTLS. */
  readonly tls?: TlsServerOptions;
  /** Takes mail over TLS only. */
  readonly isTlsRequired?: boolean;
  /** Told of each mail. */
  readonly onMail?: (mail: Mail) => void;
  /** Told of what somebody should know, such as TLS that did not come about. */
  readonly onFault?: (text: string) => void;
}

/** Who answers connections, and what is done when the server closes. */
export interface SmtpSink {
  readonly mailbox: Mailbox;
  readonly handler: ConnHandler;
  /** Memory that is left for mails under way. */
  readonly bytesLeft: number;
  /** Lets clients go that are owed nothing; others are answered first. */
  drain(): void;
}

/** Makes a sink with an empty mailbox. */
export function smtpSink(options: SmtpSinkOptions = {}): SmtpSink {
  const server: Server = {
    name: "smtp-sink",
    limits: { ...SMTP_LIMITS, ...options.limits },
    mailbox: options.mailbox ?? new Mailbox(),
    allowance: { bytes: options.underWayBytesMax ?? UNDER_WAY_BYTES_MAX },
    tls: options.tls ?? null,
    isTlsRequired: options.isTlsRequired ?? false,
    onMail: options.onMail ?? (() => {}),
    onFault: options.onFault ?? (() => {}),
  };
  const sessions = new Set<SmtpSession>();
  return {
    mailbox: server.mailbox,
    *handler(conn: Conn) {
      const session = new SmtpSession(server, conn);
      sessions.add(session);
      try {
        yield* session.serve();
      } finally {
        sessions.delete(session);
      }
    },
    get bytesLeft() {
      return server.allowance.bytes;
    },
    drain() {
      for (const session of sessions) session.drain();
    },
  };
}

function tell({ id, from, to, isSecure, bytes }: Mail, isWhole: boolean): void {
  console.log(`mail ${id} from <${from}> to <${to.join(">, <")}>${isSecure ? " over TLS" : ""}: ${bytes.length} bytes`);
  if (isWhole) console.log(Buffer.from(bytes).toString().replaceAll("\r\n", "\n"));
}

/** @throws RangeError when one of the two is missing, and what reading throws */
function tlsOf(cert: string | undefined, key: string | undefined): TlsServerOptions | null {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined)
    throw new RangeError("Cannot offer STARTTLS: it takes both, --tls-cert and --tls-key");
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** @throws RangeError */
function sizeOf(flag: string): number {
  if (/^[1-9]\d{0,9}$/.test(flag)) return Number(flag);
  throw new RangeError(`Cannot take mails of up to ${JSON.stringify(flag)} bytes: it is no whole number`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "2525" },
      "http-port": { type: "string" },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
      "tls-required": { type: "boolean", default: false },
      "size-max": { type: "string", default: String(SMTP_LIMITS.sizeMax) },
      print: { type: "boolean", default: false },
    },
  });
  const tls = tlsOf(values["tls-cert"], values["tls-key"]);
  if (values["tls-required"] && tls === null)
    throw new RangeError("Cannot require TLS: there is neither key nor certificate");
  const { mailbox, handler, drain } = smtpSink({
    limits: { sizeMax: sizeOf(values["size-max"]) },
    ...(tls === null ? {} : { tls }),
    isTlsRequired: values["tls-required"],
    onMail: (mail) => tell(mail, values.print),
    onFault: (text) => console.error(text),
  });
  const httpPort = values["http-port"];

  main(function* () {
    const hostname = "127.0.0.1";
    const smtp = yield* listen({ hostname, port: Number(values.port), connectionsMax: CONNECTIONS_MAX });
    yield* scope(function* (servers) {
      console.log(`ready: smtp://${smtp.address}`);
      if (httpPort !== undefined) {
        const http = yield* listen({ hostname, port: Number(httpPort) });
        console.log(`mails: http://${http.address}/mails`);
        servers.spawn(() => serveHttp(http, view(mailbox)), "shows mails");
      }
      yield* serve(smtp, handler, { onDrain: drain });
    });
  });
}
