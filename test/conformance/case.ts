// A conformance case: the bytes of one or more requests, how they are delivered, and which outcomes RFC 9110 and RFC 9112 allow. The rows
// stand in cases/*.jsonl, a file a group; this file reads them. What an expectation means is in judge.ts.
//
// Rows are data that people write by hand, so reading is strict: an unknown key, an id that was used before and a row in the file of
// another group are errors.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "cases");

/** The outcomes that are allowed. "Final" responses are those that are not 1xx; a 101 counts as the only final one. */
export interface Expectation {
  /** Statuses of the first final response; `null`: none is due. */
  readonly status: readonly number[] | null;
  /** Statuses of the final responses behind it, in order. */
  readonly then?: readonly (readonly number[])[];
  /** Number of final responses, or the numbers that are allowed. */
  readonly responses: number | readonly number[];
  /** Whether the server closes. `null`: it may, and must behind a 400. */
  readonly close: boolean | null;
  /** Body of the first final response, when that is no error. */
  readonly body?: string;
  /** The 1xx that comes first, and that none comes. */
  readonly interim?: readonly number[];
  readonly no_interim?: boolean;
  /** Headers of the first final response: an exact value in lower case, or `~` and a regular expression. `a|b`: the first that is there. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly no_headers?: readonly string[];
  /** Nothing follows the responses: the answer to HEAD, or a 204, must have no body. */
  readonly no_body?: boolean;
  /** Statuses that the first final response must not have. */
  readonly not_status?: readonly number[];
  /** Text that must not reach a handler, and so appears in no body and no target. */
  readonly never?: string;
  /** The request is not complete: at the client's FIN the server answers with an error or says nothing, and closes. */
  readonly on_eof?: string;
  /** What the handler saw, as the echo server tells it. */
  readonly method_seen?: string;
  readonly host_seen?: string;
  readonly target_seen?: string;
  readonly req_headers?: Readonly<Record<string, string>>;
}

/** One row. */
export interface ConformanceCase {
  readonly id: string;
  readonly group: string;
  /** The request, one character a byte; `{{rep:TEXT:N}}` stands for TEXT N times. */
  readonly raw: string;
  /** Cuts: one byte a piece, or offsets, counted from the end when they are negative. */
  readonly split?: "each-byte" | readonly number[];
  /** Ms between the pieces. */
  readonly pause_ms?: number;
  /** The client sends FIN behind its last byte. */
  readonly half_close?: boolean;
  readonly expect: Expectation;
  /** Where several statuses are legal, the strict one. */
  readonly prefer?: number;
  /** Path or setting of the echo server without which the case means nothing. */
  readonly needs?: string;
  readonly why: string;
  readonly ref: string;
  /** The RFC's word; IMPL where it leaves the choice to the server. */
  readonly level: "MUST" | "SHOULD" | "MAY" | "IMPL";
}

/** All rows, group by group. @throws Error for a row that is not as it should be. */
export function readCases(): ConformanceCase[] {
  const cases: ConformanceCase[] = [];
  const ids = new Set<string>();
  for (const file of readdirSync(FOLDER).toSorted()) {
    for (const row of parseRows(readFileSync(join(FOLDER, file), "utf8"), file)) {
      if (`${row.group}.jsonl` !== file) throw new Error(`Cannot read case ${row.id}: it stands in ${file}`);
      if (ids.has(row.id)) throw new Error(`Cannot read case ${row.id}: there is another one of that id`);
      ids.add(row.id);
      cases.push(row);
    }
  }
  return cases;
}

/** The rows of one file. @throws Error for a row that is not as it should be. */
export function parseRows(text: string, file: string): ConformanceCase[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line, index) => {
    const row = JSON.parse(line) as ConformanceCase;
    const fault = faultOf(row);
    if (fault !== null) throw new Error(`Cannot read line ${index + 1} of ${file}: ${fault}`);
    return row;
  });
}

/** The bytes that the client sends. */
export function bytesOf(row: ConformanceCase): Buffer {
  let bytes = expansions.get(row);
  if (bytes === undefined) {
    bytes = expand(row.raw);
    expansions.set(row, bytes);
  }
  return bytes;
}

const expansions = new WeakMap<ConformanceCase, Buffer>();

function expand(raw: string): Buffer {
  const expanded = raw.replace(/\{\{rep:(.*?):(\d+)\}\}/gs, (_, text: string, times: string) =>
    text.repeat(Number(times)),
  );
  return Buffer.from(expanded, "latin1");
}

/** The same in the pieces in which the row wants them sent. */
export function piecesOf(row: ConformanceCase): Buffer[] {
  const bytes = bytesOf(row);
  const { split } = row;
  if (split === undefined) return [bytes];
  const cuts =
    split === "each-byte"
      ? Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1)
      : split.map((cut) => (cut < 0 ? bytes.length + cut : cut)).toSorted((a, b) => a - b);
  return [...cuts, bytes.length].map((to, index) => bytes.subarray(cuts[index - 1] ?? 0, to));
}

/** Whether the outcome depends on when the bytes come: such a row is run as it stands, and not cut or pipelined. */
export function isTimed(row: ConformanceCase): boolean {
  return row.split !== undefined || row.pause_ms !== undefined;
}

/** Whether the first request is HEAD, whose answer has no body. */
export function asksForHead(row: ConformanceCase): boolean {
  return /^[\r\n]*HEAD /.test(row.raw);
}

/** The numbers of final responses that are allowed. */
export function countsOf({ responses }: Expectation): readonly number[] {
  return typeof responses === "number" ? [responses] : responses;
}

const ROW_KEYS = keys("id group raw split pause_ms half_close expect prefer needs why ref level");
const EXPECT_KEYS = keys(
  "status then responses close body interim no_interim headers no_headers no_body not_status never on_eof",
  "method_seen host_seen target_seen req_headers",
);

function keys(...lists: string[]): ReadonlySet<string> {
  return new Set(lists.flatMap((list) => list.split(" ")));
}

function faultOf(row: ConformanceCase): string | null {
  const { expect } = row;
  for (const [name, value] of Object.entries({ id: row.id, group: row.group, why: row.why, ref: row.ref })) {
    if (typeof value !== "string" || value === "") return `it has no ${name}`;
  }
  if (typeof row.raw !== "string" || /[^\x00-\xff]/.test(row.raw)) return "its bytes are not one character a byte";
  if (!["MUST", "SHOULD", "MAY", "IMPL"].includes(row.level)) return `its level is ${row.level}`;
  if (expect?.status === undefined || expect.responses === undefined || expect.close === undefined)
    return "it does not say which status, how many responses and whether the server closes";
  const unknown = [
    ...Object.keys(row).filter((key) => !ROW_KEYS.has(key)),
    ...Object.keys(expect).filter((key) => !EXPECT_KEYS.has(key)),
  ];
  return unknown.length === 0 ? null : `it has a key that nobody knows: ${unknown.join(", ")}`;
}
