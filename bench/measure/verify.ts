// The check before the timing: every arm must answer every request of its jobs as the first arm of the job does. Arms that share our encoder
// must do so byte for byte, but for the date; others order and write their fields by themselves, so of them status, body and the
// values of all fields but the date are compared.

import { type Arm, armNamed } from "./arms.ts";
import type { Job } from "./jobs.ts";
import { Server } from "./processes.ts";

/** One answer, read from a socket of its own. */
export interface RawAnswer {
  /** Everything, with the date masked, one character a byte. */
  readonly text: string;
  readonly status: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

const ANSWER_MS_MAX = 5_000;
const ECHOED = "over the weir\n";

/** Fails unless `arms` and the first arm of each job answer alike in all of `jobs`. @throws Error naming job, arm and difference. */
export async function verifyJobs(jobs: readonly Job[], arms: readonly Arm[]): Promise<void> {
  const expected = new Map<Job, RawAnswer>();
  const firsts = new Set(jobs.map((job) => armNamed(job.arms[0])));
  for (const arm of new Set([...firsts, ...arms])) {
    const ofArm = jobs.filter((job) => job.arms.includes(arm.name));
    if (ofArm.length === 0) continue;
    await using server = await Server.start(arm);
    for (const job of ofArm) {
      if (job.load === "http" && job.arms[0] === arm.name) expected.set(job, await get(server.httpPort, job.request));
      const fault = await faultOf(job, server, expected.get(job));
      if (fault !== null) throw new Error(`Cannot compare the arm ${arm.name} at ${job.name}: ${fault}`);
    }
  }
}

async function faultOf(job: Job, server: Server, expected: RawAnswer | undefined): Promise<string | null> {
  if (expected === undefined) {
    const echoed = await exchange(server.echoPort, ECHOED, (text) => text.length >= ECHOED.length);
    return echoed === ECHOED ? null : `its echo is ${JSON.stringify(echoed)}`;
  }
  const answer = await get(server.httpPort, job.request);
  if (!answer.status.startsWith("HTTP/1.1 200 ")) return `its status line is ${JSON.stringify(answer.status)}`;
  return differenceOf(expected, answer, server.arm.ourEncoder && armNamed(job.arms[0]).ourEncoder);
}

/** Sends a request to a server and reads the whole answer. */
export async function get(port: number, request: string): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, request, isWhole));
}

/** How `actual` differs from `expected`; `null` when it does not. `exactly`: byte for byte. */
export function differenceOf(expected: RawAnswer, actual: RawAnswer, exactly: boolean): string | null {
  if (exactly) {
    return expected.text === actual.text ? null : `it answers ${JSON.stringify(actual.text)}`;
  }
  if (expected.status !== actual.status) return `its status line is ${JSON.stringify(actual.status)}`;
  if (expected.body !== actual.body) return `its body is ${JSON.stringify(actual.body)}`;
  for (const [name, value] of expected.fields) {
    const found = actual.fields.get(name) ?? "";
    if (found.toLowerCase() !== value.toLowerCase()) return `its ${name} is ${JSON.stringify(found)}`;
  }
  return null;
}

/** Takes an answer apart. */
export function parseAnswer(raw: string): RawAnswer {
  const text = raw.replace(/^(date: ).*$/im, "$1masked\r");
  const headEnd = text.indexOf("\r\n\r\n");
  const [status = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const fields = new Map(lines.map((line) => [nameOf(line), line.slice(line.indexOf(":") + 1).trim()]));
  return { text, status, fields, body: text.slice(headEnd + 4) };
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(":")).toLowerCase();
}

function isWhole(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  const length = /\r\ncontent-length: (\d+)/i.exec(text);
  return headEnd !== -1 && length !== null && text.length >= headEnd + 4 + Number(length[1]);
}

/** Sends `request` and collects what comes until `whole` says so, or the peer has closed. */
async function exchange(port: number, request: string, whole: (text: string) => boolean): Promise<string> {
  const answer = Promise.withResolvers<string>();
  let text = "";
  const timer = setTimeout(() => answer.resolve(text), ANSWER_MS_MAX);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        text += chunk.toString("latin1");
        if (whole(text)) answer.resolve(text);
      },
      close: () => answer.resolve(text),
    },
  });
  socket.write(request);
  const got = await answer.promise;
  clearTimeout(timer);
  socket.terminate();
  return got;
}
