// The check before the timing: every arm must answer what ours answers. Arms that share our encoder must do so byte for byte, but for the date;
// Bun.serve orders its headers by itself, so of it status, content type, length and body are compared.

import type { Arm } from "./arms.ts";
import { OURS } from "./arms.ts";
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
const REQUEST = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const ECHOED = "over the weir\n";

/** Fails unless all arms answer alike. @throws Error naming the arm and the difference. */
export async function verifyArms(arms: readonly Arm[]): Promise<void> {
  await using ours = await Server.start(OURS);
  const expected = await get(ours.httpPort);
  for (const arm of arms) {
    await using server = await Server.start(arm);
    const fault = differenceOf(expected, await get(server.httpPort), arm.program !== "bun-serve");
    if (fault !== null) throw new Error(`Cannot compare the arm ${arm.name}: ${fault}`);
    const echoed = await exchange(server.echoPort, ECHOED, (text) => text.length >= ECHOED.length);
    if (echoed !== ECHOED) throw new Error(`Cannot compare the arm ${arm.name}: its echo is ${JSON.stringify(echoed)}`);
  }
}

/** Asks a server for `GET /` and reads the whole answer. */
export async function get(port: number): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, REQUEST, isWhole));
}

/** How `actual` differs from `expected`; `null` when it does not. `exactly`: byte for byte. */
export function differenceOf(expected: RawAnswer, actual: RawAnswer, exactly: boolean): string | null {
  if (exactly) {
    return expected.text === actual.text ? null : `it answers ${JSON.stringify(actual.text)}`;
  }
  if (expected.status !== actual.status) return `its status line is ${JSON.stringify(actual.status)}`;
  if (expected.body !== actual.body) return `its body is ${JSON.stringify(actual.body)}`;
  for (const name of ["content-type", "content-length"]) {
    const found = actual.fields.get(name) ?? "";
    if (found.toLowerCase() !== expected.fields.get(name)?.toLowerCase())
      return `its ${name} is ${JSON.stringify(found)}`;
  }
  return null;
}

/** Takes an answer apart. */
export function parseAnswer(raw: string): RawAnswer {
  const text = raw.replace(/^(date: ).*$/im, "$1(masked)\r");
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
