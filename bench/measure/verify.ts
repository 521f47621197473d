// The check before the timing: every arm must answer every request of its jobs as the first arm of the job does. Arms that write their own wire
// must do so byte for byte, but for the date; others order and write their fields by themselves, so of them status, body and the set of
// fields with their values are compared, none missing and none besides. Where chunks end is nobody's affair.

import { maskDate } from "../load/shared/answer-head.ts";
import { ChunkedPattern, isChunked } from "../load/shared/chunked-pattern.ts";
import { answerTo } from "../servers/shared/answers.ts";
import { type Arm, armNamed } from "./arms.ts";
import type { Job } from "./jobs.ts";
import { Server } from "./processes.ts";

/** One answer, read from a socket of its own. */
export interface RawAnswer {
  /** Status line and fields, with the date masked, one character a byte. */
  readonly head: string;
  readonly status: string;
  /** By name in lower case; of a name that comes twice the values are joined. */
  readonly fields: ReadonlyMap<string, string>;
  /** Without the coding of chunks, one character a byte. */
  readonly body: string;
}

const ANSWER_MS_MAX = 5_000;
/** Characters of a difference that are shown. */
const SHOWN_MAX = 200;
const ECHOED = "over the weir\n";
/** What an arm of the line protocol must answer: a line alone, several, one that is none of the protocol's, and one cut in two. */
const LINES = ["PING 1\n", "PING 22\nPING 333\r\nHELLO\nPING wheel ", "4444\n"];

/** Fails unless `arms` and the first arm of each job answer alike in all of `jobs`. @throws Error naming job, arm and difference. */
export async function verifyJobs(
  jobs: readonly Job[],
  arms: readonly Arm[],
  serverFlags: readonly string[] = [],
): Promise<void> {
  const expected = new Map<string, RawAnswer>();
  const firsts = new Set(jobs.map((job) => armNamed(job.arms[0])));
  for (const arm of new Set([...firsts, ...arms])) {
    const ofArm = jobs.filter((job) => job.arms.includes(arm.name));
    if (ofArm.length === 0) continue;
    await using server = await Server.start(arm, serverFlags);
    for (const job of ofArm) {
      const fault = job.load === "http" ? await requestFault(job, server, expected) : await streamFault(job, server);
      if (fault !== null) throw new Error(`Cannot compare the arm ${arm.name} at ${job.name}: ${fault}`);
    }
  }
}

async function requestFault(job: Job, server: Server, expected: Map<string, RawAnswer>): Promise<string | null> {
  const { arm } = server;
  for (const request of [job.request, ...job.others]) {
    const key = `${job.name} ${request}`;
    const answer = await get(server.httpPort, request);
    if (job.arms[0] === arm.name) expected.set(key, answer);
    if (!answer.status.startsWith("HTTP/1.1 200 ")) return `its status line is ${shown(answer.status)}`;
    const exactly = arm.ownWire && armNamed(job.arms[0]).ownWire;
    const fault = differenceOf(expected.get(key) as RawAnswer, answer, exactly, arm.exceptions);
    if (fault !== null) return fault;
  }
  return null;
}

async function streamFault(job: Job, server: Server): Promise<string | null> {
  if (job.load !== "line") {
    const isWhole = (text: string): boolean => text.length >= ECHOED.length;
    const echoed = await exchange(server.echoPort, [ECHOED], isWhole, job.load === "tls-echo");
    return echoed === ECHOED ? null : `its echo is ${shown(echoed)}`;
  }
  const lines = LINES.join("").split(/\r?\n/).slice(0, -1);
  const expected = lines.map((line) => `${answerTo(line)}\n`).join("");
  const answers = await exchange(server.linePort, LINES, (text) => text.length >= expected.length);
  return answers === expected ? null : `its lines are ${shown(answers)}`;
}

/** Sends a request to a server and reads the whole answer. */
export async function get(port: number, request: string): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, [request], isWhole));
}

/** How `actual` differs from `expected`; `null` when it does not. `exactly`: the head byte for byte. `exceptions`: fields that may differ so. */
export function differenceOf(
  expected: RawAnswer,
  actual: RawAnswer,
  exactly: boolean,
  exceptions: Arm["exceptions"] = {},
): string | null {
  if (exactly && expected.head !== actual.head) return `its head is ${shown(actual.head)}`;
  if (expected.status !== actual.status) return `its status line is ${shown(actual.status)}`;
  if (expected.body !== actual.body) return `its body of ${actual.body.length} bytes is ${shown(actual.body)}`;
  for (const name of new Set([...expected.fields.keys(), ...actual.fields.keys()])) {
    const wanted = expected.fields.get(name);
    const found = actual.fields.get(name);
    if (found !== undefined && found === exceptions[name]?.value) continue;
    if (wanted === undefined) return `it has a field ${name} besides: ${shown(found ?? "")}`;
    if (found?.toLowerCase() !== wanted.toLowerCase()) return `its ${name} is ${shown(found ?? "")}`;
  }
  return null;
}

/** Takes an answer apart. @throws Rejection when it breaks the rules of chunks */
export function parseAnswer(raw: string): RawAnswer {
  const headEnd = raw.indexOf("\r\n\r\n");
  const head = maskDate(raw.slice(0, headEnd));
  const [status = "", ...lines] = head.split("\r\n");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const before = fields.get(name);
    const value = line.slice(colon + 1).trim();
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const chunked = isChunked(head) ? ChunkedPattern.learn(Buffer.from(raw, "latin1")) : null;
  return { head, status, fields, body: chunked?.content.toString("latin1") ?? raw.slice(headEnd + 4) };
}

function shown(text: string): string {
  const json = JSON.stringify(text);
  return json.length > SHOWN_MAX ? `${json.slice(0, SHOWN_MAX)}...` : json;
}

function isWhole(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return false;
  const head = text.slice(0, headEnd);
  if (isChunked(head)) return text.endsWith("\r\n0\r\n\r\n");
  const length = /\r\ncontent-length: (\d+)/i.exec(head);
  return length !== null && text.length >= headEnd + 4 + Number(length[1]);
}

/**
 * Sends `parts` and collects what comes until `whole` says so, or the peer has closed. A later part goes out when something has come, or the
 * kernel has taken the one before.
 */
async function exchange(
  port: number,
  parts: readonly string[],
  whole: (text: string) => boolean,
  isTls = false,
): Promise<string> {
  const answer = Promise.withResolvers<string>();
  const waiting = parts.map((part) => Buffer.from(part, "latin1"));
  let text = "";
  const send = (socket: Bun.Socket): void => {
    const [part] = waiting;
    if (part === undefined) return;
    const taken = Math.max(0, socket.write(part));
    if (taken === part.length) waiting.shift();
    else waiting[0] = part.subarray(taken);
  };
  const timer = setTimeout(() => answer.resolve(text), ANSWER_MS_MAX);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    ...(isTls ? { tls: { rejectUnauthorized: false } } : {}),
    socket: {
      open: send,
      data(socket, chunk) {
        text += chunk.toString("latin1");
        if (whole(text)) answer.resolve(text);
        else send(socket);
      },
      drain: send,
      close: () => answer.resolve(text),
    },
  });
  const got = await answer.promise;
  clearTimeout(timer);
  socket.terminate();
  return got;
}
