// Runs cases against a server on a real socket: plain TCP, no line of src. The clock is the machine's, so waiting is by quiet: once the outcome
// is an allowed one and nothing has come for a while, it counts. A slow machine can make a wrong outcome pass here, never a right
// one fail; that nothing comes late is for the simulated world to say.

import { type ConformanceCase, piecesOf } from "./case.ts";
import { complaintsAbout, type Transcript, wantsFin } from "./judge.ts";

/** Where a server listens. */
export interface ServerAddress {
  readonly hostname: string;
  readonly port: number;
}

/** A case that did not come out as it must. */
export interface Failure {
  readonly row: ConformanceCase;
  readonly complaints: readonly string[];
}

/** Ms between two pieces, when the row names none. */
const BETWEEN_PIECES_MS = 2;
/** Ms without news after which an allowed outcome counts. */
const QUIET_MS = 250;
/** Ms that an outcome which is not allowed gets to become another. Passes only when a case fails. */
const PATIENCE_MS = 8_000;
/** Connections at a time. */
const CLIENTS_MAX = 64;

/** Runs all rows, many at a time, and gives those that failed. */
export async function runOverSockets(rows: readonly ConformanceCase[], address: ServerAddress): Promise<Failure[]> {
  const failures: Failure[] = [];
  const waiting = [...rows].reverse();
  const work = async (): Promise<void> => {
    for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
      const complaints = await complaintsOver(row, address);
      if (complaints.length > 0) failures.push({ row, complaints });
    }
  };
  await Promise.all(Array.from({ length: CLIENTS_MAX }, work));
  return failures.sort((a, b) => rows.indexOf(a.row) - rows.indexOf(b.row));
}

async function complaintsOver(row: ConformanceCase, address: ServerAddress): Promise<string[]> {
  try {
    return complaintsAbout(row, await runRow(row, address));
  } catch (error) {
    return [`it could not be run: ${String(error)}`];
  }
}

async function runRow(row: ConformanceCase, address: ServerAddress): Promise<Transcript> {
  await using client = await SocketClient.connect(address);
  for (const [index, piece] of piecesOf(row).entries()) {
    if (index > 0) await Bun.sleep(row.pause_ms ?? BETWEEN_PIECES_MS);
    await client.send(piece);
  }
  if (row.half_close === true) client.shutdown();
  await client.settle(() => complaintsAbout(row, { ...client.state(), afterFin: null }).length === 0);
  const { received, closed } = client.state();
  if (!wantsFin(row, received, closed)) return { received, closed, afterFin: null };
  client.shutdown();
  await client.settle(() => false);
  return { received, closed, afterFin: client.state() };
}

/** A client that keeps all that comes. */
class SocketClient implements AsyncDisposable {
  readonly #socket: Bun.Socket;
  readonly #news: News;

  private constructor(socket: Bun.Socket, news: News) {
    this.#socket = socket;
    this.#news = news;
  }

  static async connect(address: ServerAddress): Promise<SocketClient> {
    const news = new News();
    const socket = await Bun.connect({
      ...address,
      allowHalfOpen: true,
      socket: {
        data: (_, chunk) => news.tell(() => news.chunks.push(chunk)),
        drain: () => news.tell(() => {}),
        end: () => news.tell(() => (news.ended = true)),
        close: () => news.tell(() => (news.ended = news.gone = true)),
        // A reset: `close` follows.
        error: () => {},
      },
    });
    return new SocketClient(socket, news);
  }

  /** Settles when the kernel has taken all of it, or the server does not want it any more. */
  async send(bytes: Buffer): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      const taken = this.#news.gone ? -1 : this.#socket.write(bytes, sent, bytes.length - sent);
      if (taken < 0) return;
      sent += taken;
      if (sent < bytes.length && !(await this.#news.within(PATIENCE_MS))) return;
    }
  }

  /** FIN; still receives. */
  shutdown(): void {
    this.#socket.shutdown();
  }

  /** What has come so far. */
  state(): { received: Buffer; closed: boolean } {
    return { received: Buffer.concat(this.#news.chunks), closed: this.#news.ended };
  }

  /** Settles when the server has closed, when all is quiet and `isEnough`, or when patience is over. */
  async settle(isEnough: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!this.#news.ended && performance.now() < deadline) {
      const quiet = !(await this.#news.within(QUIET_MS));
      if (quiet && isEnough()) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    while (!this.#news.gone) await this.#news.within(PATIENCE_MS);
  }
}

/** What a socket's handlers saw, and a way to wait for more. */
class News {
  readonly chunks: Buffer[] = [];
  /** The server has sent FIN, or the connection is gone. */
  ended = false;
  gone = false;
  #next: PromiseWithResolvers<boolean> = Promise.withResolvers();

  tell(change: () => void): void {
    change();
    this.#next.resolve(true);
    this.#next = Promise.withResolvers();
  }

  /** True when something happened within `ms`. */
  async within(ms: number): Promise<boolean> {
    const { promise } = this.#next;
    const expired = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => expired.resolve(false), ms);
    try {
      return await Promise.race([promise, expired.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
