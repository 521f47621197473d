// A listener that answers nobody: a process of its own whose loop stands still, with its queue filled to the brim, so that the kernel lets every further
// connection wait. What a host behind a dead router looks like, without a router.

import { readFileSync } from "node:fs";

import { Child } from "./child.ts";
import { LOOPBACK, turns } from "./support.ts";

/** Connections that the kernel queues for a listener, and more than that. */
const QUEUE = 512;
const CROWD = 520;

export class SilentListener implements AsyncDisposable {
  readonly port: number;
  readonly #child: Child;
  #opened = 0;
  readonly #crowd: readonly Promise<Bun.Socket | null>[];

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
    const open = (): void => void this.#opened++;
    const options = { hostname: LOOPBACK, port, socket: { data: () => undefined, open } };
    this.#crowd = Array.from({ length: CROWD }, () => Bun.connect(options).catch(() => null));
  }

  static async start(): Promise<SilentListener> {
    const child = new Child(`
      console.log(Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }).port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`);
    const listener = new SilentListener(child, Number(await child.line()));
    // Until those that get in are in: each has told so, and the rest stays.
    while (listener.#opened + listener.waiting < CROWD || listener.#opened < QUEUE) await turns(1);
    return listener;
  }

  /** Sockets of this process that wait for an answer: the kernel's state SYN_SENT. */
  get waiting(): number {
    const remote = `:${this.port.toString(16).toUpperCase().padStart(4, "0")}`;
    const lines = readFileSync("/proc/self/net/tcp", "utf8").split("\n");
    return lines.filter((line) => {
      const [, , to, state] = line.trim().split(/\s+/);
      return state === "02" && to?.endsWith(remote) === true;
    }).length;
  }

  /** Lets the loop go round until so many wait. */
  async has(waiting: number): Promise<void> {
    while (this.waiting !== waiting) await turns(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    // Those that still wait hear at their next try, seconds from now, that nobody listens any more. Nobody needs to wait for them.
    for (const attempt of this.#crowd) void attempt.then((made) => made?.terminate());
  }
}
