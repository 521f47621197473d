// From `bun program.ts` to the first whole answer, and the memory of the process then and after a thousand requests: the least program that a user
// writes with millrace, from source, bundled into one file, and compiled into a program, and the same with Bun.serve. Arms alternate, each time in
// fresh processes.
//
// The client knocks until it is let in. Between two knocks it sleeps in the kernel for a tenth of a millisecond: a timer of the event loop
// would put all arms on a grid of whole ones.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cpuNanoseconds, residentBytes } from "../load/shared/cpu.ts";
import { getRequest } from "../load/shared/request.ts";

/**
 * The arms, in the order of the report: millrace, millrace as `bun build --target=bun --minify` makes one file of it and as `bun build --compile
 * --bytecode --minify` makes a program of it, Bun.serve.
 */
export const START_ARMS = ["millrace", "millrace-bundled", "millrace-compiled", "bun-serve"] as const;

/** One of them. */
export type StartArm = (typeof START_ARMS)[number];

/** One start. */
export interface StartFigures {
  /** Ms from the spawn to the last byte of the first answer. */
  readonly firstAnswerMs: number;
  /** CPU time of the process up to then, in ms. */
  readonly cpuMs: number;
  readonly residentAfterStart: number;
  readonly residentAfterRequests: number;
}

/** One restart of every arm. */
export type StartRound = Readonly<Record<StartArm, StartFigures>>;

/** How much is measured. */
export interface StartExtent {
  readonly restarts: number;
  /** Requests after which memory is read again. */
  readonly requests: number;
}

const BODY = "Hello, World!";
const REQUEST = getRequest("/");
const SERVERS = join(import.meta.dir, "..", "servers");
const KNOCK_MS = 0.1;
const START_MS_MAX = 10_000;
/** Quiet before a reading of memory: what the start and the requests set going is done by then. */
const QUIET_MS = 300;
/** Ports below those that the kernel gives to outgoing connections: one that knocks at such a port may connect to itself. */
const PORT_MIN = 20_000;
const PORTS = 10_000;

let lastPort = PORT_MIN + (process.pid % PORTS);

/** Measures all arms. */
export async function measureStart(
  { restarts, requests }: StartExtent,
  progress: (text: string) => void,
): Promise<StartRound[]> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  try {
    const source = join(SERVERS, "minimal-millrace.ts");
    const commands: Readonly<Record<StartArm, readonly string[]>> = {
      millrace: [process.execPath, source],
      "millrace-bundled": [process.execPath, await bundle(source, folder)],
      "millrace-compiled": [await compile(source, folder)],
      "bun-serve": [process.execPath, join(SERVERS, "minimal-bun-serve.ts")],
    };
    const rounds: StartRound[] = [];
    for (let restart = 0; restart < restarts; restart++) {
      progress(`start: restart ${restart + 1} of ${restarts}`);
      const round: Partial<Record<StartArm, StartFigures>> = {};
      for (const arm of restart % 2 === 0 ? START_ARMS : START_ARMS.toReversed())
        round[arm] = await startOnce(arm, commands[arm], requests);
      rounds.push(round as StartRound);
    }
    return rounds;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function bundle(entry: string, folder: string): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [entry], outdir: folder, target: "bun", minify: true });
  const [output] = outputs;
  if (output === undefined) throw new Error(`Cannot bundle ${entry}: there is no output`);
  return output.path;
}

async function compile(entry: string, folder: string): Promise<string> {
  const outfile = join(folder, "program");
  await Bun.build({ entrypoints: [entry], target: "bun", minify: true, bytecode: true, compile: { outfile } });
  return outfile;
}

async function startOnce(arm: StartArm, command: readonly string[], requests: number): Promise<StartFigures> {
  const port = freePort();
  const beganAt = Bun.nanoseconds();
  const server = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, NODE_ENV: "production", PORT: String(port) },
  });
  try {
    const client = await knock(arm, port, server);
    await client.ask();
    const firstAnswerMs = (Bun.nanoseconds() - beganAt) / 1e6;
    const cpuMs = cpuNanoseconds(server.pid) / 1e6;
    await Bun.sleep(QUIET_MS);
    const residentAfterStart = residentBytes(server.pid);
    for (let i = 1; i < requests; i++) await client.ask();
    await Bun.sleep(QUIET_MS);
    const residentAfterRequests = residentBytes(server.pid);
    client.close();
    return { firstAnswerMs, cpuMs, residentAfterStart, residentAfterRequests };
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Connects as soon as the server lets it. @throws when it does not in time, or has ended. */
async function knock(arm: StartArm, port: number, server: Bun.Subprocess): Promise<Client> {
  for (const end = Bun.nanoseconds() + START_MS_MAX * 1e6; Bun.nanoseconds() < end;) {
    if (server.exitCode !== null) throw new Error(`Cannot start ${arm}: it ended with ${server.exitCode}`);
    try {
      return await Client.connect(port);
    } catch {
      Atomics.wait(cell, 0, 0, KNOCK_MS);
    }
  }
  throw new Error(`Cannot start ${arm}: it does not listen within ${START_MS_MAX} ms`);
}

/** One connection that asks for the greeting, again and again. */
class Client {
  readonly #socket: Bun.Socket<Client | undefined>;
  #came = "";
  #waiting: PromiseWithResolvers<void> | null = null;

  private constructor(socket: Bun.Socket<Client | undefined>) {
    this.#socket = socket;
    socket.data = this;
  }

  static async connect(port: number): Promise<Client> {
    return new Client(
      await Bun.connect<Client | undefined>({
        hostname: "127.0.0.1",
        port,
        data: undefined,
        socket: {
          data: (socket, chunk) => socket.data?.arrived(chunk),
          close: (socket) => socket.data?.lost(),
          connectError: () => {},
        },
      }),
    );
  }

  /** Parks until the whole answer has come. @throws when it is not the greeting. */
  async ask(): Promise<void> {
    this.#came = "";
    this.#waiting = Promise.withResolvers<void>();
    this.#socket.write(REQUEST);
    await this.#waiting.promise;
    if (!this.#came.startsWith("HTTP/1.1 200 ")) throw new Error(`Cannot use the answer ${JSON.stringify(this.#came)}`);
  }

  close(): void {
    this.#waiting = null;
    this.#socket.end();
  }

  arrived(chunk: Uint8Array): void {
    this.#came += Buffer.from(chunk).toString("latin1");
    if (this.#came.endsWith(`\r\n\r\n${BODY}`)) this.#waiting?.resolve();
  }

  lost(): void {
    this.#waiting?.reject(new Error("Cannot read the answer: the connection was lost"));
  }
}

/** A port that nobody listens at. */
function freePort(): number {
  for (let tries = 0; tries < PORTS; tries++) {
    lastPort = PORT_MIN + ((lastPort - PORT_MIN + 1) % PORTS);
    try {
      Bun.listen({ hostname: "127.0.0.1", port: lastPort, socket: { data() {} } }).stop(true);
      return lastPort;
    } catch {
      // Taken: the next one.
    }
  }
  throw new Error("Cannot start a server: no port is free");
}
