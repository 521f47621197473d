// The cache of examples/redis.ts beside redis-server, both driven by redis-benchmark: pairs of bursts in the order A B B A, in fresh processes. What
// counts is the CPU time of the server an operation, as the kernel has it; redis-benchmark's own rate stands beside it.

import { cpuNanoseconds } from "../load/shared/cpu.ts";
import { pathOf, RedisProcess, redisServer } from "./redis-process.ts";

/** What redis-benchmark calls its tests. */
export const REDIS_TESTS = ["ping_inline", "ping_mbulk", "set", "get"] as const;
export type RedisTest = (typeof REDIS_TESTS)[number];

export type RedisArm = "millrace" | "redis-server";

/** How much is measured. */
export interface RedisExtent {
  readonly restarts: number;
  /** Operations of a burst, and of the warm-up of each test. */
  readonly requests: number;
  readonly warmRequests: number;
  readonly connections: number;
  readonly pipelining: number;
}

/** One run of one test. */
export interface RedisBurst {
  readonly serverCpuNs: number;
  readonly generatorCpuNs: number;
  readonly wallNs: number;
  readonly requests: number;
}

/** The bursts of one restart, those of equal index being a pair. */
export interface RedisRound {
  readonly restart: number;
  readonly bursts: Readonly<
    Record<RedisTest, { readonly a: readonly RedisBurst[]; readonly b: readonly RedisBurst[] }>
  >;
}

/** Two arms compared. */
export interface RedisComparison {
  readonly a: RedisArm;
  readonly b: RedisArm;
  readonly rounds: readonly RedisRound[];
}

/** A burst that takes longer than this hangs. */
const BURST_MS_MAX = 60_000;

/** Starts the server of an arm. @throws Error when it does not answer. */
export function startRedisArm(arm: RedisArm): Promise<RedisProcess> {
  return RedisProcess.start(arm, arm === "redis-server" ? redisServer : example);
}

const example = (port: number): readonly string[] => [
  process.execPath,
  "run",
  "examples/redis.ts",
  "--port",
  String(port),
];

/** What the tests ask for, and the answers: redis-benchmark itself counts them and stops at an error, but does not look at them. */
const QUESTIONS =
  "PING\r\n*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nxxx\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const ANSWERS = "+PONG\r\n+PONG\r\n+OK\r\n$3\r\nxxx\r\n";

/** @throws Error when the server answers the questions of the tests otherwise than it must. */
async function checkAnswers(server: RedisProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let said = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      data(_socket, bytes) {
        said += bytes.toString("latin1");
        if (said.length >= ANSWERS.length) resolve(said);
      },
      close: () => resolve(said),
    },
  });
  socket.write(QUESTIONS);
  const answers = await promise;
  socket.end();
  if (answers !== ANSWERS) throw new Error(`Cannot measure the server: it answered ${JSON.stringify(answers)}`);
}

/** Runs one test to its end. @throws Error when redis-benchmark tells of an error, of itself or of the server. */
export async function runTest(
  server: RedisProcess,
  test: RedisTest,
  requests: number,
  extent: RedisExtent,
): Promise<RedisBurst> {
  const flags = { h: "127.0.0.1", p: server.port, P: extent.pipelining, c: extent.connections, n: requests, t: test };
  const command = [
    pathOf("redis-benchmark", "redis-tools"),
    "-q",
    ...Object.entries(flags).flatMap(([flag, value]) => [`-${flag}`, String(value)]),
  ];
  const before = cpuNanoseconds(server.pid);
  const startedAt = Bun.nanoseconds();
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"], timeout: BURST_MS_MAX, killSignal: "SIGKILL" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const wallNs = Bun.nanoseconds() - startedAt;
  const serverCpuNs = cpuNanoseconds(server.pid) - before;
  if (code !== 0 || /error|warning/i.test(stdout + stderr) || !stdout.includes("requests per second"))
    throw new Error(`Cannot use the burst of ${test}: redis-benchmark ended with ${code} and said ${stdout}${stderr}`);
  const generatorCpuNs = Number(child.resourceUsage()?.cpuTime.total ?? 0) * 1_000;
  return { serverCpuNs, generatorCpuNs, wallNs, requests };
}

/** Compares two arms; `progress` is told of each restart. */
export async function compareRedis(
  a: RedisArm,
  b: RedisArm,
  extent: RedisExtent,
  progress: (text: string) => void,
): Promise<RedisComparison> {
  const rounds: RedisRound[] = [];
  for (let restart = 0; restart < extent.restarts; restart++) {
    progress(`${a} against ${b}, restart ${restart + 1} of ${extent.restarts}`);
    rounds.push(await runRound(a, b, extent, restart));
  }
  return { a, b, rounds };
}

async function runRound(a: RedisArm, b: RedisArm, extent: RedisExtent, restart: number): Promise<RedisRound> {
  const isTurned = restart % 2 === 1;
  await using first = await startRedisArm(isTurned ? b : a);
  await using second = await startRedisArm(isTurned ? a : b);
  const sides = isTurned ? { a: second, b: first } : { a: first, b: second };
  for (const server of [first, second]) {
    await checkAnswers(server);
    for (const test of REDIS_TESTS) await runTest(server, test, extent.warmRequests, extent);
  }
  const bursts = {} as Record<RedisTest, { a: RedisBurst[]; b: RedisBurst[] }>;
  for (const test of REDIS_TESTS) {
    bursts[test] = { a: [], b: [] };
    for (const side of ["a", "b", "b", "a"] as const)
      bursts[test][side].push(await runTest(sides[side], test, extent.requests, extent));
  }
  return { restart, bursts };
}
