// Load for an HTTP server that checks every byte of every answer, which wrk cannot. The first answer of a server is held against the rules and
// becomes the pattern; from then on every answer on every connection must be that pattern, but for the date and for where chunks end. As
// the bytes are compared where they lie, checking costs less than sending. Several requests may be sent in turn, each with its pattern.
// `bun bench/load/http.ts --port 3000 [--path /] [--ms 2000] [--connections 64] [--pipelining 16] [--rate 20000]`

import type { Burst, BurstDriver } from "./shared/burst.ts";
import { ChunkedChecker, ChunkedPattern } from "./shared/chunked-pattern.ts";
import { type Expectation, learnPattern } from "./shared/expectation.ts";
import { LoadPool, type LoadSocket } from "./shared/pool.ts";
import type { Pattern } from "./shared/pattern.ts";
import { runProgram } from "./shared/program.ts";

/** Multiples of the golden ratio lie evenly on a circle, however many there are. */
const GOLDEN = 0.618_033_988_749_895;

/** What is sent at once, and what must come back. */
interface Unit {
  readonly bytes: Buffer;
  readonly expected: Expectation;
}

/** One connection that sends batches of requests. */
export class HttpConnection implements LoadSocket {
  driver: BurstDriver | null = null;
  readonly #raw: Bun.Socket<LoadSocket | undefined>;
  readonly #units: readonly Unit[];
  readonly #pipelining: number;
  #next: number;
  #unit: Unit;
  /** Bytes of the unit that the kernel has taken. */
  #sent = 0;
  /** What came, where that could not be compared at once: before anything is known of the answer, or once it differs. */
  #pieces: Uint8Array[] | null = null;
  #came = 0;
  #checker: ChunkedChecker | null = null;

  /** Sends `units` in turn. `number` of the connection: each begins elsewhere, so that no two near in time send the same. */
  constructor(
    raw: Bun.Socket<LoadSocket | undefined>,
    units: readonly [Unit, ...Unit[]],
    pipelining: number,
    number: number,
  ) {
    this.#raw = raw;
    this.#units = units;
    this.#pipelining = pipelining;
    this.#next = Math.floor(((number * GOLDEN) % 1) * units.length);
    this.#unit = units[0];
  }

  send(): void {
    this.#unit = this.#units[this.#next] as Unit;
    this.#next = (this.#next + 1) % this.#units.length;
    this.#sent = 0;
    this.#came = 0;
    const { pattern } = this.#unit.expected;
    this.#pieces = pattern === null ? [] : null;
    if (pattern instanceof ChunkedPattern) (this.#checker ??= new ChunkedChecker()).begin(pattern);
    this.drain();
  }

  drain(): void {
    const { bytes } = this.#unit;
    const left = bytes.length - this.#sent;
    // A lost connection is told of by its close.
    if (left > 0) this.#sent += Math.max(0, this.#raw.write(bytes, this.#sent, left));
  }

  data(chunk: Buffer): void {
    const { pattern } = this.#unit.expected;
    if (this.#pieces === null && pattern instanceof ChunkedPattern) this.#dataInChunks(chunk);
    else if (this.#pieces === null && pattern !== null) this.#dataOfLength(chunk, pattern as Pattern);
    else this.#dataUnknown(chunk);
  }

  #dataOfLength(chunk: Buffer, pattern: Pattern): void {
    if (this.#came === 0 && chunk.length === pattern.batchBytes) {
      this.#answered(pattern.wrongIn(chunk));
    } else if (pattern.continues(chunk, this.#came)) {
      this.#came += chunk.length;
      if (this.#came === pattern.batchBytes) this.#answered(0);
    } else {
      // Another date, or a wrong answer: what had come before was right, and so need not have been kept.
      this.#pieces = this.#came === 0 ? [] : [pattern.firstBytes(this.#came)];
      this.#dataUnknown(chunk);
    }
  }

  #dataInChunks(chunk: Buffer): void {
    try {
      const isRight = (this.#checker as ChunkedChecker).take(chunk);
      if (isRight !== null) this.#answered(isRight ? 0 : 1);
    } catch (error) {
      this.driver?.fail(error as Error);
    }
  }

  #dataUnknown(chunk: Buffer): void {
    const pieces = this.#pieces as Uint8Array[];
    pieces.push(chunk);
    this.#came += chunk.length;
    const pattern = this.#unit.expected.pattern ?? this.#learn(pieces);
    if (pattern === null) return;
    const came = Buffer.concat(pieces);
    if (pattern instanceof ChunkedPattern) {
      this.#pieces = null;
      const checker = (this.#checker ??= new ChunkedChecker());
      checker.begin(pattern);
      this.#dataInChunks(came);
    } else if (came.length >= pattern.batchBytes) {
      // Surplus bytes answer nothing that was asked: the whole batch is wrong.
      this.#answered(came.length === pattern.batchBytes ? pattern.wrongIn(came) : this.#pipelining);
    }
  }

  #learn(pieces: readonly Uint8Array[]): Expectation["pattern"] {
    try {
      this.#unit.expected.pattern = learnPattern(Buffer.concat(pieces), this.#pipelining);
    } catch (error) {
      this.driver?.fail(error as Error);
    }
    return this.#unit.expected.pattern;
  }

  #answered(wrong: number): void {
    this.#pieces = null;
    // An answer that comes before its request was sent answers something else.
    this.driver?.answered(this, this.#sent < this.#unit.bytes.length ? this.#pipelining : wrong);
  }
}

/** A pool of such connections for each batch that is sent. */
export function httpPools(): (burst: Burst) => LoadPool {
  const pools = new Map<string, LoadPool>();
  return ({ request, others = [], pipelining }) => {
    const requests = [request, ...others];
    const key = `${pipelining} ${requests.join("")}`;
    const known = pools.get(key);
    if (known !== undefined) return known;
    const batches = requests.map((text) => Buffer.from(text.repeat(pipelining), "latin1"));
    const byPort = new Map<number, [Unit, ...Unit[]]>();
    const pool = new LoadPool((raw, { port }, number) => {
      const units = byPort.get(port) ?? batches.map((bytes) => ({ bytes, expected: { pattern: null } }));
      byPort.set(port, units as [Unit, ...Unit[]]);
      return new HttpConnection(raw, units as [Unit, ...Unit[]], pipelining, number);
    });
    pools.set(key, pool);
    return pool;
  };
}

if (import.meta.main) {
  const poolFor = httpPools();
  await runProgram((burst) => poolFor(burst).run(burst));
}
