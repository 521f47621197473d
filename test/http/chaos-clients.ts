// The clients of the chaos run: what they ask, in what pieces it leaves, and how they behave. All of it is drawn before the run begins, so that
// nothing in the run can change what is drawn next.

import { REST_AFTER_MS } from "../../src/config.ts";
import type { Prng } from "../../src/sim/prng.ts";
import { SimPeer, type Simulation } from "../../src/sim/index.ts";
import { hasRange, KINDS, MOUNT, RANGE_FIELD } from "./chaos-handlers.ts";
import { AMOUNT_MAX, type Asked, type Kind } from "./chaos-kind.ts";
import { request } from "./support.ts";

/** A request of a client. */
export interface ChaosRequest extends Asked {
  readonly minor: 0 | 1;
  readonly expectsContinue: boolean;
  /** As it goes over the wire. */
  readonly wire: string;
}

/** What a client does. Only a patient one sends everything and stays; the others stop somewhere, and then do what their name says. */
export type Habit = "patient" | "falls silent" | "half-closes" | "resets" | "exits";

/** Something that a client does at a time, in virtual ms. */
interface Deed {
  readonly atMs: number;
  readonly run: (peer: SimPeer) => void;
}

/** One client. */
export interface ChaosClient {
  readonly requests: readonly ChaosRequest[];
  readonly habit: Habit;
  readonly deeds: readonly Deed[];
}

const HABITS: readonly Habit[] = ["patient", "patient", "patient", "falls silent", "half-closes", "resets", "exits"];
const METHODS = ["GET", "POST", "POST", "HEAD"];
const REQUESTS_MAX = 5;
const BODY_BYTES_MAX = 120;
/** Where a client begins to send; the server listens by then. */
const FIRST_SEND_MS = 5;
/** Longer than most handlers take. */
const REST_EXTRA_MS = 500;

/** Draws a client; its requests have the ids `c<number>r0`, `c<number>r1` and so on, and are of `kinds`. */
export function drawClient(prng: Prng, number: number, kinds: readonly Kind[] = KINDS): ChaosClient {
  const count = prng.between(1, REQUESTS_MAX);
  const requests = Array.from({ length: count }, (_, i) => drawRequest(prng, `c${number}r${i}`, kinds));
  const habit = pick(prng, HABITS);
  return { requests, habit, deeds: drawDeeds(prng, habit, requests) };
}

/** Connects `client` and has it do its deeds. */
export function play({ host }: Simulation, connect: () => SimPeer, { deeds }: ChaosClient): SimPeer {
  const peer = connect();
  for (const { atMs, run } of deeds) host.schedule(atMs, () => run(peer));
  return peer;
}

/** What `client` is, for a report. */
export function describeClient({ habit, requests }: ChaosClient): string {
  return `a client that ${habit === "patient" ? "is patient" : habit}: ${requests.map(({ wire }) => JSON.stringify(wire)).join(" ")}`;
}

export function pick<T>(prng: Prng, items: readonly T[]): T {
  return items[prng.between(0, items.length - 1)] as T;
}

// --- requests ------------------------------------------------------------------------------------------------------------------

function drawRequest(prng: Prng, id: string, kinds: readonly Kind[]): ChaosRequest {
  const kind = pick(prng, kinds);
  const amount = prng.between(0, AMOUNT_MAX);
  const method = pick(prng, METHODS);
  const body = prng.chance(0.7) ? drawBody(prng, id) : "";
  const chunked = body !== "" && prng.chance(0.6);
  const trailer = chunked && prng.chance(0.3) ? `of ${id}` : null;
  const minor = prng.chance(0.1) ? 0 : 1;
  const expectsContinue = body !== "" && minor === 1 && prng.chance(0.15);
  const asked = { id, kind, amount, method, body, chunked, trailer };
  const fields = fieldsOf(asked);
  if (expectsContinue) fields.push("Expect: 100-continue");
  if (minor === 0 && prng.chance(0.5)) fields.push("Connection: keep-alive");
  if (minor === 1 && prng.chance(0.05)) fields.push("Connection: close");
  const target = `${prng.chance(0.2) ? MOUNT : ""}${kind.path}?id=${id}&amount=${amount}`;
  const content = chunked ? drawChunks(prng, body, trailer) : body;
  return { ...asked, minor, expectsContinue, wire: request(`${method} ${target} HTTP/1.${minor}`, fields, content) };
}

function fieldsOf(asked: Asked): string[] {
  const fields = ["Accept-Encoding: gzip, br"];
  if (hasRange(asked)) fields.push(RANGE_FIELD);
  if (asked.chunked) fields.push("Transfer-Encoding: chunked");
  else if (asked.body !== "") fields.push(`Content-Length: ${asked.body.length}`);
  return fields;
}

/** Content that names its request; some of it is JSON, and some looks like a request that nobody has made. */
function drawBody(prng: Prng, id: string): string {
  if (prng.chance(0.15)) return request("GET /text?id=smuggled&amount=0");
  if (prng.chance(0.2)) return JSON.stringify({ of: id });
  const bytes = prng.chance(0.1) ? prng.between(1, BODY_BYTES_MAX) : prng.between(1, 30);
  return `${id},`.repeat(bytes).slice(0, bytes);
}

function drawChunks(prng: Prng, body: string, trailer: string | null): string {
  let wire = "";
  for (let at = 0; at < body.length;) {
    const part = body.slice(at, at + prng.between(1, 20));
    wire += `${part.length.toString(16)}${prng.chance(0.2) ? ";name=value" : ""}\r\n${part}\r\n`;
    at += part.length;
  }
  return `${wire}0\r\n${trailer === null ? "" : `X-Trailer: ${trailer}\r\n`}\r\n`;
}

// --- behaviour -----------------------------------------------------------------------------------------------------------------

const LAST_DEEDS: Readonly<Record<Habit, ((peer: SimPeer) => void) | null>> = {
  patient: null,
  "falls silent": null,
  "half-closes": (peer) => peer.shutdown(),
  resets: (peer) => peer.reset(),
  exits: (peer) => peer.end(),
};

function drawDeeds(prng: Prng, habit: Habit, requests: readonly ChaosRequest[]): Deed[] {
  const deeds: Deed[] = [];
  const wire = requests.map((asked) => asked.wire).join("");
  const end = habit === "patient" ? wire.length : prng.between(0, wire.length);
  // Behind this request the client is silent for so long that its connection rests, if there is nothing else to wait for.
  const before = prng.chance(0.3) ? requests.slice(0, prng.between(1, requests.length)) : [];
  const restAt = before.reduce((sum, asked) => sum + asked.wire.length, 0);
  let atMs = FIRST_SEND_MS;
  for (let at = 0; at < end;) {
    const stop = at < restAt ? Math.min(restAt, end) : end;
    const part = wire.slice(at, Math.min(at + prng.between(1, prng.chance(0.3) ? 400 : 40), stop));
    deeds.push({ atMs, run: (peer) => peer.send(part) });
    at += part.length;
    if (at === restAt) atMs += prng.between(REST_AFTER_MS, REST_AFTER_MS + REST_EXTRA_MS);
    else if (prng.chance(0.5)) atMs += prng.between(0, 3);
  }
  const last = LAST_DEEDS[habit];
  if (last !== null) deeds.push({ atMs: atMs + prng.between(0, 40), run: last });
  if (prng.chance(0.15)) deeds.push(...drawPause(prng));
  return deeds;
}

/** A while in which the client reads nothing. */
function drawPause(prng: Prng): Deed[] {
  const fromMs = prng.between(1, 50);
  return [
    { atMs: fromMs, run: (peer) => peer.pause() },
    { atMs: fromMs + prng.between(1, 300), run: (peer) => peer.resume() },
  ];
}
