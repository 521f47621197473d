// Sides that serve connections: so many lines, one chunk for each of them a round, the answers checked byte for byte before the first sample
// and by their number of bytes ever after.

import { runOn } from "../../../src/core/run.ts";
import type { Operation } from "../../../src/core/operation.ts";
import { Scheduler } from "../../../src/core/scheduler.ts";
import { CONNECTIONS, type Counts, type Side } from "./job.ts";
import { feed, FakeSocket, type Line, LoneHost } from "./world.ts";

/** What a connection is fed, and what it must answer. */
export interface Dialogue {
  /** One chunk, one character a byte. */
  readonly chunk: string;
  /** Requests or messages in it. */
  readonly operations: number;
  /** Whether `answer` answers the whole chunk. A second look at the same connection must find the same number of bytes. */
  readonly isAnswer: (answer: string) => boolean;
}

/** Our side: `server` is an operation that listens and serves for ever. */
export function oursSide(dialogue: Dialogue, server: () => Operation<unknown>): Side {
  const host = new LoneHost();
  const scheduler = new Scheduler(host);
  runOn(scheduler, server);
  host.drain();
  const lines = Array.from({ length: CONNECTIONS }, (): Line => {
    const socket = new FakeSocket();
    const handler = host.transport.open(socket);
    return { socket, data: (chunk) => handler.socketData(chunk) };
  });
  host.drain();
  const roundEnded = (): void => {
    if (host.pending) host.turn();
  };
  const { timers } = scheduler;
  const counts = (): Counts => ({ steps: scheduler.steps, "timer operations": timers.arms + timers.cancels });
  return { ...sideOf(dialogue, lines, roundEnded), counts: () => ({ ...writesOf(lines), ...counts() }) };
}

/** The floor: every chunk is thrown back as it is. */
export function floorSide({ chunk, operations }: Dialogue): Side {
  const lines = Array.from({ length: CONNECTIONS }, (): Line => {
    const socket = new FakeSocket();
    return { socket, data: (chunk) => void socket.write(chunk, 0, chunk.length) };
  });
  return sideOf({ chunk, operations, isAnswer: (answer) => answer === chunk }, lines, () => {});
}

/** A side that feeds `lines` and calls `roundEnded` behind each round. @throws Error when the first answer is wrong. */
export function sideOf(
  { chunk, operations, isAnswer }: Dialogue,
  lines: readonly Line[],
  roundEnded: () => void,
): Side {
  const bytes = Buffer.from(chunk, "latin1");
  let rounds = 0;
  const round = (): void => {
    rounds++;
    feed(lines, bytes);
    roundEnded();
  };
  for (const { socket } of lines) socket.copies = [];
  round();
  const lengths = lines.map(({ socket }) => {
    const answer = (socket.copies as string[]).join("");
    if (!isAnswer(answer))
      throw new Error(`Cannot time the job: its answer is ${JSON.stringify(answer.slice(0, 400))}`);
    socket.copies = null;
    return answer.length;
  });
  const check = (): void => {
    for (const [i, { socket }] of lines.entries()) {
      const expected = rounds * (lengths[i] as number);
      if (socket.bytesWritten !== expected)
        throw new Error(`Cannot use the sample: connection ${i} wrote ${socket.bytesWritten} bytes of ${expected}`);
    }
  };
  return { operations: operations * lines.length, round, check, counts: () => writesOf(lines) };
}

function writesOf(lines: readonly Line[]): Counts {
  return { "kernel writes": lines.reduce((sum, { socket }) => sum + socket.writes, 0) };
}
