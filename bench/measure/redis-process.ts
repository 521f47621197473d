// A server that speaks Redis's protocol, in a process of its own on a free loopback port: redis-server, or another program that takes a port. It
// keeps nothing on disk and is ended by its id. Should the bench be killed, the shell around it sees the end of its own input and
// ends it all the same.

import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { join } from "node:path";

import { RedisClient } from "bun";

/** The command that serves on a port. */
export type CommandFor = (port: number) => readonly string[];

const ROOT = join(import.meta.dir, "../..");
/** A port that was free may be taken by somebody else before the server has it. */
const ATTEMPTS = 5;
const READY_MS_MAX = 15_000;
const LOOK_MS = 20;
/**
 * Runs its arguments as a command, prints the process id of that, and ends when it does. When its own input ends it ends the command: the background
 * job sees to that, by another descriptor, because a shell gives its background jobs no input of their own.
 */
const GUARD = `exec 3<&0
"$@" >/dev/null 3<&- & server=$!
echo $server
{ read -r _ <&3; kill $server; } >/dev/null 2>&1 &
wait $server`;

/** Where a Debian package has put a command. @throws Error that names the package. */
export function pathOf(command: "redis-server" | "redis-benchmark", packageName: string): string {
  const path = Bun.which(command);
  if (path === null)
    throw new Error(
      `Cannot run ${command}: it is not installed. Install the Debian package ${packageName}: apt-get install ${packageName}`,
    );
  return path;
}

/** The command of redis-server. @throws Error where it is not installed. */
export function redisServer(port: number): readonly string[] {
  const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  return [pathOf("redis-server", "redis-server"), ...flags];
}

/** A running server. */
export class RedisProcess implements AsyncDisposable {
  readonly port: number;
  readonly client: RedisClient;
  #pid = 0;
  readonly #shell: Bun.Subprocess<"pipe", "pipe", "inherit">;

  private constructor(command: readonly string[], port: number) {
    this.port = port;
    this.#shell = Bun.spawn(["sh", "-c", GUARD, "sh", ...command], {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: "production" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.client = new RedisClient(`redis://127.0.0.1:${port}`, { autoReconnect: false });
  }

  /** Starts a server and waits until it answers. `name`: for errors. @throws Error when it does not. */
  static async start(name: string, commandFor: CommandFor): Promise<RedisProcess> {
    for (let attempt = 1; ; attempt++) {
      const port = freePort();
      const server = new RedisProcess(commandFor(port), port);
      if (await server.#becomesReady()) return server;
      await server[Symbol.asyncDispose]();
      if (attempt === ATTEMPTS) throw new Error(`Cannot start ${name}: it did not answer at ${ATTEMPTS} ports`);
    }
  }

  get pid(): number {
    return this.#pid;
  }

  async #becomesReady(): Promise<boolean> {
    const output = Readable.fromWeb(this.#shell.stdout as unknown as Parameters<typeof Readable.fromWeb>[0]);
    const first = await createInterface({ input: output })[Symbol.asyncIterator]().next();
    if (first.done === true) return false;
    this.#pid = Number(first.value);
    const until = performance.now() + READY_MS_MAX;
    while (performance.now() < until && this.#shell.exitCode === null) {
      try {
        await this.client.connect();
        await this.client.send("PING", []);
        return true;
      } catch {
        await Bun.sleep(LOOK_MS);
      }
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.#shell.stdin.end();
    await this.#shell.exited;
  }
}

/** A port that nobody has at this moment: redis-server cannot be told to take any. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
