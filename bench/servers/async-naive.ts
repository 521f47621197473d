// What people write: an async loop a connection, a promise for each read, the head found by its empty line and split as text, one write an
// answer. Correct for the requests of the jobs, partial writes and cut requests included; it checks far less than a server should, which
// is what makes it short.

import {
  ADDED_FIELD,
  answerTo,
  BYTES_TYPE,
  GREETING,
  millFor,
  pageText,
  READ_FIELD,
  STREAM_PIECES,
} from "./shared/answers.ts";
import { announce, serverFlags } from "./shared/flags.ts";

type Socket = Bun.Socket<NaiveConn>;

/** Reads and writes as promises. */
class NaiveConn {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #ended = false;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The next chunk; `null` at the end. */
  async read(): Promise<Buffer | null> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    return this.#chunks.shift() ?? null;
  }

  /** Writes all of `data`, text as UTF-8. */
  async write(data: Uint8Array | string): Promise<void> {
    let rest = typeof data === "string" ? Buffer.from(data) : data;
    while (rest.length > 0 && !this.#ended) {
      const taken = this.#socket.write(rest);
      if (taken < 0) return;
      rest = rest.subarray(taken);
      if (rest.length > 0) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
  }

  close(): void {
    this.#socket.end();
  }

  data(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#wakeReader?.();
  }

  drain(): void {
    this.#wakeWriter?.();
  }

  ended(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}

function listenNaive(port: number, serve: (conn: NaiveConn) => Promise<void>): number {
  const listener = Bun.listen<NaiveConn>({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        const conn = new NaiveConn(socket);
        socket.data = conn;
        serve(conn)
          .catch((error: unknown) => console.error(error))
          .finally(() => conn.close());
      },
      data: (socket, chunk) => socket.data.data(chunk),
      drain: (socket) => socket.data.drain(),
      close: (socket) => socket.data.ended(),
    },
  });
  return listener.port;
}

async function echo(conn: NaiveConn): Promise<void> {
  for (let chunk: Buffer | null; (chunk = await conn.read()) !== null;) await conn.write(chunk);
}

async function answerLines(conn: NaiveConn): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for (let chunk: Buffer | null; (chunk = await conn.read()) !== null;) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) await conn.write(`${answerTo(line.replace(/\r$/, ""))}\n`);
  }
}

interface NaiveRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

async function serveHttp(conn: NaiveConn): Promise<void> {
  let buffer = Buffer.alloc(0);
  for (;;) {
    let headEnd: number;
    while ((headEnd = buffer.indexOf("\r\n\r\n")) === -1) {
      const chunk = await conn.read();
      if (chunk === null) return;
      buffer = Buffer.concat([buffer, chunk]);
    }
    const [requestLine = "", ...lines] = buffer.toString("latin1", 0, headEnd).split("\r\n");
    const [method = "", target = ""] = requestLine.split(" ");
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    buffer = buffer.subarray(headEnd + 4);
    const length = Number(headers["content-length"] ?? 0);
    while (buffer.length < length) {
      const chunk = await conn.read();
      if (chunk === null) return;
      buffer = Buffer.concat([buffer, chunk]);
    }
    const body = buffer.subarray(0, length);
    buffer = buffer.subarray(length);
    await answer(conn, { method, path: target.split("?")[0] ?? "", headers, body });
  }
}

async function answer(conn: NaiveConn, { method, path, headers, body }: NaiveRequest): Promise<void> {
  if (method === "POST" && path === "/echo") {
    await conn.write(Buffer.concat([Buffer.from(headOf(200, BYTES_TYPE, `Content-Length: ${body.length}`)), body]));
  } else if (path === "/") {
    await conn.write(textAnswer(200, "text/plain; charset=utf-8", GREETING));
  } else if (path === "/json") {
    const cache = `cache-control: ${ADDED_FIELD["cache-control"]}`;
    await conn.write(textAnswer(200, "application/json", JSON.stringify(millFor(headers[READ_FIELD] ?? "")), cache));
  } else if (path.startsWith("/pages/")) {
    const name = decodeURIComponent(path.slice("/pages/".length));
    await conn.write(textAnswer(200, "text/plain; charset=utf-8", pageText(name)));
  } else if (path === "/stream") {
    await conn.write(headOf(200, BYTES_TYPE, "Transfer-Encoding: chunked"));
    for (const piece of STREAM_PIECES) {
      await conn.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]));
    }
    await conn.write("0\r\n\r\n");
  } else {
    await conn.write(textAnswer(404, "text/plain; charset=utf-8", "Not Found\n"));
  }
}

function textAnswer(status: number, type: string, body: string, ...fields: string[]): string {
  return headOf(status, type, ...fields, `Content-Length: ${Buffer.byteLength(body)}`) + body;
}

function headOf(status: number, type: string, ...fields: string[]): string {
  const reason = status === 200 ? "OK" : "Not Found";
  return (
    `HTTP/1.1 ${status} ${reason}\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: ${type}\r\n` +
    `${fields.map((field) => `${field}\r\n`).join("")}\r\n`
  );
}

const flags = serverFlags();
announce({
  http: listenNaive(flags.port, serveHttp),
  echo: listenNaive(flags.echoPort, echo),
  line: listenNaive(flags.linePort, answerLines),
});
