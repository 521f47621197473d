// What the simulated tests of the mail sink share: a sink in a world of its own, and clients that send bytes.

import { expect } from "bun:test";
import { smtpSink, type SmtpSink, type SmtpSinkOptions } from "../../examples/smtp-sink.ts";
import type { Conn } from "../../src/net/conn.ts";
import type { Handshake, RawSocket, SocketHandler } from "../../src/net/transport.ts";
import type { Task } from "../../src/core/task.ts";
import type { NetworkOptions, SimPeer, SocketStatistics } from "../../src/sim/index.ts";
import { Mill } from "../net/kit.ts";

/** What sends and hears: a peer, or the TLS that it has begun. */
interface Wire {
  readonly text: string;
  send(data: string | Uint8Array): void;
}

/** Asks and gets answers. */
class Talk {
  protected readonly world: SinkWorld;
  readonly #wire: Wire;
  #seen = 0;

  constructor(world: SinkWorld, wire: Wire) {
    this.world = world;
    this.#wire = wire;
  }

  /** What has come since the last look. */
  heard(): string {
    const all = this.#wire.text;
    const fresh = all.slice(this.#seen);
    this.#seen = all.length;
    return fresh;
  }

  /** Sends lines in one piece, lets a moment pass, and gives the answers. */
  ask(...lines: readonly string[]): string[] {
    return this.raw(lines.map((line) => `${line}\r\n`).join(""));
  }

  /** The same with bytes as they are. */
  raw(bytes: string | Uint8Array, settleMs = 5): string[] {
    this.#wire.send(bytes);
    this.world.pass(settleMs);
    return linesOf(this.heard());
  }

  /** The codes of the answers. */
  codes(...lines: readonly string[]): number[] {
    return codesOf(this.ask(...lines));
  }
}

/** One client. */
export class MailClient extends Talk {
  readonly peer: SimPeer;

  constructor(world: SinkWorld) {
    const peer = world.mill.peer();
    super(world, peer);
    this.peer = peer;
    world.pass();
  }

  /** What the server's end of the connection did. */
  get server(): SocketStatistics {
    if (this.peer.socket === null) throw new Error("the client is not connected");
    return this.peer.socket.peer.statistics;
  }

  /** Shakes hands; what it gives talks over TLS. */
  secure(): Talk {
    const { socket } = this.peer;
    if (socket === null) throw new Error("the client is not connected");
    const wire = new SecureWire();
    this.world.mill.host.transport.secureClient(socket, { verify: false }, wire);
    this.world.pass();
    return new Talk(this.world, wire);
  }
}

/** A client's end of TLS on the simulated network. */
class SecureWire implements Wire, Handshake, SocketHandler {
  text = "";
  #socket: RawSocket | null = null;

  send(data: string | Uint8Array): void {
    if (this.#socket === null) throw new Error("the handshake is not done");
    const bytes = Buffer.from(data as string);
    expect(this.#socket.write(bytes, 0, bytes.length)).toBe(bytes.length);
  }

  done(socket: RawSocket): SocketHandler {
    this.#socket = socket;
    return this;
  }
  failed(fault: Error): void {
    throw fault;
  }
  socketData(chunk: Uint8Array): void {
    this.text += Buffer.from(chunk).toString();
  }
  socketDrained(): void {}
  socketEnded(): void {}
  socketClosed(): void {}
}

/** The lines of `text`, which has nothing but whole lines. */
export function linesOf(text: string): string[] {
  if (text === "") return [];
  expect(text).toEndWith("\r\n");
  return text.slice(0, -2).split("\r\n");
}

/** The codes of answers, one for each however many lines it has. */
export function codesOf(lines: readonly string[]): number[] {
  return lines.filter((line) => /^\d{3} /.test(line)).map((line) => Number(line.slice(0, 3)));
}

/** A sink in a world of its own. */
export class SinkWorld {
  readonly mill: Mill;
  readonly sink: SmtpSink;
  readonly errors: unknown[] = [];
  /** What the sink told of. */
  readonly faults: string[] = [];
  readonly conns: Conn[] = [];
  readonly task: Task<never>;
  readonly #bytesLeft: number;

  constructor(options: SmtpSinkOptions = {}, network: NetworkOptions = {}) {
    this.mill = new Mill(network);
    this.sink = smtpSink({ onFault: (text) => this.faults.push(text), ...options });
    this.#bytesLeft = this.sink.bytesLeft;
    this.task = this.mill.serve(
      (conn) => {
        this.conns.push(conn);
        return this.sink.handler(conn);
      },
      { onError: (error) => this.errors.push(error), onDrain: () => this.sink.drain() },
    ).task;
  }

  /** A client that was greeted. */
  client(): MailClient {
    const client = new MailClient(this);
    expect(client.heard()).toBe("220 smtp-sink ESMTP takes all mail and sends none\r\n");
    return client;
  }

  /** One that has said who it is. */
  greeted(): MailClient {
    const client = this.client();
    expect(client.codes("EHLO client.example")).toEqual([250]);
    return client;
  }

  /** One whose next line is the first one of a mail. */
  sending(): MailClient {
    const client = this.greeted();
    expect(client.codes("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")).toEqual([250, 250, 354]);
    return client;
  }

  pass(ms = 5): void {
    this.mill.pass(ms);
  }

  /** The texts of all mails, oldest first. */
  texts(): string[] {
    return this.sink.mailbox.mails.map(({ bytes }) => Buffer.from(bytes).toString("latin1"));
  }

  async finish(): Promise<void> {
    await this.mill.finish(this.task);
    expect(this.errors).toEqual([]);
    expect(this.sink.bytesLeft).toBe(this.#bytesLeft);
  }
}
