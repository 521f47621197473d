// A world without a kernel, a clock or a network: sockets that take whatever is written to them, and a host whose turns are made by hand. What
// happens in it is our own code and nothing else, so that its objects can be counted.

import { BenchHost } from "../../bench/micro/shared/driver.ts";
import { runOn } from "../../src/core/run.ts";
import type { FileStore } from "../../src/core/files.ts";
import type { HostClient } from "../../src/core/host.ts";
import type { Body } from "../../src/core/operation.ts";
import { Scheduler } from "../../src/core/scheduler.ts";
import type {
  NetHost,
  RawListener,
  RawSocket,
  SocketAddress,
  SocketHandler,
  Transport,
} from "../../src/net/transport.ts";

/** The server's end of a connection to nobody. */
export class LoneSocket implements RawSocket {
  readonly remoteAddress: string = "127.0.0.1";
  readonly remotePort: number = 1;
  readonly localPort: number = 2;
  handler: SocketHandler | null = null;
  /** Bytes taken, and the calls that they came in. */
  written = 0;
  writes = 0;

  write(_bytes: Uint8Array, _offset: number, length: number): number {
    this.written += length;
    this.writes++;
    return length;
  }
  shutdown(): void {}
  end(): void {
    this.terminate();
  }
  terminate(): void {
    const { handler } = this;
    this.handler = null;
    handler?.socketClosed();
  }
  pause(): void {}
  resume(): void {}
  setKeepAlive(): boolean {
    return true;
  }
}

/** One listener whose connections are made by {@link LoneWorld.connect}. */
class LoneTransport implements Transport {
  accept: ((socket: RawSocket) => SocketHandler | null) | null = null;

  handOver(socket: RawSocket, handler: SocketHandler): void {
    (socket as LoneSocket).handler = handler;
  }
  listen(_address: SocketAddress, accept: (socket: RawSocket) => SocketHandler | null): RawListener {
    this.accept = accept;
    return { port: 1, hostname: "lone", stop: () => {} };
  }
  // This world has no other end, no names and no TLS.
  readonly listenSecure = missing("listen for TLS");
  readonly removeStale = missing("look at a path");
  readonly resolve = missing("find an address");
  readonly connect = missing("connect");
  readonly secureClient = missing("begin TLS");
  readonly secureServer = missing("begin TLS");
  readonly tlsOf = missing("tell of TLS");
}

function missing(what: string): () => never {
  return () => {
    throw new Error(`Cannot ${what}: this world has nothing but a listener`);
  };
}

class LoneHost extends BenchHost implements NetHost {
  #skippedMs = 0;
  #client: HostClient | null = null;
  readonly transport: LoneTransport = new LoneTransport();

  override now(): number {
    return super.now() + this.#skippedMs;
  }

  override attach(client: HostClient): void {
    this.#client = client;
    super.attach(client);
  }

  /** Lets `ms` pass at once. */
  skip(ms: number): void {
    this.#skippedMs += ms;
    this.#client?.alarm();
    this.drain();
  }

  get files(): FileStore {
    throw new Error("Cannot open a file: this world has none");
  }
}

/** A server in such a world. */
export class LoneWorld {
  readonly host: LoneHost = new LoneHost();
  readonly scheduler: Scheduler = new Scheduler(this.host);

  /** Runs `server` as a task until it listens. */
  constructor(server: Body<unknown>) {
    runOn(this.scheduler, server).promise.catch(() => {});
    this.host.drain();
  }

  /** A new connection whose handler has taken its first steps. */
  connect(): LoneSocket {
    const socket = new LoneSocket();
    socket.handler = this.host.transport.accept?.(socket) ?? null;
    this.host.drain();
    return socket;
  }

  /** Has `chunk` arrive, and whatever comes of it happen. */
  send(socket: LoneSocket, chunk: Uint8Array): void {
    socket.handler?.socketData(chunk);
    this.host.drain();
  }
}
