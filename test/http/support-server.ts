// The demonstration server as a subprocess, and clients of it on real sockets.

import { join } from "node:path";

const SERVER = join(import.meta.dir, "../../src/server.ts");

/** How a process ended and what it said. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of the server. */
export class ServerProcess implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #out: AsyncIterator<Uint8Array>;
  #stdout = "";

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.#process = Bun.spawn([process.execPath, "run", SERVER, ...args], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#out = this.#process.stdout[Symbol.asyncIterator]();
  }

  /** Starts one on free ports and waits until it is ready. */
  static async ready(args: readonly string[] = [], env: Record<string, string> = {}): Promise<RunningServer> {
    const server = new RunningServer(["--port", "0", "--echo-port", "0", ...args], env);
    await server.readyLine();
    return server;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The first line on stdout. */
  async readyLine(): Promise<string> {
    while (!this.#stdout.includes("\n")) if (!(await this.#readMore())) break;
    return this.#stdout.split("\n", 1)[0] ?? "";
  }

  /** Waits for its end. */
  async ended(): Promise<Ended> {
    const stderr = new Response(this.#process.stderr).text();
    while (await this.#readMore());
    return { code: await this.#process.exited, stdout: this.#stdout, stderr: await stderr };
  }

  async #readMore(): Promise<boolean> {
    const chunk = await this.#out.next();
    if (chunk.done === true) return false;
    this.#stdout += new TextDecoder().decode(chunk.value);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

/** One that has said that it is ready. */
export class RunningServer extends ServerProcess {
  port = 0;
  echoPort = 0;

  override async readyLine(): Promise<string> {
    const line = await super.readyLine();
    const [, port, echoPort] =
      /^millrace ready: http:\/\/127\.0\.0\.1:(\d+) tcp echo 127\.0\.0\.1:(\d+)$/.exec(line) ?? [];
    this.port = Number(port);
    this.echoPort = Number(echoPort);
    return line;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }
}

/** A client on a plain socket that keeps all that comes. */
export class PlainClient {
  received: Buffer = Buffer.alloc(0);
  readonly ended: Promise<void>;
  #socket!: Bun.Socket;
  #end!: () => void;
  #watchers: (() => void)[] = [];

  private constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  static async connect(port: number, sent = ""): Promise<PlainClient> {
    const client = new PlainClient();
    client.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        data: (_, chunk) => {
          client.received = Buffer.concat([client.received, chunk]);
          for (const look of client.#watchers) look();
        },
        end: (socket) => {
          client.#end();
          socket.end();
        },
        close: () => client.#end(),
        error: () => {},
      },
    });
    if (sent !== "") client.#socket.write(sent);
    return client;
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  send(data: string): void {
    this.#socket.write(data);
  }

  shutdown(): void {
    this.#socket.shutdown();
  }

  reset(): void {
    this.#socket.terminate();
  }

  /** Settles once `text` has come. */
  async until(text: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.text.includes(text)) resolve();
      };
      this.#watchers.push(look);
      look();
    });
  }
}
