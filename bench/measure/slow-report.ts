// The tables of the slow clients' bench, in Markdown, and what is laid down about them.

import type { Fates } from "../load/slow.ts";
import { describeSession, type Session } from "./session.ts";
import { LATE_MS_MAX, STALL_SPANS_MAX, type SlowExtent, type SlowRound } from "./slow.ts";
import { median } from "./statistics.ts";

/** Everything that one call has measured. */
export interface SlowResults extends Session {
  readonly extent: SlowExtent;
  readonly rounds: readonly SlowRound[];
}

/** Most by which slow clients may stretch a good client's p99. */
export const P99_RATIO_MAX = 2;
/**
 * Most resident bytes of a non-reader: the outbox's high-water mark of 64 KiB and the piece that went over it, the piece that waits, the connection
 * itself, which make 100 KB; the rest is the allocator's waste.
 */
export const NON_READER_BYTES_MAX = 128 * 1024;

/** The whole report. */
export function slowReportOf(results: SlowResults): string {
  const { extent, rounds } = results;
  const arms = [...new Set(rounds.map(({ arm }) => arm))];
  const byArm = arms.map((arm) => rounds.filter((round) => round.arm === arm));
  return [
    describeSession(results),
    `Slow clients: ${JSON.stringify(extent)}; medians of ${byArm[0]?.length ?? 0} rounds`,
    latencyTable(byArm),
    memoryTable(byArm, extent),
    closeTable(byArm, extent),
  ].join("\n\n");
}

/** By how much the slow clients stretch the p99 of the good one. */
export function p99Ratio(rounds: readonly SlowRound[]): number {
  return median(rounds.map(({ quiet, slow }) => slow.p99Us / quiet.p99Us));
}

/** Resident bytes of a drip, and of a non-reader. */
export function bytesEach(rounds: readonly SlowRound[], extent: SlowExtent): { drip: number; nonReader: number } {
  const { drips, nonReaders } = extent;
  return {
    drip: median(rounds.map(({ before, withDrips }) => (withDrips.resident - before.resident) / drips)),
    nonReader: median(rounds.map(({ withDrips, withAll }) => (withAll.resident - withDrips.resident) / nonReaders)),
  };
}

/** Clients that were closed at their deadline and not before it; `spans`: by how much of it the server may be late by design. */
export function closedInTime({ closedMs }: Fates, deadlineMs: number, spans = 1): number {
  // Timers count whole ms, and the client's own clock starts a little after the server's.
  const [from, to] = [deadlineMs - LATE_MS_MAX / 10, deadlineMs * spans + LATE_MS_MAX];
  return closedMs.filter((ms) => ms >= from && ms <= to).length;
}

function latencyTable(byArm: readonly (readonly SlowRound[])[]): string {
  const rows = byArm.map((rounds) => {
    const of = (pick: (round: SlowRound) => number): string => whole(median(rounds.map(pick)));
    const ratio = p99Ratio(rounds);
    return [
      nameOf(rounds),
      of(({ quiet }) => quiet.p50Us),
      of(({ slow }) => slow.p50Us),
      of(({ quiet }) => quiet.p99Us),
      of(({ slow }) => slow.p99Us),
      ratio.toFixed(2),
      ratio <= P99_RATIO_MAX ? "holds" : "does NOT hold",
      of(({ slow }) => slow.maxUs),
      of(({ coming }) => coming.p99Us),
      of(({ slow }) => slow.lagP99Us),
    ];
  });
  const head = ["arm", "p50 alone", "p50 among", "p99 alone", "p99 among", "ratio", `at most ${P99_RATIO_MAX}`];
  return table(
    "A good client, µs from the intended time",
    [...head, "max among", "p99 while non-readers come", "client's own lag, p99"],
    rows,
  );
}

function memoryTable(byArm: readonly (readonly SlowRound[])[], extent: SlowExtent): string {
  const rows = byArm.map((rounds) => {
    const mib = (pick: (round: SlowRound) => number): string => (median(rounds.map(pick)) / 2 ** 20).toFixed(1);
    const { drip, nonReader } = bytesEach(rounds, extent);
    return [
      nameOf(rounds),
      mib(({ before }) => before.resident),
      mib(({ withAll }) => withAll.resident),
      mib(({ peakResident }) => peakResident),
      mib(({ after }) => after.resident),
      kib(drip),
      kib(nonReader),
      nonReader <= NON_READER_BYTES_MAX ? "holds" : "does NOT hold",
      mib(({ before, withAll }) => withAll.kernel - before.kernel),
    ];
  });
  const bound = `at most ${NON_READER_BYTES_MAX / 1024} KiB`;
  const head = ["arm", "before", "with all", "peak", "after", "KiB a drip", "KiB a non-reader", bound];
  return table("Resident memory, MiB", [...head, "sockets in the kernel, both ends"], rows);
}

function closeTable(byArm: readonly (readonly SlowRound[])[], extent: SlowExtent): string {
  const rows = byArm.flatMap((rounds) => [
    closeRow(
      `${nameOf(rounds)}: drips`,
      rounds.map(({ clients }) => clients.drips),
      extent.headMs,
      1,
    ),
    closeRow(
      `${nameOf(rounds)}: non-readers`,
      rounds.map(({ clients }) => clients.nonReaders),
      extent.writeStallMs,
      STALL_SPANS_MAX,
    ),
  ]);
  const head = [
    "clients",
    "opened",
    "deadline ms",
    "closed in time",
    "closed at all",
    "first ms",
    "last ms",
    "answered",
  ];
  return table(
    `When slow clients were closed, in all rounds; in time: drips up to ${LATE_MS_MAX} ms late, non-readers within ${STALL_SPANS_MAX} deadlines`,
    head,
    rows,
  );
}

function closeRow(name: string, fates: readonly Fates[], deadlineMs: number, spans: number): string[] {
  const sum = (pick: (fate: Fates) => number): string =>
    whole(fates.map(pick).reduce((total, count) => total + count, 0));
  const closed = fates.flatMap(({ closedMs }) => closedMs).sort((a, b) => a - b);
  const statuses = new Set(fates.flatMap((fate) => Object.keys(fate.statuses)));
  return [
    name,
    sum(({ opened }) => opened),
    whole(deadlineMs),
    sum((fate) => closedInTime(fate, deadlineMs, spans)),
    sum(({ closedMs }) => closedMs.length),
    whole(closed[0] ?? 0),
    whole(closed.at(-1) ?? 0),
    [...statuses].map((status) => `${status}: ${sum((fate) => fate.statuses[status] ?? 0)}`).join(", "),
  ];
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [`### ${title}`, "", line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join(
    "\n",
  );
}

const nameOf = (rounds: readonly SlowRound[]): string => rounds[0]?.arm ?? "";
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const kib = (bytes: number): string => (bytes / 1024).toFixed(1);
