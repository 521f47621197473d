// Jobs on bare connections: an echo of 64 bytes, and a protocol of lines, sixteen of them in a chunk.

import type { Steps } from "../../../src/core/operation.ts";
import type { Conn } from "../../../src/net/conn.ts";
import { serve } from "../../../src/net/serve.ts";
import { answerTo } from "../../servers/shared/answers.ts";
import type { LoneJob } from "../shared/job.ts";
import { type Dialogue, floorSide, oursSide } from "../shared/served.ts";

const MESSAGE = "over the weir ".repeat(5).slice(0, 64);
const ECHO: Dialogue = { chunk: MESSAGE, operations: 1, isAnswer: (answer) => answer === MESSAGE };

function* echoHandler(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

export const echo: LoneJob = {
  name: "echo",
  about: "64 bytes there and back",
  make: {
    ours: () => oursSide(ECHO, () => serve({ port: 0 }, echoHandler)),
    twin: async () => (await import("../twins.ts")).echoTwin(ECHO),
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
  for (let line: string | null; (line = yield* conn.readLine()) !== null;) yield* conn.write(`${answerTo(line)}\n`);
}

export const line16: LoneJob = {
  name: "line16",
  about: "`PING n` answered by `PONG n`, 16 lines a chunk",
  make: {
    ours: () => oursSide(LINE16, () => serve({ port: 0 }, lineHandler)),
    twin: async () => (await import("../twins.ts")).lineTwin(LINE16),
    floor: () => floorSide(LINE16),
  },
};
