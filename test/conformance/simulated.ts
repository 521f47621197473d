// Runs cases against the handler of examples/http-echo.ts in a simulated world: many clients at a time, one server, virtual time. A client's
// 2.5 s of waiting to see whether the server closes cost nothing, so tens of thousands of connections are a matter of seconds.

import { httpEcho } from "../../examples/http-echo.ts";
import type { Steps } from "../../src/core/operation.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { sleep } from "../../src/core/sleep.ts";
import { serveHttp } from "../../src/http/index.ts";
import { CALM_NETWORK, type SimHost, SimPeer, Simulation } from "../../src/sim/index.ts";
import { asksForHead, bytesOf, type ConformanceCase, piecesOf } from "./case.ts";
import { type Transcript, wantsFin } from "./judge.ts";
import { readResponses } from "./responses.ts";

const SERVER = { port: 8_080 };

/** Virtual ms between two pieces, when the row names none: each arrives, and is worked on, before the next is sent. */
const BETWEEN_PIECES_MS = 2;
/** Virtual ms after the last byte in which the server may answer and close. */
const ANSWER_MS = 2_500;
/** Virtual ms after a FIN that was sent because the server waited for more. */
const AFTER_FIN_MS = 1_500;

/** Connections of one world, and bytes on them: what bounds its memory. */
const CLIENTS_PER_WORLD = 250;
const BYTES_PER_WORLD = 32 * 1024 * 1024;
/** Bytes that a case which needs a large answer counts for. */
const LARGE_ANSWER_BYTES = 8 * 1024 * 1024;

/** What one client does. */
export interface Plan {
  readonly row: ConformanceCase;
  readonly pieces: readonly Uint8Array[];
  /** Bytes that the client receives before the answer to `row` begins: the answer to what is pipelined in front of it. */
  readonly answeredBytes: number;
}

/** The plan of a row as it stands. */
export function planOf(row: ConformanceCase): Plan {
  return { row, pieces: piecesOf(row), answeredBytes: 0 };
}

/** The plan of a row whose bytes come in two pieces. */
export function cutPlanOf(row: ConformanceCase, at: number): Plan {
  const bytes = bytesOf(row);
  return { row, pieces: [bytes.subarray(0, at), bytes.subarray(at)], answeredBytes: 0 };
}

/** The plan of a row that is sent together with another one in front of it, which is answered with `answeredBytes` bytes. */
export function pipelinePlanOf(front: ConformanceCase, answeredBytes: number, row: ConformanceCase): Plan {
  return { row, pieces: [Buffer.concat([bytesOf(front), bytesOf(row)])], answeredBytes };
}

/** Runs all plans, in as many worlds as they need, and hands over what each client got, in order. */
export async function runSimulated<P extends Plan>(
  plans: Iterable<P>,
  seed: number,
  take: (plan: P, transcript: Transcript) => void,
): Promise<void> {
  let worlds = 0;
  let batch: P[] = [];
  let bytes = 0;
  const run = async (): Promise<void> => {
    const transcripts = await runWorld(batch, seed + worlds++);
    for (const [index, plan] of batch.entries()) take(plan, transcripts[index] as Transcript);
    batch = [];
    bytes = 0;
  };
  for (const plan of plans) {
    batch.push(plan);
    for (const piece of plan.pieces) bytes += piece.length;
    if (plan.row.needs === "/large") bytes += LARGE_ANSWER_BYTES;
    if (batch.length >= CLIENTS_PER_WORLD || bytes >= BYTES_PER_WORLD) await run();
  }
  if (batch.length > 0) await run();
}

async function runWorld(plans: readonly Plan[], seed: number): Promise<Transcript[]> {
  const simulation = new Simulation({ seed, network: CALM_NETWORK, development: false });
  const { host } = simulation;
  const transcripts: Transcript[] = [];
  await simulation.run(function* () {
    yield* scope(function* (tasks) {
      const server = tasks.spawn(() => serveHttp(SERVER, httpEcho, { onError: () => {} }), "the server");
      yield* sleep(1);
      yield* scope(function* (clients) {
        for (const [index, plan] of plans.entries()) {
          clients.spawn(function* () {
            transcripts[index] = yield* runPlan(host, plan);
          });
        }
      });
      for (const socket of host.transport.sockets) if (socket.remotePort === SERVER.port) socket.terminate();
      server.cancel();
    });
  });
  const { reports, transport } = host;
  if (reports.length > 0 || transport.sockets.length > 0)
    throw new Error(
      `Cannot trust a world, seed ${seed}: ${transport.sockets.length} sockets leaked; ${reports.join("; ")}`,
    );
  return transcripts;
}

function* runPlan(host: SimHost, { row, pieces, answeredBytes }: Plan): Steps<Transcript> {
  const peer = SimPeer.connect(host, SERVER);
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) yield* sleep(row.pause_ms ?? BETWEEN_PIECES_MS);
    if (piece.length > 0) peer.send(piece);
  }
  if (row.half_close === true) peer.shutdown();
  yield* sleep(ANSWER_MS);
  const received = receivedBy(peer);
  const closed = isClosed(peer);
  if (!wantsFin(row, received.subarray(answeredBytes), closed)) return { received, closed, afterFin: null };
  peer.shutdown();
  yield* sleep(AFTER_FIN_MS);
  return { received, closed, afterFin: { received: receivedBy(peer), closed: isClosed(peer) } };
}

function receivedBy(peer: SimPeer): Buffer {
  const { buffer, byteOffset, byteLength } = peer.received;
  return Buffer.from(buffer, byteOffset, byteLength);
}

function isClosed(peer: SimPeer): boolean {
  return peer.ended || peer.closed;
}

/** Whether two transcripts of one row are the same outcome: status, headers but Date, and body of each final response, and the closing. */
export function sameOutcome(row: ConformanceCase, one: Transcript, other: Transcript): boolean {
  if (one.closed !== other.closed || one.afterFin?.closed !== other.afterFin?.closed) return false;
  const [a, b] = [one, other].map(({ received, afterFin }) => afterFin?.received ?? received) as [Buffer, Buffer];
  return a.equals(b) || outcomeOf(row, a) === outcomeOf(row, b);
}

/** The same as text, to be shown where two differ. A 100 may be left out once the body has come (RFC 9110 section 10.1.1), so it does not count. */
export function outcomeOf(row: ConformanceCase, received: Buffer): string {
  const { final, rest } = readResponses(received, asksForHead(row));
  const lines = final.map(({ status, headers, body }) => {
    const kept = [...headers].filter(([name]) => name !== "date");
    return `${status} ${JSON.stringify(kept)} ${body.toString("latin1")}`;
  });
  return [...lines, rest.toString("latin1")].join("\n");
}
