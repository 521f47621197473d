// Load for an HTTP server that checks every byte of every answer, which wrk cannot. The first answer of a server is held against the rules and
// becomes the pattern; from then on every answer on every connection must be that pattern, but for the date. As a whole batch is
// compared by one memcmp, checking costs less than sending.
// `bun bench/load/http.ts --port 3000 [--ms 2000] [--connections 64] [--pipelining 16] [--rate 20000]`

import type { BurstDriver } from "./shared/burst.ts";
import { LoadPool, type LoadSocket, writeWhole } from "./shared/pool.ts";
import { Pattern } from "./shared/pattern.ts";
import { runProgram } from "./shared/program.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/** What the connections to one server share. */
export interface Learned {
  pattern: Pattern | null;
}

/** One connection that sends batches of requests. */
export class HttpConnection implements LoadSocket {
  driver: BurstDriver | null = null;
  readonly #raw: Bun.Socket<LoadSocket | undefined>;
  readonly #requests: Buffer;
  readonly #pipelining: number;
  readonly #learned: Learned;
  /** What came of a batch that arrived in pieces. */
  #pieces: Uint8Array[] = [];
  #came = 0;

  constructor(raw: Bun.Socket<LoadSocket | undefined>, pipelining: number, learned: Learned) {
    this.#raw = raw;
    this.#learned = learned;
    this.#pipelining = pipelining;
    this.#requests = Buffer.from(REQUEST.repeat(pipelining), "latin1");
  }

  send(): void {
    writeWhole(this.#raw, this.#requests);
  }

  data(chunk: Uint8Array): void {
    const { pattern } = this.#learned;
    if (pattern !== null && this.#came === 0 && chunk.length === pattern.batchBytes) {
      this.driver?.answered(this, pattern.wrongIn(chunk));
      return;
    }
    this.#pieces.push(chunk);
    this.#came += chunk.length;
    const known = pattern ?? this.#learn();
    if (known === null || this.#came < known.batchBytes) return;
    const batch = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#came = 0;
    // Surplus bytes answer nothing that was asked: the whole batch is wrong.
    this.driver?.answered(this, batch.length === known.batchBytes ? known.wrongIn(batch) : this.#pipelining);
  }

  #learn(): Pattern | null {
    try {
      this.#learned.pattern = Pattern.learn(Buffer.concat(this.#pieces), this.#pipelining);
    } catch (error) {
      this.driver?.fail(error as Error);
    }
    return this.#learned.pattern;
  }
}

/** A pool of such connections for each depth of pipelining. */
function poolsByDepth(): (pipelining: number) => LoadPool {
  const pools = new Map<number, LoadPool>();
  return (pipelining) => {
    const known = pools.get(pipelining);
    if (known !== undefined) return known;
    const byPort = new Map<number, Learned>();
    const pool = new LoadPool((raw, { port }) => {
      const learned = byPort.get(port) ?? { pattern: null };
      byPort.set(port, learned);
      return new HttpConnection(raw, pipelining, learned);
    });
    pools.set(pipelining, pool);
    return pool;
  };
}

if (import.meta.main) {
  const poolFor = poolsByDepth();
  await runProgram((burst) => poolFor(burst.pipelining).run(burst));
}
