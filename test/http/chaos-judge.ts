// What must be true of a chaos run, whatever its seed. Each answer belongs to the next request of its client and says what its handler says; each
// request that reached a handler is in the access log once, as its client saw it; and what was opened has ended. Clients that are patient in a
// world where nothing goes wrong get all their answers; of the others no more is asked than that what they get is right.

import { FileError } from "../../src/core/files.ts";
import { BodyLengthError } from "../../src/http/index.ts";
import type { SimPeer } from "../../src/sim/index.ts";
import type { ChaosClient, ChaosRequest } from "./chaos-clients.ts";
import type { Expected } from "./chaos-kind.ts";
import { ChaosError, type Ledger, type Logged } from "./chaos-ledger.ts";
import { type Response, responsesOf } from "./support.ts";

/** A run that is over. */
export interface ChaosRun {
  readonly clients: readonly ChaosClient[];
  /** The client's end of each connection. */
  readonly peers: readonly SimPeer[];
  readonly ledger: Ledger;
  /** What the server's `onError` was told. */
  readonly errors: readonly unknown[];
  readonly filesOpen: number;
  readonly bodyBytesMax: number;
  /** Nothing went wrong but what clients and handlers did: no cancel of the server, no reset by the network, no short clock. */
  readonly isCalm: boolean;
}

/** Ids of requests, in whatever a client receives. */
const IDS = /c\d+r\d+|smuggled/g;
/** Statuses of what a client or a clock cut short. */
const CUT_SHORT = [400, 408];

/** All that is wrong with `run`, in words. */
export function faultsOf(run: ChaosRun): string[] {
  const { clients, errors, filesOpen, ledger } = run;
  const asked = new Set(clients.flatMap(({ requests }) => requests.map(({ id }) => id)));
  return [
    ...clients.flatMap((client, i) => clientFaults(run, client, run.peers[i] as SimPeer)),
    ...ledger.reached.filter((id) => !asked.has(id)).map((id) => `nobody made the request ${id} that was handled`),
    ...logFaults(ledger),
    ...ledger.unbalanced,
    ...(filesOpen === 0 ? [] : [`${filesOpen} files are open`]),
    ...errors.filter((error) => !isOnPurpose(error)).map((error) => `an error that nobody made: ${Bun.inspect(error)}`),
  ];
}

/** The kinds of handlers that did in `run` what they are there for. */
export function sightsOf({ clients, ledger, peers }: ChaosRun): string[] {
  return clients.flatMap(({ requests }, i) => {
    const { answers, part } = receivedBy(peers[i] as SimPeer, requests, ledger.logged);
    const whole = answers.map((answer, at) => [requests[at], answer] as const);
    const seen = whole.filter(([asked, answer]) => asked && isAnswer(asked, answer, asked.kind.expected(asked)));
    const broken = part?.status === 200 ? requests[answers.length] : undefined;
    const did = [...seen.map(([asked]) => asked), broken].filter((asked) => asked !== undefined);
    return did
      .filter((asked) => asked === broken || asked.kind.expected(asked).breaks !== true)
      .map(({ kind }) => kind.path);
  });
}

function isOnPurpose(error: unknown): boolean {
  return error instanceof ChaosError || error instanceof FileError || error instanceof BodyLengthError;
}

/** Each request is handled once and logged once. */
function logFaults({ logged, reached }: Ledger): string[] {
  const records = logged.map(({ id }) => id);
  const ids = new Set([...reached, ...records]);
  const count = (list: readonly string[], wanted: string): number => list.filter((id) => id === wanted).length;
  return [...ids]
    .filter((id) => count(reached, id) !== 1 || count(records, id) !== 1)
    .map((id) => `${id} was handled ${count(reached, id)} times and logged ${count(records, id)} times`);
}

// --- a client and its answers --------------------------------------------------------------------------------------------------

/** What a client received, as far as it was whole, and what it got of an answer that was not. */
interface Received {
  readonly answers: readonly Response[];
  readonly part: Part | null;
}

/** The beginning of an answer. */
interface Part {
  readonly status: number | null;
  readonly body: string;
  readonly text: string;
}

function clientFaults(run: ChaosRun, client: ChaosClient, peer: SimPeer): string[] {
  const { requests } = client;
  const received = receivedBy(peer, requests, run.ledger.logged);
  const { answers, part } = received;
  const isUndisturbed = run.isCalm && client.habit === "patient";
  const faults = answers.flatMap((answer, i) => {
    const asked = requests[i];
    if (asked === undefined) return [`an answer that belongs to nobody: ${JSON.stringify(answer.body)}`];
    return answerFaults(run, asked, answer, isUndisturbed);
  });
  if (part !== null) faults.push(...partFaults(run, requests[answers.length], part));
  faults.push(...orderFaults(client, peer, received), ...interimFaults(peer, requests));
  if (isUndisturbed) faults.push(...missing(run, client, peer, received));
  return faults;
}

function receivedBy(peer: SimPeer, requests: readonly ChaosRequest[], logged: readonly Logged[]): Received {
  const { final, rest } = responsesOf(peer, ...requests.map(({ method }) => method));
  const last = final.at(-1);
  const asked = requests[final.length - 1];
  // A body without a length is whole when the connection has ended in peace; a reset may have cut it anywhere.
  if (last !== undefined && !endedInPeace(peer) && isUntilClose(last, asked))
    return { answers: final.slice(0, -1), part: { status: last.status, body: last.body, text: last.body } };
  // Who sends half a head gets a body, even where that was to become HEAD: the server cannot tell.
  const isCutShort =
    last !== undefined && CUT_SHORT.includes(last.status) && !logged.some(({ id }) => id === asked?.id);
  if (isCutShort && rest.length === Number(last.headers.get("content-length"))) return { answers: final, part: null };
  return { answers: final, part: rest === "" ? null : partOf(rest) };
}

/** The server has sent its FIN. A client whose own write met a reset sees an end as well, and is closed in that moment. */
function endedInPeace({ events }: SimPeer): boolean {
  const end = events.find(({ event }) => event === "ended");
  return (
    end !== undefined && !events.some(({ at, event }) => at === end.at && (event === "closed" || event === "reset"))
  );
}

function isUntilClose({ headers, status }: Response, asked: ChaosRequest | undefined): boolean {
  if (asked?.method === "HEAD" || status === 204 || status === 304) return false;
  return !headers.has("content-length") && !headers.has("transfer-encoding");
}

function partOf(text: string): Part {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return { status: null, body: "", text };
  const head = text.slice(0, headEnd).toLowerCase();
  const content = text.slice(headEnd + 4);
  const body = head.includes("\r\ntransfer-encoding: chunked") ? chunksOf(content) : content;
  return { status: Number(text.slice(9, 12)), body, text };
}

/** The content of chunks, as far as they go. */
function chunksOf(text: string): string {
  let body = "";
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) break;
    const bytes = Number.parseInt(text.slice(at, lineEnd), 16);
    body += text.slice(lineEnd + 2, lineEnd + 2 + bytes);
    at = lineEnd + 2 + bytes + 2;
  }
  return body;
}

/** Nothing of another request comes to a client, and nothing behind an answer that ended the connection. */
function orderFaults({ requests }: ChaosClient, peer: SimPeer, { answers, part }: Received): string[] {
  const faults: string[] = [];
  const own = new Set(requests.map(({ id }) => id));
  // Bodies of echoes hold requests that were put there to be taken for such.
  const foreign = Buffer.from(peer.received).toString("latin1").match(IDS) ?? [];
  for (const id of new Set(foreign))
    if (id !== "smuggled" && !own.has(id)) faults.push(`a client got ${id} of another`);
  const closing = answers.findIndex(closes);
  if (closing !== -1 && (closing < answers.length - 1 || part !== null))
    faults.push(`something comes behind the answer to ${requests[closing]?.id}, which ended the connection`);
  return faults;
}

function closes({ headers }: Response): boolean {
  return headers.get("connection") === "close";
}

/** 100 Continue is said once at most, to who waits for it, and before the answer. */
function interimFaults(peer: SimPeer, requests: readonly ChaosRequest[]): string[] {
  const faults: string[] = [];
  let at = 0;
  let said = 0;
  for (const { status } of responsesOf(peer, ...requests.map(({ method }) => method)).all) {
    said = status < 200 ? said + 1 : 0;
    if (said > 1 || (said === 1 && (status !== 100 || requests[at]?.expectsContinue !== true)))
      faults.push(`${status} came to ${requests[at]?.id}, which did not wait for it`);
    if (status >= 200) at++;
  }
  return faults;
}

// --- one answer ----------------------------------------------------------------------------------------------------------------

/** The body of `asked` is longer than it may be. */
function isTooLong({ bodyBytesMax }: ChaosRun, { body, kind }: ChaosRequest): boolean {
  return body.length > (kind.options?.bodyBytesMax ?? bodyBytesMax);
}

/** What `asked` may be answered with. */
function outcomesOf(run: ChaosRun, asked: ChaosRequest, isUndisturbed: boolean): Expected[] {
  const outcomes: Expected[] = [];
  const refusal = (status: number): Expected => ({ status, body: null });
  const expected = asked.kind.expected(asked);
  const isFaulty = asked.minor === 0 && asked.chunked;
  // Where the handler need not read to the end, it depends on when the body comes whether its length is noticed.
  if (isFaulty) outcomes.push(refusal(400));
  else if (!isTooLong(run, asked)) outcomes.push(expected);
  else outcomes.push(refusal(413), ...(asked.kind.readsAll === true && !streamsToHead(asked) ? [] : [expected]));
  // Where the client waits for a 100 the head waits for the first write: who fails before that can still be refused.
  if (expected.breaks === true && asked.expectsContinue) outcomes.push(refusal(500));
  if (!isUndisturbed) outcomes.push(...CUT_SHORT.map(refusal));
  return outcomes.filter(({ breaks }) => breaks !== true);
}

/** Handlers that answer with a stream of the body never run for HEAD. */
function streamsToHead({ kind, method }: ChaosRequest): boolean {
  return method === "HEAD" && kind.path.endsWith("echo");
}

function answerFaults(run: ChaosRun, asked: ChaosRequest, answer: Response, isUndisturbed: boolean): string[] {
  const outcomes = outcomesOf(run, asked, isUndisturbed);
  const faults: string[] = [];
  if (!outcomes.some((outcome) => isAnswer(asked, answer, outcome)))
    faults.push(
      `${asked.id} ${asked.kind.path} got ${answer.status} ${brief(answer.body)}` +
        ` instead of ${outcomes.map(({ status, body }) => `${status} ${brief(body)}`).join(" or ")}`,
    );
  const record = run.ledger.logged.find(({ id }) => id === asked.id);
  return [...faults, ...recordFaults(asked, answer, record)];
}

function isAnswer(asked: ChaosRequest, { body, headers, status }: Response, expected: Expected): boolean {
  if (status !== expected.status) return false;
  if (expected.body === null) return true;
  if (asked.method !== "HEAD") return withoutHeartbeats(body) === expected.body;
  const length = headers.get("content-length");
  return length === undefined || Number(length) === expected.body.length;
}

function withoutHeartbeats(events: string): string {
  return events.replaceAll(/(^|\n\n)(?::\n\n)+/g, "$1");
}

/** The log tells what the client saw. Only what never reached a handler is not in it: that was refused. */
function recordFaults({ id }: ChaosRequest, answer: Response, record: Logged | undefined): string[] {
  if (record === undefined) return answer.status >= 400 ? [] : [`${id} was answered and is not in the log`];
  const faults =
    record.status === answer.status ? [] : [`${id} got ${answer.status} and has ${record.status} in the log`];
  if (!record.complete && answer.status < 400)
    faults.push(`${id} was answered to the end, which the log does not know`);
  return faults;
}

/** What came of an answer that did not come whole must be the beginning of the right one. */
function partFaults(run: ChaosRun, asked: ChaosRequest | undefined, { body, status, text }: Part): string[] {
  if (asked === undefined) return [`bytes that belong to nobody: ${brief(text)}`];
  if (status === null) return text.startsWith("HTTP/1.1 ".slice(0, text.length)) ? [] : [`no answer: ${brief(text)}`];
  const expected = asked.kind.expected(asked);
  const record = run.ledger.logged.find(({ id }) => id === asked.id);
  if (status !== expected.status || expected.body === null)
    return status >= 400 ? [] : [`${asked.id} got half of an answer with ${status}`];
  const isBeginning =
    expected.breaks === true && expected.body === "" ? true : expected.body.startsWith(withoutPart(body));
  if (!isBeginning) return [`${asked.id} ${asked.kind.path} got ${brief(body)}, no part of ${brief(expected.body)}`];
  return record === undefined ? [`${asked.id} was answered in part and is not in the log`] : [];
}

function withoutPart(body: string): string {
  return withoutHeartbeats(body).replace(/(^|\n\n):\n?$/, "$1");
}

// --- what is missing -----------------------------------------------------------------------------------------------------------

/** A patient client gets all its answers, unless one of them says that it is the last, or breaks. */
function missing(run: ChaosRun, client: ChaosClient, peer: SimPeer, { answers, part }: Received): string[] {
  const { requests } = client;
  const last = answers.at(-1);
  const next = requests[answers.length];
  if (last !== undefined && closes(last)) return peer.ended || peer.closed ? [] : [`the connection stayed open`];
  if (next === undefined) return bytesFaults(run, client, peer, answers);
  if (!mayEnd(run, requests, answers.length))
    return [`${next.id} ${next.kind.path} got ${part === null ? "no" : "half an"} answer`];
  return peer.ended || peer.closed ? [] : [`${next.id} got no answer, and its connection stayed open`];
}

/** The connection may have ended at the request number `at`, without a word before. */
function mayEnd(run: ChaosRun, requests: readonly ChaosRequest[], at: number): boolean {
  return requests.some((asked, i) => {
    const breaks = asked.kind.expected(asked).breaks === true;
    const tooLong = isTooLong(run, asked);
    // The end of a body that is too long may come behind the answer of a handler that did not wait for it.
    if (i === at && tooLong) return true;
    // A client of HTTP/1.0 learns of a break by a reset, which takes along what had not left before it.
    return i === at ? breaks : i > at && asked.minor === 0 && (breaks || tooLong);
  });
}

/** The log has counted every byte. */
function bytesFaults(
  { ledger }: ChaosRun,
  { requests }: ChaosClient,
  peer: SimPeer,
  answers: readonly Response[],
): string[] {
  const own = new Set(requests.map(({ id }) => id));
  const records = ledger.logged.filter(({ id }) => own.has(id));
  if (records.length < answers.length) return [];
  const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
  return bytes === peer.received.length ? [] : [`a client got ${peer.received.length} bytes, and the log has ${bytes}`];
}

function brief(text: string | null): string {
  if (text === null) return "(any)";
  return JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 100)}... of ${text.length}`);
}
