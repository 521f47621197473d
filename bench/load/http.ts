// Load for an HTTP server that checks every byte of every answer, which wrk cannot. The first answer of a server is held against the rules and
// becomes the pattern; from then on every answer on every connection must be that pattern, but for the date. As a whole batch is
// compared by one memcmp, checking costs less than sending.
// `bun bench/load/http.ts --port 3000 [--path /] [--ms 2000] [--connections 64] [--pipelining 16] [--rate 20000]`

import type { Burst, BurstDriver } from "./shared/burst.ts";
import { LoadPool, type LoadSocket, writeWhole } from "./shared/pool.ts";
import { Pattern } from "./shared/pattern.ts";
import { runProgram } from "./shared/program.ts";

/** What the connections to one server that send the same share. */
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

  constructor(raw: Bun.Socket<LoadSocket | undefined>, { request, pipelining }: Burst, learned: Learned) {
    this.#raw = raw;
    this.#learned = learned;
    this.#pipelining = pipelining;
    this.#requests = Buffer.from(request.repeat(pipelining), "latin1");
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

/** A pool of such connections for each batch that is sent. */
function poolsByBatch(): (burst: Burst) => LoadPool {
  const pools = new Map<string, LoadPool>();
  return ({ request, pipelining }) => {
    const batch = `${pipelining} ${request}`;
    const known = pools.get(batch);
    if (known !== undefined) return known;
    const byPort = new Map<number, Learned>();
    const pool = new LoadPool((raw, burst) => {
      const learned = byPort.get(burst.port) ?? { pattern: null };
      byPort.set(burst.port, learned);
      return new HttpConnection(raw, burst, learned);
    });
    pools.set(batch, pool);
    return pool;
  };
}

if (import.meta.main) {
  const poolFor = poolsByBatch();
  await runProgram((burst) => poolFor(burst).run(burst));
}
