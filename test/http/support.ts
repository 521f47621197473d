// What the HTTP tests share: a server in a simulated world with clients that are driven by hand, and a reader of responses that was written
// from RFC 9112 alone, without a line of src/http. Everything happens in virtual time.

import { expect } from "bun:test";
import { until } from "../../src/concurrency/until.ts";
import { scope } from "../../src/concurrency/scope.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { type HttpHandler, type HttpOptions, type Rejection, serveHttp } from "../../src/http/index.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { CALM_NETWORK, type NetworkOptions, SimPeer, Simulation, type SocketStatistics } from "../../src/sim/index.ts";

const SERVER = { port: 8_080 };

/** Virtual ms in which a calm network carries everything both ways. */
export const SOON_MS = 20;

/** Lets promises of handlers run, which live outside of virtual time, and what they have sent arrive. */
export function* settle(): Steps<void> {
  for (let i = 0; i < 20; i++) yield* until(Promise.resolve());
  yield* sleep(SOON_MS);
}

/** How a test wants its world. */
export interface WorldOptions extends HttpOptions {
  readonly seed?: number;
  readonly network?: NetworkOptions;
}

/** A server in a world of its own, and what its hooks were told. */
export class HttpWorld {
  readonly simulation: Simulation;
  readonly errors: unknown[] = [];
  readonly rejections: Rejection[] = [];
  timeouts = 0;
  listener!: Listener;
  server!: Task<never>;

  constructor(options: WorldOptions) {
    this.simulation = new Simulation({ seed: options.seed ?? 1, network: options.network ?? CALM_NETWORK });
  }

  /** Virtual ms since the world began. */
  now(): number {
    return this.simulation.host.now();
  }

  /** A new client; what it sends at once leaves when it is connected. */
  connect(...sent: (string | Uint8Array)[]): SimPeer {
    const peer = SimPeer.connect(this.simulation.host, SERVER);
    for (const data of sent) peer.send(data);
    return peer;
  }

  /** Connects, sends `sent` and gives the client after a short while. */
  *ask(...sent: (string | Uint8Array)[]): Steps<SimPeer> {
    const peer = this.connect(...sent);
    yield* sleep(SOON_MS);
    return peer;
  }
}

/** Runs `body` beside a server with `handler`, and holds that nothing was leaked or reported behind the test's back. */
export async function withServer(
  handler: HttpHandler,
  body: (world: HttpWorld) => Operation<unknown>,
  options: WorldOptions = {},
): Promise<void> {
  const world = new HttpWorld(options);
  const { simulation } = world;
  const hooks: HttpOptions = {
    onError: (error) => world.errors.push(error),
    onRejection: (rejection) => world.rejections.push(rejection),
    onTimeout: () => world.timeouts++,
  };
  await simulation.run(function* () {
    yield* scope(function* (servers) {
      const listener = yield* listen(SERVER);
      world.listener = listener;
      world.server = servers.spawn(() => serveHttp(listener, handler, { ...hooks, ...options }), "the server");
      yield* sleep(1);
      yield* body(world);
      for (const socket of simulation.host.transport.sockets) if (socket.remotePort === SERVER.port) socket.terminate();
      world.server.cancel();
    });
  });
  expect(simulation.host.reports).toEqual([]);
  expect(simulation.host.transport.sockets).toEqual([]);
  expect(simulation.scheduler.timers.armed).toBe(0);
}

/** What the server's end of `peer` did. */
export function serverSocket(peer: SimPeer): SocketStatistics {
  const { socket } = peer;
  if (socket === null) throw new Error("the client is not connected");
  return socket.peer.statistics;
}

/** A request as text: CRLF line ends, `Host` unless the lines have one. */
export function request(line: string, lines: readonly string[] = [], body = ""): string {
  const version = / HTTP\/1\.\d$/.test(line) ? line : `${line} HTTP/1.1`;
  const host = lines.some((field) => /^host:/i.test(field)) ? [] : ["Host: example.org"];
  return `${[version, ...host, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

/** A response as it was read off the wire. */
export interface Response {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What a client received, cut into responses. `rest` is what makes no whole one. */
export interface Responses {
  readonly all: readonly Response[];
  /** Those that are not 1xx. */
  readonly final: readonly Response[];
  readonly statuses: readonly number[];
  readonly rest: string;
}

/** Reads responses to requests of `methods` (GET when there are fewer). A body without a length is only whole once the connection `isOver`. */
export function readResponses(received: Uint8Array, methods: readonly string[] = [], isOver = false): Responses {
  const all: Response[] = [];
  let rest = Buffer.from(received).toString("latin1");
  for (;;) {
    const finals = all.filter(({ status }) => status >= 200).length;
    const next = readResponse(rest, methods[finals] ?? "GET", isOver);
    if (next === null) break;
    all.push(next.response);
    rest = next.rest;
  }
  const final = all.filter(({ status }) => status >= 200);
  return { all, final, statuses: all.map(({ status }) => status), rest };
}

/** The responses that `peer` has received. */
export function responsesOf(peer: SimPeer, ...methods: string[]): Responses {
  return readResponses(peer.received, methods, peer.ended || peer.closed);
}

function readResponse(text: string, method: string, isOver: boolean): { response: Response; rest: string } | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return null;
  const [statusLine = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? Number.NaN);
  expect(status, `the status line ${JSON.stringify(statusLine)}`).toBeGreaterThanOrEqual(100);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?(.*)$/.exec(line) ?? [];
    expect(name, `the header line ${JSON.stringify(line)}`).not.toBe("");
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  const content = contentOf(text.slice(headEnd + 4), status, method, headers, isOver);
  return content && { response: { status, headers, body: content.body }, rest: content.rest };
}

function contentOf(
  text: string,
  status: number,
  method: string,
  headers: ReadonlyMap<string, string>,
  isOver: boolean,
): { body: string; rest: string } | null {
  if (status < 200 || status === 204 || status === 304 || method === "HEAD") return { body: "", rest: text };
  if (headers.get("transfer-encoding") === "chunked") return dechunked(text);
  const length = headers.get("content-length");
  if (length === undefined) return isOver ? { body: text, rest: "" } : null;
  if (text.length < Number(length)) return null;
  return { body: text.slice(0, Number(length)), rest: text.slice(Number(length)) };
}

function dechunked(text: string): { body: string; rest: string } | null {
  let body = "";
  for (let at = 0; ;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const dataEnd = lineEnd + 2 + size;
    if (text.length < dataEnd + 2) return null;
    expect(text.slice(dataEnd, dataEnd + 2)).toBe("\r\n");
    body += text.slice(lineEnd + 2, dataEnd);
    at = dataEnd + 2;
    if (size === 0) return { body, rest: text.slice(at) };
  }
}

/** Bodies of the final responses, in order. */
export function bodiesOf(peer: SimPeer, ...methods: string[]): string[] {
  return responsesOf(peer, ...methods).final.map(({ body }) => body);
}
