// Bun's node:http as the other reader: real servers of this process on Unix sockets, one connection a stream. A lane is one server that has
// one connection at a time, so what its handler sees belongs to that stream without a mark in the request. Unix sockets, as
// twenty thousand TCP connections would use up the ports of the machine for a minute.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Socket } from "bun";
import type { Message, Transcript } from "./transcript.ts";

/** Ms after which a server that neither answers nor closes is an error: far more than it ever takes. */
const STUCK_MS = 60_000;

interface Visit {
  readonly messages: Message[];
  /** Requests whose head was accepted. */
  heads: number;
  refusal: string;
  received: string;
}

/** A number of servers to hold streams to. `await using` closes them. */
export class NodeHttp {
  readonly #lanes: readonly Lane[];
  readonly #folder: string;

  private constructor(folder: string, lanes: readonly Lane[]) {
    this.#folder = folder;
    this.#lanes = lanes;
  }

  /** Starts `count` servers. */
  static async start(count: number): Promise<NodeHttp> {
    const folder = mkdtempSync(join(tmpdir(), "millrace-fuzz-"));
    const lanes = Array.from({ length: count }, (_, index) => new Lane(join(folder, `${index}.sock`)));
    await Promise.all(lanes.map((lane) => lane.listen()));
    return new NodeHttp(folder, lanes);
  }

  /** Each of them reads one stream after the other until `next` gives no more; `seen` is told of each. */
  async readAll<T>(
    next: () => { stream: Uint8Array; about: T } | null,
    seen: (about: T, transcript: Transcript) => void,
  ): Promise<void> {
    await Promise.all(
      this.#lanes.map(async (lane) => {
        for (let work = next(); work !== null; work = next()) seen(work.about, await lane.read(work.stream));
      }),
    );
  }

  /** Reads one stream. */
  read(stream: Uint8Array): Promise<Transcript> {
    return this.#lanes[0]!.read(stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

class Lane {
  readonly #path: string;
  readonly #server: Server;
  #visit: Visit = newVisit();

  constructor(path: string) {
    this.#path = path;
    this.#server = createServer((request, response) => takeRequest(this.#visit, request, response));
    this.#server.on("clientError", (error: Error & { code?: string }, socket) => {
      this.#visit.refusal = error.code ?? error.message;
      socket.destroy();
    });
    // Its default answers 417 and reads on as if nothing had been wrong.
    this.#server.on("checkExpectation", ({ socket }: IncomingMessage) => {
      this.#visit.refusal = "417";
      socket.destroy();
    });
  }

  listen(): Promise<void> {
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(this.#path, resolve);
    return promise;
  }

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  /** Sends the stream and a FIN, and waits until the server has closed the connection. */
  async read(stream: Uint8Array): Promise<Transcript> {
    const visit = newVisit();
    this.#visit = visit;
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    const stuck = setTimeout(() => reject(new Error("node:http neither answers nor closes")), STUCK_MS);
    const send = new Sender(stream);
    const socket = await Bun.connect({
      unix: this.#path,
      allowHalfOpen: true,
      socket: {
        open: (socket) => send.flush(socket),
        drain: (socket) => send.flush(socket),
        data(_socket, data) {
          if (visit.received.length < 1_000) visit.received += data.toString("latin1");
        },
        end: (socket) => void socket.end(),
        close: () => resolve(),
        error: (_socket, error) => reject(error),
      },
    });
    await promise.finally(() => clearTimeout(stuck));
    socket.terminate();
    return { messages: visit.messages, ending: endingOf(visit) };
  }
}

/** Sends a stream, in as many writes as it takes, and a FIN behind it. */
class Sender {
  readonly #stream: Uint8Array;
  #sent = 0;

  constructor(stream: Uint8Array) {
    this.#stream = stream;
  }

  flush(socket: Socket): void {
    const left = this.#stream.length - this.#sent;
    if (left > 0) this.#sent += Math.max(0, socket.write(this.#stream, this.#sent, left));
    if (this.#sent === this.#stream.length) socket.shutdown();
  }
}

function takeRequest(visit: Visit, request: IncomingMessage, response: ServerResponse): void {
  visit.heads++;
  const { httpVersion: version, method = "", rawHeaders, url: target = "" } = request;
  const headers: [string, string][] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index]!.toLowerCase(), rawHeaders[index + 1]!]);
  }
  let body = "";
  request.on("data", (data: Buffer) => (body += data.toString("latin1")));
  request.on("end", () => {
    visit.messages.push({ method, target, version, headers, body });
    response.end();
  });
  request.on("error", ignore);
  response.on("error", ignore);
}

function newVisit(): Visit {
  return { messages: [], heads: 0, refusal: "", received: "" };
}

function endingOf(visit: Visit): string {
  if (visit.refusal !== "") return visit.refusal;
  if (visit.heads > visit.messages.length) return "cut";
  const last = /^HTTP\/1\.1 ([45]\d\d)/m.exec(visit.received.slice(visit.received.lastIndexOf("HTTP/1.1 ")));
  return last === null ? "clean" : last[1]!;
}

function ignore(): void {}
