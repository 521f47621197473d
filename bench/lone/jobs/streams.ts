// Jobs on bare connections: an echo of 64 bytes, and a protocol of lines, sixteen of them in a chunk.

import type { Steps } from "../../../src/core/operation.ts";
import type { Conn } from "../../../src/net/conn.ts";
import { serve } from "../../../src/net/serve.ts";
import type { AsyncConn } from "../../servers/shared/async-conn.ts";
import type { LoneJob } from "../shared/job.ts";
import { type Dialogue, floorSide, oursSide, twinSide } from "../shared/served.ts";

const MESSAGE = "over the weir ".repeat(5).slice(0, 64);
const ECHO: Dialogue = { chunk: MESSAGE, operations: 1, isAnswer: (answer) => answer === MESSAGE };

function* echoHandler(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

async function asyncEcho(conn: AsyncConn): Promise<void> {
  for (;;) {
    const data = await conn.read();
    if (data === null) return;
    const full = conn.write(data);
    if (full !== undefined) await full;
  }
}

export const echo: LoneJob = {
  name: "echo",
  about: "64 bytes there and back",
  make: {
    ours: () => oursSide(ECHO, () => serve({ port: 0 }, echoHandler)),
    twin: () => twinSide(ECHO, asyncEcho),
    floor: () => floorSide(ECHO),
  },
};

const LINES = 16;
const numbers = Array.from({ length: LINES }, (_, i) => 1_000 + i);
const ANSWER = numbers.map((n) => `PONG ${n}\n`).join("");
const LINE16: Dialogue = {
  chunk: numbers.map((n) => `PING ${n}\n`).join(""),
  operations: LINES,
  isAnswer: (answer) => answer === ANSWER,
};

function* lineHandler(conn: Conn): Steps<void> {
  for (let line: string | null; (line = yield* conn.readLine()) !== null;) yield* conn.write(`PONG ${line.slice(5)}\n`);
}

export const line16: LoneJob = {
  name: "line16",
  about: "`PING n` answered by `PONG n`, 16 lines a chunk",
  make: {
    ours: () => oursSide(LINE16, () => serve({ port: 0 }, lineHandler)),
    twin: null,
    floor: () => floorSide(LINE16),
  },
};
