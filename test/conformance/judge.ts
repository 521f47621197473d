// Holds what happened on a connection against the expectation of its case. It knows nothing of how the bytes travelled: the simulated network
// and the real socket hand in the same transcript.

import { asksForHead, type ConformanceCase, countsOf, type Expectation } from "./case.ts";
import { readResponses, type WireResponse, type WireResponses } from "./responses.ts";

/** What a client got. */
export interface Transcript {
  readonly received: Buffer;
  /** The server has closed: with a FIN or a reset. */
  readonly closed: boolean;
  /** The same some time after the client's FIN, where that was sent because the server had waited for more. */
  readonly afterFin: { readonly received: Buffer; readonly closed: boolean } | null;
}

/** Statuses after which an incomplete request counts as refused. */
const REFUSED: readonly number[] = [400, 408];

/** Whether the case is about a request that never ends, and the server rightly waits: then the client sends FIN and looks again. */
export function wantsFin(row: ConformanceCase, received: Buffer, closed: boolean): boolean {
  return row.expect.on_eof !== undefined && !closed && readResponses(received, asksForHead(row)).final.length === 0;
}

/** What is wrong, a line each; nothing when the outcome is allowed. */
export function complaintsAbout(row: ConformanceCase, transcript: Transcript): string[] {
  const { expect } = row;
  const responses = readResponses(transcript.received, asksForHead(row));
  const closed = transcript.afterFin?.closed ?? transcript.closed;
  const [first, ...later] = responses.final;
  const complaints = [
    ...aboutFin(row, transcript),
    ...aboutCount(expect, responses),
    ...aboutClosing(expect, responses.final.at(-1), closed),
    ...aboutInterim(expect, responses.interim),
  ];
  if (first !== undefined) complaints.push(...aboutFirst(expect, first), ...aboutRequest(expect, first));
  for (const [index, { status }] of later.entries()) {
    const allowed = expect.then?.[index];
    if (allowed !== undefined && !allowed.includes(status)) complaints.push(`then ${status}, expected ${allowed}`);
  }
  if (responses.final.some((response) => leaks(response, expect.never))) complaints.push(`let ${expect.never} through`);
  if (responses.rest.length > 0)
    complaints.push(`sent what is no response: ${JSON.stringify(responses.rest.toString("latin1", 0, 60))}`);
  return complaints;
}

function aboutFin(row: ConformanceCase, { afterFin }: Transcript): string[] {
  if (afterFin === null) return [];
  const [first] = readResponses(afterFin.received, asksForHead(row)).final;
  if (first !== undefined && first.status < 400) return [`answered ${first.status} to an incomplete request`];
  return afterFin.closed ? [] : ["still open after the client's FIN"];
}

function aboutCount(expect: Expectation, { final }: WireResponses): string[] {
  const allowed = countsOf(expect);
  if (allowed.includes(final.length)) return [];
  const [first] = final;
  // An incomplete request may be refused early.
  if (expect.on_eof !== undefined && final.length <= 1)
    if (first === undefined || (expect.status ?? REFUSED).includes(first.status)) return [];
  return [`${final.length} final responses (${final.map(({ status }) => status)}), expected ${allowed}`];
}

function aboutClosing({ close }: Expectation, last: WireResponse | undefined, closed: boolean): string[] {
  if (close === false) return closed ? ["closed the connection"] : [];
  if (last === undefined || closed) return [];
  if (close === true) return ["left the connection open"];
  return last.status === 400 ? ["answered 400 and left the connection open"] : [];
}

function aboutInterim(expect: Expectation, interim: readonly number[]): string[] {
  if (expect.no_interim === true && interim.length > 0) return [`sent ${interim}, which is not allowed`];
  if (expect.interim === undefined || interim[0] === expect.interim[0]) return [];
  return [`sent ${interim[0] ?? "nothing"} first, expected ${expect.interim}`];
}

function aboutFirst(expect: Expectation, first: WireResponse): string[] {
  const { status, headers } = first;
  const complaints: string[] = [];
  if (expect.status !== null && !expect.status.includes(status))
    complaints.push(`status ${status}, expected ${expect.status}`);
  if (expect.not_status?.includes(status) === true) complaints.push(`status ${status} is forbidden`);
  complaints.push(...aboutBody(expect.body, first));
  for (const [names, wanted] of Object.entries(expect.headers ?? {})) {
    const name = names.split("|").find((one) => headers.has(one));
    const value = name === undefined ? undefined : headers.get(name);
    const fits = wanted.startsWith("~")
      ? value !== undefined && new RegExp(wanted.slice(1)).test(value)
      : value?.toLowerCase() === wanted;
    if (!fits) complaints.push(`header ${names} is ${value ?? "missing"}, expected ${wanted}`);
  }
  for (const name of expect.no_headers ?? []) if (headers.has(name)) complaints.push(`has a header ${name}`);
  return complaints;
}

function aboutBody(wanted: string | undefined, first: WireResponse): string[] {
  if (wanted === undefined || !isFine(first)) return [];
  const body = first.body.toString("latin1");
  if (body === wanted) return [];
  return [`body ${JSON.stringify(body.slice(0, 60))}, expected ${JSON.stringify(wanted.slice(0, 60))}`];
}

/** What the echo server says that it saw. A server that says nothing of it is not blamed. */
function aboutRequest(expect: Expectation, first: WireResponse): string[] {
  if (!isFine(first)) return [];
  const complaints: string[] = [];
  const seen = [
    ["x-method", expect.method_seen],
    ["x-host", expect.host_seen],
    ["x-target", expect.target_seen],
  ] as const;
  for (const [name, wanted] of seen) {
    const value = first.headers.get(name);
    if (wanted !== undefined && value !== undefined && decodeURIComponent(value) !== wanted)
      complaints.push(`${name} is ${decodeURIComponent(value)}, expected ${wanted}`);
  }
  const told = first.headers.get("x-req");
  if (expect.req_headers === undefined || told === undefined) return complaints;
  const headers = new Map(Object.entries(JSON.parse(decodeURIComponent(told)) as Record<string, string>));
  for (const [name, wanted] of Object.entries(expect.req_headers)) {
    const value = headers.get(name);
    if (value !== wanted)
      complaints.push(`the request's ${name} is ${JSON.stringify(value)}, expected ${JSON.stringify(wanted)}`);
  }
  return complaints;
}

function isFine({ status }: WireResponse): boolean {
  return status >= 200 && status < 400;
}

function leaks({ headers, body }: WireResponse, never: string | undefined): boolean {
  if (never === undefined) return false;
  return body.includes(never, 0, "latin1") || decodeURIComponent(headers.get("x-target") ?? "").includes(never);
}
