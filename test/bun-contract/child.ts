// A Bun process of its own, for what a test must not do to itself: run out of file descriptors, let an error go uncaught,
// exit. It talks in lines on stdout. It is killed by its own handle when it is disposed, and awaited.

import { within } from "./support.ts";

type PipedProcess = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** A running script. `await using` kills it, whatever it is doing. */
export class Child implements AsyncDisposable {
  readonly process: PipedProcess;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  /** Starts `script`; with `filesMax`, under that limit of open files, soft and hard. */
  constructor(script: string, options: { filesMax?: number; softFilesMax?: number; inherit?: number } = {}) {
    const limits = [
      options.softFilesMax === undefined ? "" : `ulimit -Sn ${options.softFilesMax};`,
      options.filesMax === undefined
        ? ""
        : `ulimit -${options.softFilesMax === undefined ? "" : "H"}n ${options.filesMax};`,
    ];
    const inherited = options.inherit === undefined ? [] : [options.inherit];
    this.process = Bun.spawn(["sh", "-c", `${limits.join(" ")} exec "$0" -e "$1"`, process.execPath, script], {
      stdio: ["pipe", "pipe", "pipe", ...inherited],
    });
    this.#chunks = this.process.stdout[Symbol.asyncIterator]();
  }

  /** The next line that the script prints, or `null` when it has closed its output. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const next = await within(this.#chunks.next(), () => `a line of a child, after ${this.#text}`);
      if (next.done === true) return null;
      this.#text += this.#decoder.decode(next.value, { stream: true });
    }
  }

  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== null; line = await this.line()) lines.push(line);
    return lines;
  }

  /** Says something to a script that listens to its stdin. */
  poke(): void {
    this.process.stdin.write("go\n");
    this.process.stdin.flush();
  }

  async exitCode(): Promise<number> {
    return await within(this.process.exited, () => "the exit of a child");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await within(this.process.exited, () => "the end of a killed child");
    await this.#chunks.return?.();
  }
}

/** Runs `script` to its end and returns its lines and its exit code. */
export async function runChild(script: string): Promise<{ lines: string[]; exitCode: number }> {
  await using child = new Child(script);
  return { lines: await child.lines(), exitCode: await child.exitCode() };
}
