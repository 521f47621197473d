// What some jobs need beside the arms: a Redis server. It listens on a free loopback port, keeps nothing on disk, holds one value, and is ended by
// its id. Should the bench be killed, the shell around it sees the end of its own input and ends it all the same.

import { RedisClient } from "bun";

import { REDIS_KEY, REDIS_VALUE } from "../servers/shared/answers.ts";
import type { Job } from "./jobs.ts";

/** Whatever the jobs need, running. */
export interface Services extends AsyncDisposable {
  /** What an arm must be told of them. */
  readonly flags: readonly string[];
}

/** A port that was free may be taken by somebody else before Redis has it. */
const ATTEMPTS = 5;
const READY_MS_MAX = 5_000;
const LOOK_MS = 20;

/** Starts what `jobs` need; nothing for most. @throws when it cannot be started. */
export async function startServices(jobs: readonly Job[]): Promise<Services> {
  if (!jobs.some(({ service }) => service === "redis")) return { flags: [], async [Symbol.asyncDispose]() {} };
  for (let attempt = 1; ; attempt++) {
    const redis = new Redis(freePort());
    if (await redis.becomesReady()) return redis;
    await redis[Symbol.asyncDispose]();
    if (attempt === ATTEMPTS) throw new Error(`Cannot start redis-server: it did not answer at ${ATTEMPTS} ports`);
  }
}

class Redis implements Services {
  readonly flags: readonly string[];
  readonly #shell: Bun.Subprocess<"pipe", "ignore", "inherit">;
  readonly #client: RedisClient;

  constructor(port: number) {
    if (Bun.which("redis-server") === null)
      throw new Error("Cannot run the job redis-get: redis-server is not installed (Debian: redis-server)");
    this.flags = [`--redis-port=${port}`];
    const command = `redis-server --port ${port} --bind 127.0.0.1 --save '' --appendonly no & read -r _; kill $!; wait $!`;
    this.#shell = Bun.spawn(["sh", "-c", command], { stdin: "pipe", stdout: "ignore", stderr: "inherit" });
    this.#client = new RedisClient(`redis://127.0.0.1:${port}`, { autoReconnect: false });
  }

  /** Waits until it answers, and gives it its value; false when it does not in time. */
  async becomesReady(): Promise<boolean> {
    const until = performance.now() + READY_MS_MAX;
    for (;;) {
      try {
        await this.#client.connect();
        await this.#client.set(REDIS_KEY, REDIS_VALUE);
        return true;
      } catch {
        if (performance.now() > until || this.#shell.exitCode !== null) return false;
        await Bun.sleep(LOOK_MS);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#shell.stdin.end();
    await this.#shell.exited;
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
