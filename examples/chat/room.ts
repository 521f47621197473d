// The room: who is in it, and what is said in it. A line is made into bytes once and published to all; what waits for a member is bounded by the
// broadcast, which drops one for whom more would wait. Nobody ever waits for a member.

import { broadcast, type BroadcastStatistics, type Conn, type Subscription } from "millrace";

/** Lines that may wait for one member, beside what its connection holds. */
const LINES_WAITING_MAX = 256;

/** Something said: to all but the one who said it. */
export interface Line {
  readonly bytes: Uint8Array;
  /** `null`: the room itself. */
  readonly from: object | null;
}

/** Who is in, and what is said. */
export class Room {
  readonly #lines = broadcast<Line>({ capacity: LINES_WAITING_MAX, slow: "drop", name: "the room" });
  /** Names as they are written, by their form in lower case: `Ada` and `ADA` are one. */
  readonly #names = new Map<string, string>();

  /** The connections of those who have not said yet who they are. */
  readonly newcomers: Set<Conn> = new Set();

  /** All names, in the order in which they came. */
  get names(): string[] {
    return [...this.#names.values()];
  }

  get isOpen(): boolean {
    return !this.#lines.closed;
  }

  statistics(): BroadcastStatistics {
    return this.#lines.statistics();
  }

  /** Takes `name` for somebody, in the place of `before` when that is given. False when somebody else has it. */
  take(name: string, before?: string): boolean {
    const key = name.toLowerCase();
    if (this.#names.has(key) && key !== before?.toLowerCase()) return false;
    if (before !== undefined) this.#names.delete(before.toLowerCase());
    this.#names.set(key, name);
    return true;
  }

  release(name: string): void {
    this.#names.delete(name.toLowerCase());
  }

  /** All that is said from now on. */
  listen(): Subscription<Line> {
    return this.#lines.subscribe();
  }

  /** Says `text` to all but `from`. No effect once the room is closed. */
  say(text: string, from: object | null = null): void {
    if (this.isOpen) this.#lines.publish({ bytes: Buffer.from(`${text}\n`), from });
  }

  /** Says so, and ends: every member gets what waits for it, and then leaves. Who has not come in yet has to go. */
  close(): void {
    this.say("* the room closes");
    this.#lines.close();
    for (const conn of this.newcomers) conn.close();
  }
}
