// Load for an echo server: every connection sends a message of 64 bytes and checks that just these bytes come back. The message carries the
// number of its connection and of its turn, so an answer to somebody else, or to an earlier message, is caught.
// `bun bench/load/echo.ts --port 7000 [--ms 2000] [--connections 64] [--rate 20000]`

import type { BurstDriver } from "./shared/burst.ts";
import { LoadPool, type LoadSocket, writeWhole } from "./shared/pool.ts";
import { runProgram } from "./shared/program.ts";

const MESSAGE_BYTES = 64;

/** One connection that sends and expects echoes. */
export class EchoConnection implements LoadSocket {
  driver: BurstDriver | null = null;
  readonly #raw: Bun.Socket<LoadSocket | undefined>;
  readonly #message: Buffer;
  readonly #answer: Buffer = Buffer.alloc(MESSAGE_BYTES);
  #came = 0;
  #turn = 0;

  constructor(raw: Bun.Socket<LoadSocket | undefined>, number: number) {
    this.#raw = raw;
    this.#message = Buffer.alloc(MESSAGE_BYTES, `connection ${number} `);
    this.#message.writeUInt32LE(number, 4);
  }

  send(): void {
    this.#turn = (this.#turn + 1) >>> 0;
    this.#message.writeUInt32LE(this.#turn, 0);
    writeWhole(this.#raw, this.#message);
  }

  data(chunk: Uint8Array): void {
    if (this.#came === 0 && chunk.length === MESSAGE_BYTES) {
      this.#answered(this.#message.equals(chunk));
      return;
    }
    this.#answer.set(chunk.subarray(0, MESSAGE_BYTES - this.#came), this.#came);
    this.#came += chunk.length;
    if (this.#came < MESSAGE_BYTES) return;
    const whole = this.#came === MESSAGE_BYTES && this.#answer.equals(this.#message);
    this.#came = 0;
    this.#answered(whole);
  }

  #answered(right: boolean): void {
    this.driver?.answered(this, right ? 0 : 1);
  }
}

if (import.meta.main) {
  const pool = new LoadPool((raw, _burst, number) => new EchoConnection(raw, number));
  await runProgram((burst) => pool.run({ ...burst, pipelining: 1 }));
}
