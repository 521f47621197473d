// The processes of a bench: servers, which say when they are ready, and load generators, which take a burst a line. Both end when their stdin
// does, so none outlives the bench, and each is stopped by its own handle.

import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { join } from "node:path";

import type { Burst, BurstResult } from "../load/shared/burst.ts";
import type { Answer } from "../load/shared/program.ts";
import { type Ports, portsOf } from "../servers/shared/flags.ts";
import type { Arm } from "./arms.ts";

const BENCH = join(import.meta.dir, "..");
const READY_MS_MAX = 15_000;
/** Beyond the length of a burst: connecting, and the generator's own wait for late answers. */
const BURST_EXTRA_MS_MAX = 30_000;

/** A child with lines going in and coming out. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  /** `runtimeFlags`: Bun's own. */
  constructor(file: string, flags: readonly string[], runtimeFlags: readonly string[] = []) {
    this.#process = Bun.spawn([process.execPath, ...runtimeFlags, join(BENCH, file), ...flags], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      // The mode of the arms is production, whoever starts the bench.
      env: { ...process.env, NODE_ENV: "production" },
    });
    this.pid = this.#process.pid;
    // The two descriptions of a stream of bytes differ in their iterator only.
    const output = Readable.fromWeb(this.#process.stdout as unknown as Parameters<typeof Readable.fromWeb>[0]);
    this.#lines = createInterface({ input: output })[Symbol.asyncIterator]();
  }

  /** The next line. @throws when none comes in time. */
  async line(msMax: number, what: string): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`Cannot ${what}: nothing within ${msMax} ms`)), msMax);
    const next = await Promise.race([this.#lines.next(), late.promise]).finally(() => clearTimeout(timer));
    if (next.done === true) throw new Error(`Cannot ${what}: the process has ended`);
    return next.value;
  }

  send(line: string): void {
    this.#process.stdin.write(`${line}\n`);
    void this.#process.stdin.flush();
  }

  /** Has a generator do what `command` says. @throws when it cannot, or takes longer than `msMax`. */
  async ask<Result>(command: object, msMax: number, what: string): Promise<Result> {
    this.send(JSON.stringify(command));
    const answer = JSON.parse(await this.line(msMax, what)) as Answer<Result>;
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }

  signal(name: "SIGUSR2"): void {
    this.#process.kill(name);
  }

  /** Has it end by itself, as it does when its stdin ends. @throws when it does not in time, or ends with a code that is not 0. */
  async end(msMax: number, what: string): Promise<void> {
    void this.#process.stdin.end();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`Cannot ${what}: still running after ${msMax} ms`)), msMax);
    const code = await Promise.race([this.#process.exited, late.promise]).finally(() => clearTimeout(timer));
    if (code !== 0) throw new Error(`Cannot ${what}: it ended with code ${code}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

/** A running arm. */
export class Server extends Child {
  readonly arm: Arm;
  /** 0 for a service that the arm does not have. */
  ports: Ports = { http: 0, echo: 0, line: 0 };

  private constructor(arm: Arm, flags: readonly string[], runtimeFlags: readonly string[]) {
    super(join("servers", `${arm.program}.ts`), ["--with-parent", ...arm.flags, ...flags], runtimeFlags);
    this.arm = arm;
  }

  /** Starts an arm, with `flags` beside its own and `runtimeFlags` for Bun, and waits until it is ready. */
  static async start(arm: Arm, flags: readonly string[] = [], runtimeFlags: readonly string[] = []): Promise<Server> {
    const server = new Server(arm, flags, runtimeFlags);
    const ports = portsOf(await server.line(READY_MS_MAX, `start the arm ${arm.name}`));
    if (ports === null) throw new Error(`Cannot start the arm ${arm.name}: its first line is no ready line`);
    server.ports = ports;
    return server;
  }

  get httpPort(): number {
    return this.ports.http;
  }

  get echoPort(): number {
    return this.ports.echo;
  }

  get linePort(): number {
    return this.ports.line;
  }

  /** Makes it collect garbage so many times, and gives the memory time to go back. */
  async settle(times = 3): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.signal("SIGUSR2");
      await Bun.sleep(400);
    }
  }
}

/** A running load generator. */
export class Generator extends Child {
  constructor(kind: "http" | "echo" | "tls-echo" | "line") {
    super(join("load", `${kind}.ts`), ["--commands"]);
  }

  /** Runs a burst. @throws when it breaks off or any answer was wrong. */
  async run(burst: Burst): Promise<BurstResult> {
    const result = await this.ask<BurstResult>(burst, burst.ms + BURST_EXTRA_MS_MAX, "run a burst");
    const { wrong, answers } = result;
    if (wrong > 0) throw new Error(`Cannot use the burst: ${wrong} of ${answers} answers were wrong`);
    return result;
  }
}
