// The origin's echo server on raw readiness. There a task yielded ('recv', sock) or ('send', sock) and a select loop moved it back to the ready
// queue; here `readable` and `writable` are those waits, and Bun's event loop is the select. Run: bun run examples/origin/server.ts [port]

import { type Conn, instrument, listen, main, type Operation, scope, type Steps } from "millrace";

function* tcpServer(port: number, handler: (conn: Conn) => Operation<void>): Steps<void> {
  const listener = yield* listen({ hostname: "127.0.0.1", port });
  console.log("Listening on", listener.address);
  yield* scope(function* (tasks) {
    for (let client: Conn | null; (client = yield* listener.accept()) !== null;) {
      const accepted = client;
      tasks.spawn(() => handler(accepted));
    }
  });
}

function* echoHandler(client: Conn): Steps<void> {
  using conn = client;
  console.log("Connection from", conn.remoteAddress);
  for (;;) {
    yield* conn.readable();
    const data = yield* conn.read(1000);
    if (data === null) break;
    yield* conn.writable();
    yield* conn.write(Buffer.concat([Buffer.from("GOT:"), data]));
  }
  console.log("Connection closed");
}

instrument({ taskExited: () => console.log("Task done") });
main(() => tcpServer(Number(process.argv[2] ?? 25000), echoHandler));
