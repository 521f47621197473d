// The load generators against servers that are wrong on purpose: whatever is wrong with an answer, it is counted, and nothing else is. The bursts
// are short; how much came of them is not looked at.

import { describe, expect, test } from "bun:test";

import { httpPools } from "../../bench/load/http.ts";
import { linePools } from "../../bench/load/line.ts";
import type { Burst, BurstResult } from "../../bench/load/shared/burst.ts";
import { getRequest, postRequest } from "../../bench/load/shared/request.ts";

/** Answers after which a test has seen what it waits for. */
const UNITS_MIN = 10;

/** Runs bursts against a server that calls `reply` for each unit of `unitBytes` bytes that has come, until it has had `unitsMin`; gives their sum. */
async function burstAgainst(
  pools: (burst: Burst) => { run(burst: Burst): Promise<BurstResult> },
  burst: Partial<Burst>,
  unitBytes: number,
  reply: (text: string, number: number) => string | null,
  unitsMin = UNITS_MIN,
): Promise<Pick<BurstResult, "answers" | "wrong">> {
  const units = { asked: 0 };
  const rest = new Map<Bun.Socket<{ text: string }>, Buffer>();
  const push = (socket: Bun.Socket<{ text: string }>): void => {
    const left = rest.get(socket) as Buffer;
    rest.set(socket, left.subarray(Math.max(0, socket.write(left))));
  };
  const listener = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: "" };
        rest.set(socket, Buffer.alloc(0));
      },
      data(socket, chunk) {
        socket.data.text += chunk.toString("latin1");
        while (socket.data.text.length >= unitBytes) {
          const answer = reply(socket.data.text.slice(0, unitBytes), units.asked++);
          socket.data.text = socket.data.text.slice(unitBytes);
          if (answer === null) socket.terminate();
          else rest.set(socket, Buffer.concat([rest.get(socket) as Buffer, Buffer.from(answer, "latin1")]));
        }
        push(socket);
      },
      drain: push,
    },
  });
  const whole: Burst = {
    port: listener.port,
    serverPid: 0,
    connections: 2,
    ms: 10,
    request: "",
    pipelining: 1,
    rate: 0,
    ...burst,
  };
  try {
    const pool = pools(whole);
    const sum = { answers: 0, wrong: 0 };
    while (units.asked < unitsMin) {
      const { answers, wrong } = await pool.run(whole);
      sum.answers += answers;
      sum.wrong += wrong;
    }
    return sum;
  } finally {
    listener.stop(true);
  }
}

describe("the generator of lines", () => {
  const LINE_BYTES = "PING 000000000\n".length;
  const burst = (
    lines: number,
    reply: (text: string, number: number) => string | null,
  ): Promise<Pick<BurstResult, "answers" | "wrong">> =>
    burstAgainst(linePools(), { pipelining: lines }, LINE_BYTES * lines, reply);
  const pong = (text: string): string => text.replaceAll("PING", "PONG");

  test.each([1, 16, 128])("counts %d right lines a write as right", async (lines) => {
    const seen = new Set<string>();
    const { answers, wrong } = await burst(lines, (text) => {
      for (const line of text.split("\n").slice(0, -1)) {
        expect(line).toMatch(/^PING \d{9}$/);
        seen.add(line);
      }
      return pong(text);
    });
    expect(wrong).toBe(0);
    expect(answers % lines).toBe(0);
    // Both connections send numbers of their own, each but once.
    expect(seen.size).toBe(answers);
  });

  test("counts each line with another number, two in each other's place, and all of an answer too long", async () => {
    const fifth = (text: string, number: number, change: (lines: string[]) => string[]): string =>
      number === 5 ? change(pong(text).split(/(?<=\n)/)).join("") : pong(text);
    const counts: number[] = [];
    for (const change of [
      ([first = "", ...others]: string[]) => [first.replace(/\d\n/, "x\n"), ...others],
      ([a = "", b = "", ...others]: string[]) => [b, a, ...others],
      (all: string[]) => [...all, "PONG 1\n"],
    ]) {
      const { wrong } = await burst(4, (text, number) => fifth(text, number, change));
      counts.push(wrong);
    }
    expect(counts).toEqual([1, 2, 4]);
  });

  test("breaks off when a connection is lost", async () => {
    await expect(burst(1, () => null)).rejects.toThrow("was lost");
  });
});

describe("the generator of requests", () => {
  const okay = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const chunked = (...chunks: string[]): string =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")}0\r\n\r\n`;
  const GET = getRequest("/");
  const burst = (
    reply: (text: string, number: number) => string | null,
    more: Partial<Burst> = {},
    unitsMin = UNITS_MIN,
  ): ReturnType<typeof burstAgainst> =>
    burstAgainst(httpPools(), { request: GET, ...more }, (more.request ?? GET).length, reply, unitsMin);

  test("counts an answer with another body, and one with surplus bytes", async () => {
    expect((await burst(() => okay("abc"))).wrong).toBe(0);
    expect((await burst((_text, number) => okay(number === 7 ? "abd" : "abc"))).wrong).toBe(1);
    expect((await burst((_text, number) => okay("abc") + (number === 7 ? "x" : ""))).wrong).toBe(1);
  });

  test("takes answers in chunks however they are cut, and counts one with other content", async () => {
    const cuts = [chunked("abc"), chunked("a", "bc"), chunked("ab", "c")];
    expect((await burst((_text, number) => cuts[number % 3] as string)).wrong).toBe(0);
    expect((await burst((_text, number) => chunked(number === 7 ? "abd" : "abc"))).wrong).toBe(1);
    expect((await burst((_text, number) => chunked(...(number === 7 ? ["abc", "d"] : ["abc"])))).wrong).toBe(1);
  });

  test("breaks off when chunks break their rules", async () => {
    const reply = (_text: string, number: number): string =>
      number === 7 ? chunked("abc").replace("3\r\n", "z\r\n") : chunked("abc");
    await expect(burst(reply)).rejects.toThrow();
  });

  test("sends several requests in turn and holds each against its own answer", async () => {
    const requests = ["/a", "/b", "/c"].map((path) => getRequest(path));
    const [request, ...others] = requests as [string, ...string[]];
    const asked = new Map<string, number>();
    const answer = (text: string): string => okay(`body of ${text.slice(4, 6)}`);
    const right = await burst(
      (text) => {
        asked.set(text, (asked.get(text) ?? 0) + 1);
        return answer(text);
      },
      { request, others },
    );
    expect(right.wrong).toBe(0);
    expect([...asked.keys()].toSorted()).toEqual(requests);
    const swapped = await burst((text, number) => answer(number === 7 ? text.replace(/\/./, "/z") : text), {
      request,
      others,
    });
    expect(swapped.wrong).toBe(1);
  });

  test("sends bodies that no send buffer holds and checks all of theirs", async () => {
    const request = postRequest("/echo", 6 * 1024 * 1024);
    const body = request.slice(request.indexOf("\r\n\r\n") + 4);
    const changed = `${body.slice(0, 5_000_000)}?${body.slice(5_000_001)}`;
    const echo = (text: string): string => okay(text.slice(text.indexOf("\r\n\r\n") + 4));
    const one = { request, connections: 1 };
    expect((await burst(echo, one, 1)).wrong).toBe(0);
    const { wrong } = await burst((text, number) => (number === 1 ? okay(changed) : echo(text)), one, 2);
    expect(wrong).toBe(1);
  });

  test("counts an answer that comes before its request was sent", async () => {
    const request = postRequest("/echo", 6 * 1024 * 1024);
    const once = (_text: string, number: number): string => (number === 0 ? okay("abc") : "");
    expect((await burstAgainst(httpPools(), { request, connections: 1, ms: 1 }, 1, once, 1)).wrong).toBe(1);
  });
});
