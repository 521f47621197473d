// Part of the conn contract: end, close, terminate, dispose, and both directions ending apart.

import { expect } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { ConnectionClosedError, ConnectionLostError } from "../../src/net/errors.ts";
import { type ConnTest, jam, patterned, pour, readAll, thrownBy } from "./conn-world.ts";

export function closingContract(both: ConnTest): void {
  endContract(both);
  closeContract(both);
  terminateContract(both);
}

function endContract(both: ConnTest): void {
  both(
    "end closes one direction: the client may half-close first and still get a long answer",
    function* ({ client, server }) {
      const answer = patterned(150_000);
      yield* client.write("question");
      yield* client.end();
      yield* scope(function* (tasks) {
        const heard = tasks.spawn(() => readAll(client));
        expect((yield* readAll(server)).toString()).toBe("question");
        yield* pour(server, answer);
        expect((yield* heard).equals(answer)).toBe(true);
      });
    },
  );

  both("end closes one direction: the server may half-close first and still read", function* ({ client, server }) {
    yield* server.write("banner");
    yield* server.end();
    expect((yield* readAll(client)).toString()).toBe("banner");
    yield* client.write("late");
    yield* client.end();
    expect((yield* readAll(server)).toString()).toBe("late");
  });

  both("end at both ends closes the connection for good", function* ({ world, client, server }) {
    yield* client.end();
    yield* server.end();
    expect(yield* server.read()).toBeNull();
    expect(yield* client.read()).toBeNull();
    yield* world.until(() => client.closed && server.closed, "both sockets closed");
  });

  both("end twice is as once, and a write after it throws ConnectionClosedError", function* ({ client, server }) {
    yield* client.write("x");
    yield* client.end();
    yield* client.end();
    yield* client.flush();
    yield* client.writable();
    const error = yield* thrownBy(() => client.write("y"));
    expect(error).toBeInstanceOf(ConnectionClosedError);
    expect(error).toMatchObject({
      code: "ERR_CONNECTION_CLOSED",
      message: `Cannot write to connection ${client.id}: its write side was ended`,
    });
    expect((yield* readAll(server)).toString()).toBe("x");
  });

  both("end waits until the kernel has all that was written", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      const jammed = yield* jam(world, client);
      const ending = tasks.spawn(() => client.end());
      yield* world.until(() => client.writer !== null, "a parked end");
      expect(yield* thrownBy(() => client.writable())).toMatchObject({ code: "ERR_BUSY" });
      const heard = tasks.spawn(() => readAll(server));
      yield* ending;
      expect(client.outbox.pending).toBe(0);
      expect(yield* heard).toHaveLength(jammed);
    });
  });
}

function closeContract(both: ConnTest): void {
  both("close sends what was written, then FIN, without waiting", function* ({ world, client, server }) {
    const sent = patterned(60_000);
    yield* client.write(sent);
    client.close();
    client.close();
    expect((yield* readAll(server)).equals(sent)).toBe(true);
    server.close();
    yield* world.until(() => client.closed && server.closed, "both sockets closed");
  });

  both("close of a conn with unread input does not destroy what it has sent", function* ({ world, client, server }) {
    yield* client.write(patterned(3_000));
    yield* world.until(() => server.received.size > 0, "some input");
    yield* server.write("answer");
    server.close();
    yield* client.write("more that nobody reads");
    expect((yield* readAll(client)).toString()).toBe("answer");
  });

  both(
    "close throws ConnectionClosedError into what comes later, and drops what was not read",
    function* ({ world, client, server }) {
      yield* client.write("unread");
      yield* world.until(() => server.received.size === 6, "six bytes");
      server.close();
      const starts = [
        () => server.read(),
        () => server.readLine(),
        () => server.readExactly(2),
        () => server.write("x"),
        () => server.more(),
      ];
      for (const start of starts) expect(yield* thrownBy(start)).toBeInstanceOf(ConnectionClosedError);
      expect((yield* thrownBy(() => server.read())) as Error).toMatchObject({
        message: `Cannot read from connection ${server.id}: it was closed`,
      });
      yield* server.readable();
      yield* server.writable();
    },
  );

  both("close stays ConnectionClosedError after the peer has reset", function* ({ world, client, server }) {
    yield* client.write("unread");
    yield* world.until(() => server.received.size === 6, "six bytes");
    server.close();
    client.terminate();
    yield* world.until(() => server.closed, "the reset");
    expect(yield* thrownBy(() => server.read())).toBeInstanceOf(ConnectionClosedError);
    expect(yield* thrownBy(() => server.write("x"))).toBeInstanceOf(ConnectionClosedError);
  });

  both("close wakes the parked reader and the parked writer with ConnectionClosedError", function* ({ world, client }) {
    yield* scope(function* (tasks) {
      yield* jam(world, client);
      const reading = tasks.spawn(() => thrownBy(() => client.read()));
      const writing = tasks.spawn(() => thrownBy(() => client.write("more")));
      yield* world.until(() => client.reader !== null && client.writer !== null, "a parked reader and writer");
      client.close();
      expect(yield* reading).toBeInstanceOf(ConnectionClosedError);
      expect(yield* writing).toBeInstanceOf(ConnectionClosedError);
    });
  });

  both("using closes the conn at the end of its block", function* ({ world, client, server }) {
    {
      using conn = client;
      yield* conn.write("bye");
    }
    expect((yield* readAll(server)).toString()).toBe("bye");
    expect(yield* thrownBy(() => client.write("x"))).toBeInstanceOf(ConnectionClosedError);
    server[Symbol.dispose]();
    yield* world.until(() => client.closed && server.closed, "both sockets closed");
  });
}

function terminateContract(both: ConnTest): void {
  both("terminate resets the peer and is over at once", function* ({ world, client, server }) {
    client.terminate();
    expect(client.closed).toBe(true);
    client.terminate();
    client.close();
    yield* world.until(() => server.closed, "the reset");
    expect(yield* thrownBy(() => server.read())).toBeInstanceOf(ConnectionLostError);
  });

  both(
    "terminate is our own doing: later operations throw ConnectionClosedError",
    function* ({ world, client, server }) {
      yield* server.write("unread");
      yield* world.until(() => client.received.size === 6, "six bytes");
      yield* scope(function* (tasks) {
        const reading = tasks.spawn(() => thrownBy(() => client.readExactly(7)));
        yield* world.until(() => client.reader !== null, "a parked reader");
        client.terminate();
        expect(yield* reading).toBeInstanceOf(ConnectionClosedError);
        expect(yield* thrownBy(() => client.read())).toBeInstanceOf(ConnectionClosedError);
        expect(yield* thrownBy(() => client.write("x"))).toBeInstanceOf(ConnectionClosedError);
      });
    },
  );

  both("remoteAddress and remotePort name the peer, and never become undefined", function* ({ world, client, server }) {
    expect(client.remoteAddress).toBe("127.0.0.1");
    expect(server.remoteAddress).toBe("127.0.0.1");
    expect(client.remotePort).toBe(server.socket.localPort);
    expect(server.remotePort).toBe(client.socket.localPort);
    server.terminate();
    yield* world.until(() => client.closed, "the reset");
    yield* world.quiet();
    // Bun remembers an address that was asked for before.
    for (const conn of [client, server]) {
      expect(["", "127.0.0.1"]).toContain(conn.remoteAddress);
      expect(conn.remotePort).toBeNumber();
    }
  });
}
