// Listening on a socket that a process has inherited: socket activation, and restarts that lose no connection.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../src/concurrency/until.ts";
import { connect } from "../../src/net/connect.ts";
import { ListenError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import { Child } from "../bun-contract/child.ts";
import { isLinux } from "../bun-contract/support.ts";
import { BunConnWorld, textOf, thrownBy } from "../contract/conn-world.ts";
import { CLIENT } from "../contract/secure-world.ts";
import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";

const MILLRACE = JSON.stringify(join(import.meta.dir, "../../src/index.ts"));
const world = new BunConnWorld();

describe.skipIf(!isLinux)("listen at an inherited descriptor", () => {
  for (const [name, tls] of [
    ["plain", undefined],
    ["TLS", SELF_SIGNED],
  ] as const) {
    test(`listen at fd 3 accepts what comes to it, knows its address, and outlives the process that bound it: ${name}`, async () => {
      const bound = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
      const { port } = bound;
      await using child = new Child(
        `
        import { run, listen, serve } from ${MILLRACE};
        run(function* () {
          const listener = yield* listen({ fd: 3, ...${JSON.stringify(tls === undefined ? {} : { tls })} });
          console.log(listener.address, listener.port);
          yield* serve(listener, function* (conn) { yield* conn.write("from the child"); });
        });`,
        { inherit: (bound as unknown as { fd: number }).fd },
      );
      expect(await child.line()).toBe(`127.0.0.1:${port} ${port}`);
      bound.stop();
      await world.run(function* () {
        using conn = yield* connect({ port, ...(tls === undefined ? {} : { tls: CLIENT }) });
        expect(textOf(yield* conn.readExactly(14))).toBe("from the child");
      });
    });
  }

  test("listen at a descriptor that is no listening socket throws ListenError", async () => {
    await world.run(function* () {
      for (const fd of [0, 999, -1]) {
        const error = yield* thrownBy(() => listen({ fd }));
        expect(error).toBeInstanceOf(ListenError);
        expect(error).toMatchObject({
          reason: "EINVAL",
          message: `Cannot listen on fd:${fd}: it is no listening socket`,
        });
      }
      yield* until(Promise.resolve());
    });
  });
});
