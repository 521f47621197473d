// `bench:redis`, run small: that its ratio is the right way round, that a server which answers wrongly is noticed, that both servers run. No figure is
// looked at.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";

import { describeMachine } from "../../bench/measure/machine.ts";
import {
  compareRedis,
  REDIS_TESTS,
  type RedisBurst,
  type RedisComparison,
  type RedisExtent,
} from "../../bench/measure/redis.ts";
import { RedisProcess, redisServer } from "../../bench/measure/redis-process.ts";
import { redisRatio, redisReportOf } from "../../bench/measure/redis-report.ts";
import { Program, RawClient } from "../subprocess.ts";

setDefaultTimeout(30_000);

const TINY: RedisExtent = { restarts: 2, requests: 200, warmRequests: 200, connections: 5, pipelining: 4 };

/** One restart in which each burst of a test costs so many ns. */
function comparison(
  costs: Readonly<Record<(typeof REDIS_TESTS)[number], readonly [a: number, b: number]>>,
): RedisComparison {
  const burst = (serverCpuNs: number): RedisBurst => ({ serverCpuNs, generatorCpuNs: 50, wallNs: 100, requests: 10 });
  const bursts = Object.fromEntries(
    REDIS_TESTS.map((test) => [test, { a: [burst(costs[test][0])], b: [burst(costs[test][1])] }]),
  ) as unknown as RedisComparison["rounds"][number]["bursts"];
  return { a: "millrace", b: "redis-server", rounds: [{ restart: 0, bursts }] };
}

describe("redisRatio", () => {
  const half = comparison({
    ping_inline: [2_000, 1_000],
    ping_mbulk: [2_000, 1_000],
    set: [1_000, 1_000],
    get: [3_000, 1_000],
  });

  test("is the share of the other's operations in the same CPU time: twice the cost is half of them", () => {
    expect(redisRatio(half, ["ping_inline"]).median).toBe(0.5);
    expect(redisRatio(half, ["set"]).median).toBe(1);
    expect(redisRatio(half).median).toBe(0.5);
  });

  test("says in the report whether it is enough", () => {
    const report = (comparisons: RedisComparison[]): string =>
      redisReportOf({ machine: describeMachine(), startedAt: "now", options: {}, extent: TINY, comparisons });
    expect(report([half])).toContain("CPU time: it holds.");
    expect(report([half])).toContain("| all four | 200 | 100 | 0.500 | 0.500-0.500 |");
    const worse = comparison({
      ping_inline: [2_010, 1_000],
      ping_mbulk: [2_000, 1_000],
      set: [1_000, 1_000],
      get: [3_000, 1_000],
    });
    expect(report([worse])).toContain("it does NOT hold");
    expect(report([{ ...half, b: "millrace" }])).toContain("A/A control (millrace against itself): 0.500");
  });
});

test("compareRedis runs every test on both servers, in pairs, and stops them", async () => {
  const said: string[] = [];
  const { rounds } = await compareRedis("millrace", "redis-server", TINY, (text) => said.push(text));
  expect(said).toHaveLength(2);
  for (const { bursts } of rounds) {
    expect(Object.keys(bursts)).toEqual([...REDIS_TESTS]);
    for (const { a, b } of Object.values(bursts)) {
      expect([a.length, b.length]).toEqual([2, 2]);
      for (const { requests, serverCpuNs, wallNs } of [...a, ...b])
        expect([requests, serverCpuNs > 0, wallNs > 0]).toEqual([200, true, true]);
    }
  }
});

describe("a RedisProcess", () => {
  test("answers once it is started, and is the process whose CPU time is read", async () => {
    await using server = await RedisProcess.start("redis-server", redisServer);
    expect(await server.client.send("PING", [])).toBe("PONG");
    const said = String(await server.client.send("INFO", ["server"]));
    expect(said).toContain(`process_id:${server.pid}\r\n`);
  });

  test("ends with the bench that started it, even if that is killed", async () => {
    const folder = join(import.meta.dir, "../../bench/measure");
    const program = Program.source(`
      import { RedisProcess, redisServer } from "${folder}/redis-process.ts";
      const server = await RedisProcess.start("redis-server", redisServer);
      console.log(server.port);
      await new Promise(() => {});
    `);
    const port = Number(await program.line());
    await using client = await RawClient.connect(port);
    await program[Symbol.asyncDispose]();
    await client.closed();
  });

  test("is given up by name when the command does not serve", async () => {
    const started = RedisProcess.start("a weir", () => ["false"]);
    await expect(started).rejects.toThrow("Cannot start a weir: it did not answer at 5 ports");
  });
});
