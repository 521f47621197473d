// Cancelling at every suspension point. A reader and a writer work through a random list of operations over a rough network; in run number k the
// k-th suspension of the two is cancelled, and each operation that was cut short is simply tried again. Whatever k is: no byte is
// lost and none doubled, and no task is resumed for nothing.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Scope, scope } from "../../src/concurrency/scope.ts";
import { ScopeCancelledError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { PARKED, type Task } from "../../src/core/task.ts";
import type { Conn } from "../../src/net/conn.ts";
import { ROUGH_NETWORK, Simulation } from "../../src/sim/index.ts";
import { connected } from "../contract/conn-world.ts";

/** What a reader does next. */
type Read =
  { readonly kind: "read" | "exactly" | "readable" | "more"; readonly count: number } | { readonly kind: "line" };
/** What a writer does next. */
type Write =
  | { readonly kind: "text" | "bytes"; readonly count: number }
  | { readonly kind: "flush" }
  | { readonly kind: "writable" };

const reads: fc.Arbitrary<Read[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("read" as const, "exactly" as const), count: fc.integer({ min: 1, max: 90 }) }),
    fc.record({ kind: fc.constantFrom("readable" as const, "more" as const), count: fc.constant(1) }),
    fc.record({ kind: fc.constant("line" as const) }),
  ),
  { minLength: 1, maxLength: 8 },
);
const writes: fc.Arbitrary<Write[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom("text" as const, "bytes" as const),
        count: fc.integer({ min: 0, max: 120 }),
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "flush" } as const, { kind: "writable" } as const) },
  ),
  { minLength: 1, maxLength: 10 },
);

interface Program {
  readonly seed: number;
  readonly reads: Read[];
  readonly writes: Write[];
  /** Which of the k-th suspension's tasks is cancelled at once, or only when its wake-up is due as well. */
  readonly delayMs: number;
}

/** One run: what was sent, what was read, how many suspensions there were. */
class Run {
  readonly sent: Buffer[] = [];
  readonly got: Buffer[] = [];
  suspensions = 0;
  resumes = 0;
  tries = 0;
  readonly #scopes = new Map<string, Scope>();
  readonly #program: Program;
  readonly #sim: Simulation;

  constructor(program: Program, cancelAt: number) {
    this.#program = program;
    this.#sim = new Simulation({ seed: program.seed, network: ROUGH_NETWORK });
    this.#sim.scheduler.instrument = {
      beforeStep: (task) => this.#watched(task) && task.token === task && this.resumes++,
      afterStep: (task) => {
        if (!this.#watched(task) || task.state !== PARKED) return;
        if (this.suspensions++ === cancelAt)
          this.#sim.host.schedule(program.delayMs, () => this.#scopes.get(task.name)?.cancel());
      },
    };
  }

  #watched(task: Task): boolean {
    return task.name === "reader" || task.name === "writer";
  }

  async go(): Promise<void> {
    await this.#sim.run(() => this.#both());
    expect(this.#sim.host.transport.sockets).toEqual([]);
    expect(this.#sim.host.reports).toEqual([]);
  }

  *#both(): Steps<void> {
    const { client, server } = yield* connected({ hostname: "127.0.0.1", port: 0 });
    yield* scope((tasks) => {
      tasks.spawn(this.#write(client), "writer");
      return this.#joined(tasks.spawn(this.#read(server), "reader"));
    });
    server.close();
  }

  *#joined(task: Task<void>): Steps<void> {
    yield* task;
  }

  /** Runs the operation that `start` makes until a try was not cut short. */
  *#try<T>(who: string, start: () => Operation<T>): Steps<T> {
    for (;;) {
      this.tries++;
      try {
        return yield* scope((own) => {
          this.#scopes.set(who, own);
          return start();
        });
      } catch (error) {
        if (!(error instanceof ScopeCancelledError)) throw error;
      }
    }
  }

  *#write(conn: Conn): Steps<void> {
    for (const [i, write] of this.#program.writes.entries()) {
      if (write.kind === "flush") yield* this.#try("writer", () => conn.flush());
      else if (write.kind === "writable") yield* this.#try("writer", () => conn.writable());
      else {
        // A line end now and then, and no two pieces alike.
        const text = `${i}`.repeat(write.count).slice(0, write.count) + (i % 3 === 0 ? "\n" : "");
        yield* this.#try("writer", () => conn.write(write.kind === "text" ? text : Buffer.from(text)));
        this.sent.push(Buffer.from(text));
      }
    }
    yield* this.#try("writer", () => conn.end());
    conn.close();
  }

  *#read(conn: Conn): Steps<void> {
    const { reads } = this.#program;
    for (let i = 0; ; i++) {
      const bytes = yield* this.#readOne(conn, reads[i % reads.length] as Read);
      if (bytes === null) return;
      this.got.push(bytes);
    }
  }

  *#readOne(conn: Conn, read: Read): Steps<Buffer | null> {
    try {
      if (read.kind === "line") {
        const line = yield* this.#try("reader", () => conn.readLine());
        return line === null ? null : Buffer.from(`${line}\n`);
      }
      if (read.kind === "exactly") return bufferOf(yield* this.#try("reader", () => conn.readExactly(read.count)));
      if (read.kind === "more") yield* this.#try("reader", () => conn.more());
      if (read.kind === "readable") yield* this.#try("reader", () => conn.readable());
    } catch (error) {
      // The end came in the middle: what is left is read below.
      if ((error as { code?: string }).code !== "ERR_UNEXPECTED_END") throw error;
    }
    return bufferOf(yield* this.#try("reader", () => conn.read("count" in read ? read.count : 10)));
  }
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

async function check(program: Program, cancelAt: number): Promise<Run> {
  const run = new Run(program, cancelAt);
  await run.go();
  const where = `cancelled at suspension ${cancelAt}`;
  expect({ where, text: Buffer.concat(run.got).toString() }).toEqual({
    where,
    text: Buffer.concat(run.sent).toString(),
  });
  // Each wake-up finished an operation: nobody was resumed for nothing, or twice.
  expect(run.resumes).toBeLessThanOrEqual(run.tries);
  expect(run.resumes).toBeLessThanOrEqual(run.suspensions);
  return run;
}

describe("a cancel", () => {
  test("a cancel at any suspension of a reader or a writer loses no byte and doubles none", async () => {
    const programs = fc.record({ seed: fc.nat(10_000), reads, writes, delayMs: fc.constantFrom(0, 0, 1, 7) });
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const { suspensions } = await check(program, -1);
        for (let k = 0; k < suspensions; k++) await check(program, k);
      }),
      { numRuns: 25 },
    );
  });
});
