// The table of `bench:redis`, in Markdown: operations a second of CPU time, ours over redis-server's, test by test and all four together.

import { REDIS_TESTS, type RedisBurst, type RedisComparison, type RedisExtent, type RedisTest } from "./redis.ts";
import { describeSession, type Session } from "./session.ts";
import { controlHolds, type Estimate, estimate, median, pairRatios } from "./statistics.ts";

/** Everything that one call of the bench has measured. */
export interface RedisResults extends Session {
  readonly extent: RedisExtent;
  readonly comparisons: readonly RedisComparison[];
}

/** Least that ours is to give of redis-server's operations in the same CPU time. */
export const REDIS_RATIO_MIN = 0.5;

/** Operations in the same CPU time, `a` over `b`, of the tests named: above 1 the first one is cheaper. */
export function redisRatio({ rounds }: RedisComparison, tests: readonly RedisTest[] = REDIS_TESTS): Estimate {
  return estimate(
    rounds.map(({ bursts }) =>
      pairRatios(costsOf(tests.map((test) => bursts[test].b)), costsOf(tests.map((test) => bursts[test].a))),
    ),
  );
}

/** The CPU time of the bursts of equal index of several tests, together. */
function costsOf(tests: readonly (readonly RedisBurst[])[]): number[] {
  const [first = []] = tests;
  return first.map((_, i) => tests.reduce((sum, bursts) => sum + (bursts[i] as RedisBurst).serverCpuNs, 0));
}

/** The whole report. */
export function redisReportOf(results: RedisResults): string {
  const { extent, comparisons } = results;
  return [
    describeSession(results),
    `redis-benchmark -P ${extent.pipelining} -c ${extent.connections} -n ${extent.requests}, ${extent.restarts} restarts`,
    ...comparisons.map((comparison) => (comparison.a === comparison.b ? controlOf(comparison) : tableOf(comparison))),
  ].join("\n\n");
}

function tableOf(comparison: RedisComparison): string {
  const { a, b } = comparison;
  const rows = REDIS_TESTS.map((test) => rowOf(comparison, test, [test]));
  const all = redisRatio(comparison);
  const verdict = all.median >= REDIS_RATIO_MIN ? "it holds" : "it does NOT hold";
  return [
    `| test | ${a}: CPU ns/op | ${b}: CPU ns/op | ops per CPU-s, ${a}/${b} | 95 % | ${a}: ops/s | ${b}: ops/s | generator busy |`,
    "| --- | ---: | ---: | ---: | :---: | ---: | ---: | ---: |",
    ...rows,
    rowOf(comparison, "all four", REDIS_TESTS),
    "",
    `At least ${REDIS_RATIO_MIN} of ${b}'s operations in the same CPU time: ${verdict}.`,
  ].join("\n");
}

function rowOf(comparison: RedisComparison, name: string, tests: readonly RedisTest[]): string {
  const of = (side: "a" | "b"): RedisBurst[] =>
    comparison.rounds.flatMap(({ bursts }) => tests.flatMap((test) => bursts[test][side]));
  const [a, b] = [of("a"), of("b")];
  const ratio = redisRatio(comparison, tests);
  const cells = [
    name,
    whole(median(a.map(nsOf))),
    whole(median(b.map(nsOf))),
    ratio.median.toFixed(3),
    interval(ratio),
    whole(median(a.map(rateOf))),
    whole(median(b.map(rateOf))),
    `${Math.round(median([...a, ...b].map(({ generatorCpuNs, wallNs }) => generatorCpuNs / wallNs)) * 100)} %`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function controlOf(comparison: RedisComparison): string {
  const ratio = redisRatio(comparison);
  const verdict = controlHolds(ratio)
    ? "the measurement counts"
    : "the measurement does NOT count: too noisy, or too few rounds";
  return `A/A control (${comparison.a} against itself): ${ratio.median.toFixed(3)} (${interval(ratio)}): ${verdict}.`;
}

const nsOf = ({ serverCpuNs, requests }: RedisBurst): number => serverCpuNs / requests;
const rateOf = ({ requests, wallNs }: RedisBurst): number => requests / (wallNs / 1e9);
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const interval = ({ low, high }: Estimate): string => `${low.toFixed(3)}-${high.toFixed(3)}`;
