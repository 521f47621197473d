// What some jobs need beside the arms: a Redis server that holds one value.

import { REDIS_KEY, REDIS_VALUE } from "../servers/shared/answers.ts";
import type { Job } from "./jobs.ts";
import { RedisProcess, redisServer } from "./redis-process.ts";

/** Whatever the jobs need, running. */
export interface Services extends AsyncDisposable {
  /** What an arm must be told of them. */
  readonly flags: readonly string[];
}

/** Starts what `jobs` need; nothing for most. @throws when it cannot be started. */
export async function startServices(jobs: readonly Job[]): Promise<Services> {
  if (!jobs.some(({ service }) => service === "redis")) return { flags: [], async [Symbol.asyncDispose]() {} };
  const redis = await RedisProcess.start("redis-server", redisServer);
  await redis.client.set(REDIS_KEY, REDIS_VALUE);
  return { flags: [`--redis-port=${redis.port}`], [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
}
