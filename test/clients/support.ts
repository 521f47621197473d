// What the tests of real clients share: the target as a subprocess, and programs of other people's making that talk to it. A program that is
// not installed fails its tests with the package to install; nothing is skipped. All addresses are on loopback, all ports the kernel's choice.
// The deadlines here pass only when a test fails.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TargetStatistics } from "./target.ts";

/** For `setDefaultTimeout`: programs start slowly on a machine that is busy. */
export const PATIENCE_MS = 60_000;

/** Largest output of a program that is kept; one that prints more is killed. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;

/** The Debian package in which a command comes. */
const PACKAGES = {
  ab: "apache2-utils",
  chromium: "chromium",
  curl: "curl",
  node: "nodejs",
  "redis-benchmark": "redis-tools",
  "redis-cli": "redis-tools",
  wrk: "wrk",
} as const;

/** A client that is a program. */
export type Command = keyof typeof PACKAGES;

/** How a program ended and what it printed. */
export interface Output {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Where a command is. @throws Error naming the package to install */
function pathOf(command: Command): string {
  const path = Bun.which(command);
  if (path !== null) return path;
  const name = PACKAGES[command];
  throw new Error(
    `Cannot run ${command}: it is not installed. Install the Debian package ${name}: apt-get install ${name}`,
  );
}

/** Runs a command to its end, with `input` on its standard input. @throws Error when the command is not installed */
export async function runCommand(command: Command, args: readonly string[], input?: Uint8Array): Promise<Output> {
  const child = Bun.spawn([pathOf(command), ...args], {
    stdio: [input ?? "ignore", "pipe", "pipe"],
    // No proxy and no file of settings of whoever runs the tests.
    env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir(), LC_ALL: "C" },
    timeout: PATIENCE_MS / 2,
    killSignal: "SIGKILL",
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout: Buffer.from(stdout.buffer), stderr };
}

/** As {@link runCommand}, for what must end well: gives what it printed. @throws Error with its complaint when it ends with another code than 0 */
export async function printed(command: Command, args: readonly string[], input?: Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, input);
  if (code !== 0)
    throw new Error(`Cannot run ${command} ${args.join(" ")}: it ended with code ${code}: ${stderr.trim()}`);
  return stdout.toString("latin1");
}

/** A folder for the files of one test. `using` removes it. */
export class Scratch implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "millrace-clients-"));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** A TypeScript program of this folder that is run by Node, bundled into one JavaScript file for it. It prints one JSON value. */
export class NodeProgram implements Disposable {
  readonly #scratch: Scratch;
  readonly #file: string;

  private constructor(scratch: Scratch, file: string) {
    this.#scratch = scratch;
    this.#file = file;
  }

  static async build(name: string): Promise<NodeProgram> {
    const scratch = new Scratch();
    const entrypoints = [join(import.meta.dir, name)];
    const { outputs } = await Bun.build({ entrypoints, outdir: scratch.path, target: "node", naming: "[name].mjs" });
    return new NodeProgram(scratch, (outputs[0] as Bun.BuildArtifact).path);
  }

  /** Runs it with `args` and gives what it printed. */
  async run(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await printed("node", [this.#file, ...args]));
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}

/** The running target. */
export class Target {
  readonly port: number;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;

  private constructor(process: Bun.Subprocess<"ignore", "pipe", "pipe">, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** `folder` is what it serves at `/files`. */
  static async start(folder: string = import.meta.dir): Promise<Target> {
    const child = Bun.spawn([process.execPath, "run", join(import.meta.dir, "target.ts"), folder], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for await (const chunk of child.stdout) {
      said += new TextDecoder().decode(chunk);
      if (said.includes("\n")) break;
    }
    const port = /^target ready: (\d+)\n$/.exec(said)?.[1];
    if (port === undefined) {
      child.kill("SIGKILL");
      throw new Error(`Cannot start the target: it printed ${JSON.stringify(said)} and ${await child.stderr.text()}`);
    }
    return new Target(child, Number(port));
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  url(path: string): string {
    return this.origin + path;
  }

  async statistics(): Promise<TargetStatistics> {
    return (await this.#ask("/statistics").then((answer) => answer.json())) as TargetStatistics;
  }

  /** Connections that `action` opened. */
  async opened(action: () => Promise<unknown>): Promise<number> {
    const before = await this.statistics();
    await action();
    const after = await this.statistics();
    // The second look took a connection of its own.
    return after.accepted - before.accepted - 1;
  }

  /** Settles once that many handlers have begun in all, and that many of them were cancelled. */
  async counted(begun: number, cancelled: number): Promise<void> {
    await this.#ask(`/counted/${begun}/${cancelled}`);
  }

  /**
   * Ends it as its user would. Gives what was wrong in its whole life, from its own side: its exit code, and what it told on stderr of handlers
   * that failed and of requests that it thought faulty or too slow. Of clients that keep the rules there are none.
   */
  async stop(): Promise<{ code: number; stderr: string }> {
    this.#process.kill("SIGTERM");
    const stderr = await this.#process.stderr.text();
    return { code: await this.#process.exited, stderr };
  }

  /** On a connection of its own. */
  #ask(path: string): Promise<Response> {
    return fetch(this.url(path), { keepalive: false });
  }
}

/** What {@link Target.stop} gives when all went well. */
export const NOTHING_WRONG = { code: 0, stderr: "" } as const;

/** The digest as the target computes it. */
export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
