// The open-loop generator: its book on a virtual clock, its verdict on itself, and the whole of it against small servers, where requests are
// counted and no figure of speed is looked at.

import { describe, expect, test } from "bun:test";

import { exitCodeOf, type OpenLoopCommand, type OpenLoopResult, runOpenLoop } from "../../bench/load/open-loop.ts";
import { histogramOf, quantileOf } from "../../bench/load/shared/histogram.ts";
import { OpenBook, Schedule } from "../../bench/load/shared/open-book.ts";
import { OpenPool, warmRequests } from "../../bench/load/shared/open-pool.ts";
import { getRequest } from "../../bench/load/shared/request.ts";
import { BUSY_SHARE_MAX, LAG_P99_US_MAX, measuresItself, saturationOf } from "../../bench/load/shared/saturation.ts";
import { Child } from "../../bench/measure/processes.ts";

const US = 1000;
const ROOT = getRequest("/");

/** A server in this process, for as long as `use` runs. */
async function withServer<T>(fetch: (count: number) => Response, use: (port: number) => Promise<T>): Promise<T> {
  let count = 0;
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => fetch(++count) });
  try {
    return await use(server.port ?? 0);
  } finally {
    await server.stop(true);
  }
}

async function run(port: number, extent: Partial<OpenLoopCommand>): Promise<OpenLoopResult> {
  using pool = new OpenPool();
  const rest = { serverPid: 0, request: ROOT, connections: 4, rate: 1_000, ms: 50 };
  return await runOpenLoop({ port, ...rest, ...extent }, pool);
}

describe("Schedule", () => {
  test("has as many requests as rate and time ask for, at even distances from the begin", () => {
    const schedule = new Schedule(4_000, 2_500);
    expect(schedule.count).toBe(10_000);
    expect([0, 1, 4_000, 9_999].map((i) => schedule.dueNs(i))).toEqual([0, 250_000, 1e9, 2_499_750_000]);
  });

  test("adds up no error: the last request of an uneven rate is due when arithmetic says so", () => {
    const schedule = new Schedule(30_011, 60_000);
    expect(schedule.dueNs(schedule.count - 1)).toBe(((schedule.count - 1) * 1e9) / 30_011);
  });

  test("has one request at least and refuses what is no rate or no time", () => {
    expect(new Schedule(1, 1).count).toBe(1);
    for (const [rate, ms] of [
      [0, 1],
      [1, 0],
      [Number.NaN, 1],
      [-1, 1],
    ] as const)
      expect(() => new Schedule(rate, ms)).toThrow("Cannot make a schedule");
  });
});

describe("OpenBook", () => {
  /** A thousand requests a second for `count` ms on connections that begin at 0. */
  const book = (connections: number, count: number): OpenBook =>
    new OpenBook(new Schedule(1_000, count), connections, 0);
  const at = (ms: number): number => ms * 1000 * US;

  test("sends what is due and not before, each connection in its turn", () => {
    const open = book(2, 3);
    expect(open.send(0)).toBe(0);
    expect(open.send(at(0.999))).toBe(-1);
    expect(open.send(at(1))).toBe(1);
    expect(open.outstanding).toBe(2);
    open.answered(1, at(1.2), false);
    open.answered(0, at(1.3), false);
    expect(open.nextDueNs).toBe(at(2));
    expect(open.send(at(2))).toBe(1);
    expect(open.nextDueNs).toBe(Infinity);
    expect(open.isDone).toBe(false);
    open.answered(1, at(2.1), false);
    expect([open.isDone, open.answers, open.waited]).toEqual([true, 3, 0]);
  });

  test("charges a server that stands still for all that was due meanwhile", () => {
    const open = book(1, 10);
    open.send(0);
    open.answered(0, at(9), false);
    for (let i = 1; i < 10; i++) {
      expect(open.send(at(9))).toBe(0);
      open.answered(0, at(9), false);
    }
    const { p50Us, maxUs, lagMaxUs } = open.percentiles();
    // They waited 9, 8, ... 0 ms.
    expect([p50Us, maxUs, lagMaxUs, open.waited]).toEqual([4_500, 9_000, 0, 8]);
  });

  test("books as its own lag what it could have sent sooner, and keeps that in the latency", () => {
    const open = book(2, 2);
    open.send(at(0.25));
    open.send(at(1.05));
    open.answered(0, at(1.25), false);
    open.answered(1, at(1.25), true);
    const { lagMaxUs, lagP99Us, maxUs, p50Us } = open.percentiles();
    expect([lagMaxUs, lagP99Us, maxUs, p50Us]).toEqual([250, 248, 1_250, 750]);
    expect([open.wrong, open.waited]).toEqual([1, 0]);
  });

  test("sends and checks the requests of the lead, and times none of them", () => {
    const open = new OpenBook(new Schedule(1_000, 4), 1, 0, at(2));
    for (const [sentMs, answeredMs] of [
      [0, 1.5],
      [1.5, 1.9],
      [2.1, 2.4],
      [3, 3.5],
    ] as const) {
      expect(open.send(at(sentMs))).toBe(0);
      open.answered(0, at(answeredMs), sentMs === 0);
    }
    expect([open.answers, open.isDone, open.wrong, open.waited]).toEqual([4, true, 1, 0]);
    const { maxUs, p50Us, lagMaxUs } = open.percentiles();
    expect([maxUs, p50Us, lagMaxUs]).toEqual([500, 450, 100]);
  });

  test("makes nothing later that comes after a late request", () => {
    const open = book(8, 4);
    expect([0, 1, 2, 3].map(() => open.send(at(2.5)))).toEqual([0, 1, 2, -1]);
    expect(open.nextDueNs).toBe(at(3));
  });
});

describe("histograms", () => {
  test("give percentiles over several runs, right to a bucket of 2 %", () => {
    const low = histogramOf(Array.from({ length: 980 }, (_, i) => 50 + i / 100));
    const high = histogramOf(Array.from({ length: 20 }, () => 4_000));
    expect(quantileOf([low, high], 0.99) / 4_000).toBeCloseTo(1, 1);
    expect(quantileOf([low], 0.99) / 59.7).toBeCloseTo(1, 1);
    expect(quantileOf([low, high], 0) / 50).toBeCloseTo(1, 1);
    expect(quantileOf([low, high], 1) / 4_000).toBeCloseTo(1, 1);
    expect(() => quantileOf([{}], 0.5)).toThrow("Cannot give a quantile");
  });
});

describe("saturation", () => {
  test("of an open loop is told by its time with work and by its own lag", () => {
    expect(saturationOf(BUSY_SHARE_MAX, LAG_P99_US_MAX)).toBeNull();
    expect(saturationOf(BUSY_SHARE_MAX + 0.01, 0)).toBe("busy");
    expect(saturationOf(0.2, LAG_P99_US_MAX + 1)).toBe("late");
    expect(saturationOf(1, 10_000)).toBe("busy");
  });

  test("of a closed loop is told by its CPU time", () => {
    expect(measuresItself(89, 100)).toBe(false);
    expect(measuresItself(95, 100)).toBe(true);
  });

  test("is told by the exit code, wrong answers first", () => {
    expect(exitCodeOf({ wrong: 0, saturated: null })).toBe(0);
    expect(exitCodeOf({ wrong: 0, saturated: "late" })).toBe(3);
    expect(exitCodeOf({ wrong: 1, saturated: "busy" })).toBe(1);
  });
});

describe("runOpenLoop", () => {
  test("sends exactly the requests of its schedule behind those that are not timed", async () => {
    let count = 0;
    const result = await withServer(
      (nth) => {
        count = nth;
        return new Response("a");
      },
      (port) => run(port, { connections: 60, rate: 3_000, ms: 101 }),
    );
    expect(result.answers).toBe(303);
    expect(count).toBe(303 + warmRequests(60));
    expect(Object.values(result.histogram).reduce((sum, n) => sum + n, 0)).toBe(303);
  });

  test("sends the requests of its lead beside those that are timed", async () => {
    const { answers, histogram } = await withServer(
      () => new Response("a"),
      (port) => run(port, { rate: 2_000, ms: 20, leadMs: 30 }),
    );
    expect(answers).toBe(100);
    expect(Object.values(histogram).reduce((sum, n) => sum + n, 0)).toBe(40);
  });

  test("counts the latency from the time at which a request was due", async () => {
    // 5,000 requests that are due within 5 ms, one after the other: half of them wait for 2,500 others, each a trip through the kernel.
    const result = await withServer(
      () => new Response("a"),
      (port) => run(port, { connections: 1, rate: 1_000_000, ms: 5 }),
    );
    expect(result.answers).toBe(5_000);
    expect(result.p50Us).toBeGreaterThan(10_000);
    expect(result.maxUs).toBeGreaterThan(result.p50Us);
    expect(result.waited).toBeGreaterThan(4_000);
    // All of that is the server's: a free connection and a due request never waited for the generator for so long.
    expect(result.lagP99Us).toBeLessThan(result.p50Us);
  });

  test("sends no request before it is due", async () => {
    const begin = performance.now();
    const { answers } = await withServer(
      () => new Response("a"),
      (port) => run(port, { rate: 100, ms: 100 }),
    );
    expect(answers).toBe(10);
    // The last of ten is due after 90 ms.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(90);
  });

  test("counts the answers that are not the first one, those that are not timed among them", async () => {
    const { wrong, answers } = await withServer(
      (nth) => new Response(nth % 10 === 0 ? "b" : "a"),
      (port) => run(port, { connections: 1, rate: 100_000, ms: 1 }),
    );
    expect([answers, wrong]).toEqual([100, 15]);
  });

  test("counts an answer that is longer than the first one as wrong", async () => {
    const { wrong } = await withServer(
      (nth) => new Response("a".repeat(nth === 75 ? 9 : 1)),
      (port) => run(port, { connections: 1, rate: 100_000, ms: 1 }),
    );
    expect(wrong).toBe(1);
  });

  test("takes answers and sends requests that do not fit in one piece", async () => {
    // More than the buffers of both ends take at once.
    const body = "m".repeat(6_000_000);
    const request = getRequest("/", [`Content-Length: ${body.length}`]) + body;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => new Response((await request.text()).slice(-600_000)),
    });
    const { answers, wrong } = await run(server.port ?? 0, { connections: 2, request, rate: 1_000, ms: 2 });
    expect([answers, wrong]).toEqual([2, 0]);
    await server.stop(true);
  });

  test("goes on with a new connection where the server closed one between two runs", async () => {
    using pool = new OpenPool();
    const extent = { serverPid: 0, request: ROOT, connections: 2, rate: 10_000, ms: 1 };
    const sockets = new Set<Bun.Socket>();
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void sockets.add(socket),
        data: (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"),
        close: (socket) => void sockets.delete(socket),
      },
    });
    await runOpenLoop({ port: server.port, ...extent }, pool);
    const before = [...sockets];
    const { connections } = await pool.open(server.port, ROOT, 2);
    for (const socket of before) socket.end();
    while (!connections.every(({ isLost }) => isLost)) await new Promise((resolve) => setImmediate(resolve));
    const { answers } = await runOpenLoop({ port: server.port, ...extent }, pool);
    expect(answers).toBe(10);
    expect([sockets.size, before.some((socket) => sockets.has(socket))]).toEqual([2, false]);
    server.stop(true);
  });

  test("fails when a connection is lost", async () => {
    const lost = withServer(
      (nth) => new Response("a", nth === 60 ? { headers: { connection: "close" } } : {}),
      (port) => run(port, { connections: 1, rate: 100_000, ms: 1 }),
    );
    await expect(lost).rejects.toThrow("was lost");
  });

  test("refuses an answer that is no success, and more than it can keep count of", async () => {
    const refused = withServer(
      () => new Response("a", { status: 503 }),
      (port) => run(port, {}),
    );
    await expect(refused).rejects.toThrow("Cannot use the answer as a pattern");
    await expect(run(1, { rate: 1e6, ms: 1e6 })).rejects.toThrow("it is too much");
  });
});

describe("the program bench/load/open-loop.ts", () => {
  test("takes runs as lines of JSON", async () => {
    await using generator = new Child("load/open-loop.ts", ["--commands"]);
    const result = await withServer(
      () => new Response("a"),
      (port) => {
        const command: OpenLoopCommand = {
          port,
          serverPid: process.pid,
          request: ROOT,
          connections: 3,
          rate: 2_000,
          ms: 20,
        };
        return generator.ask<OpenLoopResult>(command, 20_000, "run the open loop");
      },
    );
    expect([result.answers, result.wrong]).toEqual([40, 0]);
    expect(result.serverCpuNs).toBeGreaterThan(0);
    await expect(
      generator.ask({ port: 1, connections: 1, request: ROOT, rate: 1, ms: 1 }, 20_000, "run"),
    ).rejects.toThrow();
  });
});
