// A program of its own process: its lines, its signals, its exit code. For what a test must not do to itself.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
/** Passes only when a test fails. */
const PATIENCE_MS = 4_500;

/** `source` with imports of the package by its name turned into imports of these sources. */
export function localImports(source: string): string {
  return source.replaceAll(
    /from "millrace(\/\w+)?"/g,
    (_, door: string = "") => `from "${join(ROOT, "src", door, "index.ts")}"`,
  );
}

/** A running program. `await using` kills it, whatever it is doing. */
export class Program implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: Promise<string>;
  readonly #folder: string | null;

  private constructor(file: string, args: string[], folder: string | null, extra: Record<string, string> = {}) {
    const { NODE_ENV: _, ...env } = process.env;
    this.#process = Bun.spawn([process.execPath, "run", file, ...args], {
      cwd: ROOT,
      env: { ...env, ...extra },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#lines = linesOf(this.#process.stdout);
    this.#errors = new Response(this.#process.stderr).text();
    this.#folder = folder;
  }

  /** Runs a file of the repository. */
  static file(path: string, ...args: string[]): Program {
    return new Program(join(ROOT, path), args, null);
  }

  /** Runs `source` as `program.ts`, with `env` in its environment; it may import the package by its name. */
  static source(source: string, env: Record<string, string> = {}): Program {
    const folder = mkdtempSync(join(tmpdir(), "millrace-program-"));
    const file = join(folder, "program.ts");
    writeFileSync(file, localImports(source));
    return new Program(file, [], folder, env);
  }

  /** The next line that it prints; `null` when it has closed its output. */
  async line(): Promise<string | null> {
    const next = await within(this.#lines.next(), "a line of a program");
    return next.done === true ? null : next.value;
  }

  /** All lines that are left. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== null; line = await this.line()) lines.push(line);
    return lines;
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP"): void {
    this.#process.kill(name);
  }

  exitCode(patienceMs: number = PATIENCE_MS): Promise<number> {
    return within(this.#process.exited, "the exit of a program", patienceMs);
  }

  /** What it printed on stderr, once it has ended. */
  errors(): Promise<string> {
    return within(this.#errors, "the errors of a program");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true });
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
  if (text !== "") yield text;
}

interface ClientState {
  text: string;
  isClosed: boolean;
  changed: PromiseWithResolvers<void>;
}

/** A client without any code of ours in it. */
export class RawClient implements AsyncDisposable {
  readonly #socket: Bun.Socket;
  readonly #state: ClientState;

  private constructor(socket: Bun.Socket, state: ClientState) {
    this.#socket = socket;
    this.#state = state;
  }

  static async connect(port: number): Promise<RawClient> {
    const state: ClientState = { text: "", isClosed: false, changed: Promise.withResolvers<void>() };
    const change = (): void => {
      state.changed.resolve();
      state.changed = Promise.withResolvers<void>();
    };
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        data(_socket, bytes) {
          state.text += bytes.toString();
          change();
        },
        end(socket) {
          socket.end();
        },
        close() {
          state.isClosed = true;
          change();
        },
      },
    });
    return new RawClient(socket, state);
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** FIN; still receives. */
  shutdown(): void {
    this.#socket.shutdown();
  }

  /** Everything received so far, once it ends with `end`. */
  async received(end: string): Promise<string> {
    while (!this.#state.text.endsWith(end))
      await within(this.#state.changed.promise, `${JSON.stringify(end)} after ${JSON.stringify(this.#state.text)}`);
    return this.#state.text;
  }

  async closed(): Promise<void> {
    while (!this.#state.isClosed) await within(this.#state.changed.promise, "the close of a connection");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    await this.closed();
  }
}

/** Fails when `promise` does not settle soon: a guard, never a way to synchronise. */
export async function within<T>(promise: Promise<T>, what: string, patienceMs: number = PATIENCE_MS): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), patienceMs);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
