// The books of a chaos run: which requests reached a handler, what the access log was told, and what was opened (streams, bodies that run), each of
// which must end exactly once. Handlers get streams and time from here, so that nothing of them goes unnoticed.

import type { AnswerRecord } from "../../src/http/index.ts";

/** What goes wrong in a handler on purpose. */
export class ChaosError extends Error {
  override name = "ChaosError";
}

/** What was written into the access log about a request. */
export interface Logged {
  readonly id: string;
  readonly status: number | null;
  readonly bytes: number;
  readonly complete: boolean;
}

/** What a run has begun, and what has come of it. */
export class Ledger {
  /** Ids of the requests that reached a handler, in order. */
  readonly reached: string[] = [];
  readonly logged: Logged[] = [];
  /** A promise that is kept after some virtual ms: what code on promises waits for in this world. */
  pause: (ms: number) => Promise<void> = () => Promise.resolve();
  readonly #endings = new Map<string, number>();

  /** Notes that `what` is open. The function it gives is to be called at its end. */
  open(what: string): () => void {
    const name = `${what}, number ${this.#endings.size}`;
    this.#endings.set(name, 0);
    return () => void this.#endings.set(name, (this.#endings.get(name) as number) + 1);
  }

  /** Writes a record of the access log down. */
  log({ request, status, bytes, complete }: AnswerRecord): void {
    this.logged.push({ id: request.query.get("id") ?? "", status, bytes, complete });
  }

  /** Everything that has not ended exactly once. */
  get unbalanced(): string[] {
    return [...this.#endings].filter(([, ends]) => ends !== 1).map(([name, ends]) => `${name}: ended ${ends} times`);
  }

  /** A stream of `chunks` pieces that takes its time over each, and then ends or fails. */
  source(id: string, chunks: number, fails = false): ReadableStream {
    const ended = this.open(`the stream of ${id}`);
    const { pause } = this;
    let sent = 0;
    let over = false;
    const end = (): void => {
      over = true;
      ended();
    };
    return new ReadableStream({
      async pull(controller) {
        await (sent % 4 === 3 ? pause(sent) : turns(sent % 5));
        if (over) return;
        sent++;
        if (sent <= chunks) {
          controller.enqueue(sent % 3 === 0 ? pieceOf(id) : Buffer.from(pieceOf(id)));
          return;
        }
        end();
        if (fails) throw new ChaosError(`the source of ${id} failed`);
        controller.close();
      },
      cancel: end,
    });
  }
}

/** Turns of the microtask queue. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

/** The text that streams for the request `id` are made of. */
export function pieceOf(id: string): string {
  return `${id};`;
}
