// Clients that are slow on purpose, in a process of their own. Drips send a head that never ends, a byte at a time; non-readers ask for an
// answer and take none of it. Each client opens one connection, and none comes back after it was closed. Loopback only. Takes commands as
// lines of JSON on stdin (see below) and answers each with a line.

import { getRequest } from "./shared/request.ts";
import { runCommands } from "./shared/program.ts";

/** What the process can be told. Counts are added to those that are open. */
export type SlowCommand =
  /** Opens drips, evenly spread over `everyMs`; each sends a byte every `everyMs`. Answered when the last one is open. */
  | { readonly kind: "drip"; readonly port: number; readonly count: number; readonly everyMs: number }
  /** Opens non-readers that ask for `path`. Answered when all have sent their request. */
  | { readonly kind: "hold"; readonly port: number; readonly count: number; readonly path: string }
  /** Answered at once with a {@link SlowReport}. */
  | { readonly kind: "report" };

/** What became of the clients of one kind. */
export interface Fates {
  readonly opened: number;
  /** Ms from the first byte that a client sent to the server's close: one for each that was closed, in rising order. */
  readonly closedMs: readonly number[];
  /** Bytes that all of them together took. Non-readers too get what their kernel holds, when the connection is closed. */
  readonly bytesTaken: number;
  /** Of those that read, how many got a status line, by status. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** What became of all. */
export interface SlowReport {
  readonly drips: Fates;
  readonly nonReaders: Fates;
}

type Socket = Bun.Socket<SlowClient>;

/** Drips send in steps of this many ms. */
const TICK_MS = 10;
/** Connections opened side by side: below the listeners' backlog of 512. */
const OPENING_MAX = 256;
const DRIPPED = getRequest("/", ["X-Drip: "]).slice(0, -4);

/** One slow client. */
class SlowClient {
  readonly #firstBytes: string;
  readonly #reads: boolean;
  #socket: Socket | null = null;
  #sent = 0;
  #begunMs = 0;
  /** -1 while the server has not closed. */
  closedMs = -1;
  bytesTaken = 0;
  status = "";

  constructor(firstBytes: string, reads: boolean) {
    this.#firstBytes = firstBytes;
    this.#reads = reads;
  }

  async open(port: number): Promise<void> {
    await Bun.connect<SlowClient>({
      hostname: "127.0.0.1",
      port,
      data: this,
      socket: {
        open: (socket) => this.#opened(socket),
        data: (_socket, chunk) => this.#answered(chunk),
        end: () => this.#closed(),
        close: () => this.#closed(),
        // The rejection of Bun.connect says the same; without the handler the error is reported twice.
        connectError: () => {},
        error: (_socket, error) => {
          throw error;
        },
      },
    });
  }

  /** Sends the next byte of a head without an end. */
  drip(): void {
    if (this.#socket === null || this.closedMs !== -1) return;
    this.#socket.write(DRIPPED[this.#sent] ?? "a");
    this.#sent++;
  }

  #opened(socket: Socket): void {
    this.#socket = socket;
    if (!this.#reads) socket.pause();
    socket.write(this.#firstBytes);
    this.#sent = this.#firstBytes.length;
    this.#begunMs = performance.now();
  }

  #answered(chunk: Uint8Array): void {
    this.bytesTaken += chunk.length;
    if (this.#reads && this.status === "") this.status = Buffer.from(chunk).toString("latin1", 9, 12);
  }

  #closed(): void {
    if (this.closedMs === -1) this.closedMs = performance.now() - this.#begunMs;
  }
}

const drips: SlowClient[] = [];
const nonReaders: SlowClient[] = [];

async function openDrips(port: number, count: number, everyMs: number): Promise<void> {
  const added = Array.from({ length: count }, () => new SlowClient(DRIPPED.slice(0, 1), true));
  drips.push(...added);
  const opening: Promise<void>[] = [];
  const opened = Promise.withResolvers<void>();
  const begin = performance.now();
  let turns = 0;
  // One timer for all. The schedule is absolute: whose turn came while the process was busy is made good at the next tick.
  setInterval(() => {
    const due = Math.floor(((performance.now() - begin) / everyMs) * count);
    for (; turns < due; turns++) {
      const client = added[turns % count] as SlowClient;
      if (turns < count) opening.push(client.open(port));
      else client.drip();
    }
    if (opening.length === count) opened.resolve();
  }, TICK_MS);
  await opened.promise;
  await Promise.all(opening);
}

async function openNonReaders(port: number, count: number, path: string): Promise<void> {
  for (let left = count; left > 0; left -= OPENING_MAX) {
    const added = Array.from({ length: Math.min(left, OPENING_MAX) }, () => new SlowClient(getRequest(path), false));
    nonReaders.push(...added);
    await Promise.all(added.map((client) => client.open(port)));
  }
}

function fatesOf(clients: readonly SlowClient[]): Fates {
  const closed = clients.filter(({ closedMs }) => closedMs !== -1);
  const statuses: Record<string, number> = {};
  for (const { status } of clients) if (status !== "") statuses[status] = (statuses[status] ?? 0) + 1;
  const closedMs = closed.map((client) => Math.round(client.closedMs)).sort((a, b) => a - b);
  const bytesTaken = clients.reduce((sum, client) => sum + client.bytesTaken, 0);
  return { opened: clients.length, closedMs, bytesTaken, statuses };
}

async function run(command: SlowCommand): Promise<SlowReport> {
  if (command.kind === "drip") await openDrips(command.port, command.count, command.everyMs);
  else if (command.kind === "hold") await openNonReaders(command.port, command.count, command.path);
  return { drips: fatesOf(drips), nonReaders: fatesOf(nonReaders) };
}

if (import.meta.main) await runCommands(run);
