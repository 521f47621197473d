// What the tests of the examples share: a program that says where it listens.

import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "../subprocess.ts";

/** A running example. `await using` kills it. */
export class Example implements AsyncDisposable {
  readonly program: Program;
  /** Such as `http://127.0.0.1:8080`; the scheme is what the example says. */
  readonly origin: string;

  private constructor(program: Program, origin: string) {
    this.program = program;
    this.origin = origin;
  }

  /** Runs `examples/NAME.ts` on a free port, until it says that it is ready. */
  static async start(name: string, ...args: string[]): Promise<Example> {
    const program = Program.file(`examples/${name}.ts`, "--port", "0", ...args);
    const line = (await program.line()) ?? (await program.errors());
    expect(line).toMatch(/^ready: \w+:\/\/127\.0\.0\.1:\d+$/);
    return new Example(program, line.slice("ready: ".length));
  }

  get port(): number {
    return Number(new URL(this.origin).port);
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.origin}${path}`, { redirect: "manual", ...init });
  }

  /** SIGTERM, and the exit code. */
  end(): Promise<number> {
    this.program.signal("SIGTERM");
    return this.program.exitCode();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}

/** A folder that is gone with its `using`; written before the program that uses it, it outlives that. */
export function scratch(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "millrace-example-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
