// Every conformance case against the echo server in virtual time: as it stands, cut in two at every byte, and pipelined behind others. SEED
// in the environment runs them under another seed.

import { beforeAll, describe, expect, test } from "bun:test";
import { createPrng } from "../../src/sim/index.ts";
import { asksForHead, bytesOf, countsOf, type ConformanceCase, isTimed, readCases } from "./case.ts";
import { complaintsAbout, type Transcript } from "./judge.ts";
import { readResponses } from "./responses.ts";
import { cutPlanOf, outcomeOf, type Plan, pipelinePlanOf, planOf, runSimulated, sameOutcome } from "./simulated.ts";

const SEED = Number(process.env["SEED"] ?? "20260101");
const prng = createPrng(SEED);

/** A case is small when it sends, and receives, at most so many bytes: it is cut at every offset, and pipelined behind every other small one. */
const SMALL_SENT_BYTES_MAX = 4_096;
const SMALL_RECEIVED_BYTES_MAX = 8_192;
/** Offsets at which another one is cut, and neighbours that it gets, unless that comes to more bytes than the second number. */
const SAMPLES = 64;
const SAMPLED_BYTES_MAX = 48 * 1024 * 1024;

/** Above what a slow machine needs: all of it passes in a few seconds elsewhere. */
const TIMEOUT_MS = 120_000;
/** Differences that are shown. One fault in the server may show up in thousands of places. */
const SHOWN_MAX = 10;

const cases = readCases();
const untimed = cases.filter((row) => !isTimed(row));
/** What comes of each case alone. */
const alone = new Map<ConformanceCase, Transcript>();

beforeAll(
  () => runSimulated(cases.map(planOf), SEED, ({ row }, transcript) => void alone.set(row, transcript)),
  TIMEOUT_MS,
);

describe(`httpEcho in a simulated world, seed ${SEED}`, () => {
  test.each(cases.map((row) => [row.id, row] as const))("httpEcho passes %s", (_, row) => {
    expect(complaintsAbout(row, aloneOf(row))).toEqual([]);
  });

  test(
    "httpEcho gives each case the same outcome wherever its bytes are cut in two",
    async () => {
      const differences: string[] = [];
      await runSimulated(allCuts(), SEED, (plan, transcript) => {
        const { row } = plan;
        if (!sameOutcome(row, aloneOf(row), transcript))
          differences.push(`${row.id} cut at ${plan.at}: ${difference(row, transcript)}`);
      });
      expect(differences.slice(0, SHOWN_MAX)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "httpEcho gives each case the same outcome when another is pipelined in front of it",
    async () => {
      const differences: string[] = [];
      await runSimulated(allPairs(), SEED, (plan, transcript) => {
        const { row, front } = plan;
        const [before, behind] = split(transcript, plan.answeredBytes);
        if (!sameOutcome(front, aloneOf(front), before))
          differences.push(`${front.id} in front of ${row.id}: ${difference(front, before)}`);
        else if (!sameOutcome(row, aloneOf(row), behind))
          differences.push(`${row.id} behind ${front.id}: ${difference(row, behind)}`);
      });
      expect(differences.slice(0, SHOWN_MAX)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

function aloneOf(row: ConformanceCase): Transcript {
  const transcript = alone.get(row);
  if (transcript === undefined) throw new Error(`Cannot compare ${row.id}: it was not run`);
  return transcript;
}

// --- cuts --------------------------------------------------------------------------------------------------------------------

interface Cut extends Plan {
  readonly at: number;
}

function* allCuts(): Generator<Cut, void, undefined> {
  for (const row of untimed) for (const at of cutsOf(row)) yield { ...cutPlanOf(row, at), at };
}

function cutsOf(row: ConformanceCase): number[] {
  const size = bytesOf(row).length;
  if (isSmall(row)) return Array.from({ length: Math.max(0, size - 1) }, (_, index) => index + 1);
  return Array.from({ length: samplesOf(row) }, () => prng.between(1, size - 1));
}

function isSmall(row: ConformanceCase): boolean {
  return bytesOf(row).length <= SMALL_SENT_BYTES_MAX && aloneOf(row).received.length <= SMALL_RECEIVED_BYTES_MAX;
}

function samplesOf(row: ConformanceCase): number {
  const bytes = bytesOf(row).length + aloneOf(row).received.length;
  return Math.max(1, Math.min(SAMPLES, Math.floor(SAMPLED_BYTES_MAX / bytes)));
}

// --- pairs -------------------------------------------------------------------------------------------------------------------

interface Pair extends Plan {
  readonly front: ConformanceCase;
}

/** Each case behind each other that can stand in front; a large one behind, or in front of, a sample of them. */
function* allPairs(): Generator<Pair, void, undefined> {
  const fronts = distinct(untimed.filter(canStandInFront));
  const pair = (front: ConformanceCase, row: ConformanceCase): Pair => ({
    ...pipelinePlanOf(front, aloneOf(front).received.length, row),
    front,
  });
  const small = untimed.filter(isSmall);
  for (const front of fronts) for (const row of isSmall(front) ? small : sample(untimed, front)) yield pair(front, row);
  for (const row of untimed) if (!isSmall(row)) for (const front of sample(fronts, row)) yield pair(front, row);
}

/** One whole request with one final answer, and an open connection behind it. */
function canStandInFront(row: ConformanceCase): boolean {
  const { received, closed, afterFin } = aloneOf(row);
  const mayGoOn = row.expect.on_eof !== undefined || countsOf(row.expect).some((count) => count > 1);
  if (closed || afterFin !== null || row.half_close === true || mayGoOn) return false;
  return readResponses(received, asksForHead(row)).final.length === 1;
}

/** Cases that send the same bytes, and differ in what is expected, count once. */
function distinct(rows: readonly ConformanceCase[]): ConformanceCase[] {
  return [...new Map(rows.map((row) => [row.raw, row])).values()];
}

function sample(rows: readonly ConformanceCase[], neighbour: ConformanceCase): ConformanceCase[] {
  return Array.from({ length: samplesOf(neighbour) }, () => rows[prng.between(0, rows.length - 1)] as ConformanceCase);
}

function split({ received, closed, afterFin }: Transcript, at: number): [Transcript, Transcript] {
  const behind = afterFin && { received: afterFin.received.subarray(at), closed: afterFin.closed };
  return [
    { received: received.subarray(0, at), closed: false, afterFin: null },
    { received: received.subarray(at), closed, afterFin: behind },
  ];
}

// --- what is shown -----------------------------------------------------------------------------------------------------------

function difference(row: ConformanceCase, transcript: Transcript): string {
  return `${shown(row, transcript)}, alone ${shown(row, aloneOf(row))}, seed ${SEED}`;
}

function shown(row: ConformanceCase, { received, closed, afterFin }: Transcript): string {
  const outcome = outcomeOf(row, afterFin?.received ?? received);
  return `${(afterFin?.closed ?? closed) ? "closed" : "open"} ${JSON.stringify(outcome.slice(0, 200))}`;
}
