// Load for the line protocol: every connection sends so many lines `PING number` in one write and checks that just the lines `PONG number` come
// back, in their order. No number is sent twice on a connection in a million writes, so an answer to an earlier line is caught. The numbers have nine
// digits, so that a new one is a few bytes set in a text that stays.
// `bun bench/load/line.ts --port 7000 [--pipelining 16] [--ms 2000] [--connections 64] [--rate 20000]`

import type { Burst, BurstDriver } from "./shared/burst.ts";
import { LoadPool, type LoadSocket, writeWhole } from "./shared/pool.ts";
import { runProgram } from "./shared/program.ts";

/** Lines in one write at most: the digits that count them. */
const LINES_MAX = 1_000;
/** Digits of a number: six of the turn, three of the line. */
const TURN_DIGITS = 6;
const TURNS = 10 ** TURN_DIGITS;
/** `PING ` or `PONG `. */
const WORD_BYTES = 5;
const LINE_BYTES = WORD_BYTES + TURN_DIGITS + 3 + 1;
const ZERO = 0x30;

/** One connection that sends lines and expects their answers. */
export class LineConnection implements LoadSocket {
  driver: BurstDriver | null = null;
  readonly #raw: Bun.Socket<LoadSocket | undefined>;
  readonly #lines: number;
  readonly #sent: Buffer;
  readonly #expected: Buffer;
  #pieces: Uint8Array[] = [];
  #came = 0;
  #turn: number;

  /** Sends `lines` lines at once. `number` of the connection: each begins at another turn. */
  constructor(raw: Bun.Socket<LoadSocket | undefined>, lines: number, number: number) {
    if (!(lines >= 1 && lines <= LINES_MAX))
      throw new RangeError(`Cannot send ${lines} lines at once: at most ${LINES_MAX}`);
    this.#raw = raw;
    this.#lines = lines;
    this.#sent = textOf("PING ", lines);
    this.#expected = textOf("PONG ", lines);
    this.#turn = (number * 7_919) % TURNS;
  }

  send(): void {
    this.#turn = (this.#turn + 1) % TURNS;
    let rest = this.#turn;
    for (let digit = WORD_BYTES + TURN_DIGITS - 1; digit >= WORD_BYTES; digit--) {
      const value = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
      // Most turns change no more than the last digits.
      if (this.#sent[digit] !== value) this.#setDigit(digit, value);
    }
    writeWhole(this.#raw, this.#sent);
  }

  data(chunk: Buffer): void {
    if (this.#came === 0 && chunk.length === this.#expected.length) {
      this.#answered(chunk);
      return;
    }
    this.#pieces.push(chunk);
    this.#came += chunk.length;
    if (this.#came < this.#expected.length) return;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#came = 0;
    this.#answered(all);
  }

  #setDigit(digit: number, value: number): void {
    for (let at = digit; at < this.#sent.length; at += LINE_BYTES) this.#sent[at] = this.#expected[at] = value;
  }

  #answered(answers: Buffer): void {
    this.driver?.answered(this, answers.equals(this.#expected) ? 0 : this.#wrongIn(answers));
  }

  #wrongIn(answers: Buffer): number {
    // Surplus bytes answer nothing that was asked: all is wrong.
    if (answers.length !== this.#expected.length) return this.#lines;
    let wrong = 0;
    for (let at = 0; at < answers.length; at += LINE_BYTES) {
      if (this.#expected.compare(answers, at, at + LINE_BYTES, at, at + LINE_BYTES) !== 0) wrong++;
    }
    return wrong;
  }
}

function textOf(word: string, lines: number): Buffer {
  const digits = "0".repeat(TURN_DIGITS);
  return Buffer.from(
    Array.from({ length: lines }, (_, i) => `${word}${digits}${String(i).padStart(3, "0")}\n`).join(""),
    "latin1",
  );
}

/** A pool of such connections for each number of lines. */
export function linePools(): (burst: Burst) => LoadPool {
  const pools = new Map<number, LoadPool>();
  return ({ pipelining }) => {
    const pool =
      pools.get(pipelining) ?? new LoadPool((raw, _burst, number) => new LineConnection(raw, pipelining, number));
    pools.set(pipelining, pool);
    return pool;
  };
}

if (import.meta.main) {
  const poolFor = linePools();
  await runProgram((burst) => poolFor(burst).run(burst));
}
