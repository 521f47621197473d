// The origin's last step: a socket whose methods are generators, so that handlers read like blocking code. `yield from client.recv(1000)` there is
// `yield* client.recv(1000)` here. Run: bun run examples/origin/gen-socket.ts [port]

import { type Conn, instrument, listen, type Listener, main, type Operation, scope, type Steps } from "millrace";

/** A connection in the origin's words. */
class GenSocket {
  readonly #conn: Conn;

  constructor(conn: Conn) {
    this.#conn = conn;
  }

  static *accept(listener: Listener): Steps<GenSocket | null> {
    const conn = yield* listener.accept();
    return conn === null ? null : new GenSocket(conn);
  }

  *recv(maxsize: number): Steps<Uint8Array | null> {
    yield* this.#conn.readable();
    return yield* this.#conn.read(maxsize);
  }

  *send(data: Uint8Array): Steps<void> {
    yield* this.#conn.writable();
    yield* this.#conn.write(data);
  }

  get address(): string {
    return this.#conn.remoteAddress;
  }

  close(): void {
    this.#conn.close();
  }
}

function* tcpServer(port: number, handler: (client: GenSocket) => Operation<void>): Steps<void> {
  const listener = yield* listen({ hostname: "127.0.0.1", port });
  console.log("Listening on", listener.address);
  yield* scope(function* (tasks) {
    for (let client: GenSocket | null; (client = yield* GenSocket.accept(listener)) !== null;) {
      const accepted = client;
      tasks.spawn(() => handler(accepted));
    }
  });
}

function* echoHandler(client: GenSocket): Steps<void> {
  console.log("Connection from", client.address);
  for (let data: Uint8Array | null; (data = yield* client.recv(1000)) !== null;) {
    yield* client.send(Buffer.concat([Buffer.from("GOT:"), data]));
  }
  client.close();
  console.log("Connection closed");
}

instrument({ taskExited: () => console.log("Task done") });
main(() => tcpServer(Number(process.argv[2] ?? 25000), echoHandler));
