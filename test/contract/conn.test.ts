// The conn contract, for both twins: on the simulated network under many seeds, and on Bun's sockets.

import { describe, expect, test } from "bun:test";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { acceptTls, startTls } from "../../src/net/start-tls.ts";
import { connContract } from "./conn.contract.ts";
import { BunConnWorld, connTest, inWorld, type ConnTest, type ConnWorld, simWorlds } from "./conn-world.ts";
import { CLIENT, listenSecure, pairAt, SERVER, together, withPlain } from "./secure-world.ts";

const SEEDS_EACH = 5;
/** Over TLS the simulation carries bytes as it does without. */
const SECURE_SEEDS_EACH = 2;

describe("conn contract: sim", () => connContract(connTest(() => simWorlds(SEEDS_EACH))));
describe("conn contract: bun", () => connContract(connTest(() => [new BunConnWorld()])));

/** The ways to a TLS connection in a simulated world; those on Bun are in test/bun/tls-contract.test.ts. */
const WAYS: readonly [string, (body: (client: Conn, server: Conn) => Steps<void>) => Steps<void>][] = [
  [
    "TLS",
    function* (body) {
      using listener = yield* listenSecure();
      const { client, server } = yield* pairAt(listener);
      try {
        yield* body(client, server);
      } finally {
        client.terminate();
        server.terminate();
      }
    },
  ],
  [
    "STARTTLS",
    (body) =>
      withPlain(function* (client, server) {
        yield* together(
          () => startTls(client, CLIENT),
          () => acceptTls(server, SERVER),
        );
        yield* body(client, server);
      }),
  ],
];

describe.each(WAYS)("conn contract: sim, %s", (_name, withPair) => {
  const both: ConnTest = (title, body) => {
    test(title, async () => {
      expect.hasAssertions();
      for (const world of simWorlds(SECURE_SEEDS_EACH)) await inWorld(world, () => inside(world));
    });
    function inside(world: ConnWorld): Steps<void> {
      return withPair((client, server) => body({ world, client, server }));
    }
  };
  connContract(both);
});
