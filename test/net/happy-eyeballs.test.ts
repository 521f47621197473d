// Connecting by name: which addresses are tried, in which order and when, and that whoever loses leaves nothing behind. On the virtual clock, with
// addresses that answer, refuse, or say nothing for ever.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CONNECT_ADDRESSES_MAX, CONNECT_DELAY_MS, CONNECT_MS } from "../../src/config.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import type { Steps } from "../../src/core/operation.ts";
import { interleave } from "../../src/net/address-race.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { ConnectError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import type { ResolvedAddress } from "../../src/net/transport.ts";
import { CALM_NETWORK, type NetworkOptions, Simulation } from "../../src/sim/index.ts";
import { thrownBy } from "../contract/conn-world.ts";

const NAME = "server.example.org";
const PORT = 7_000;
/** The calm network's way there and back. */
const ROUND_TRIP_MS = 0.2;

type Manner = "answers" | "refuses" | "silent";

/** A world in which NAME has these addresses; what happens in it is looked at with `tried`. */
class Names {
  readonly sim: Simulation;
  /** Address and virtual ms of each attempt. */
  readonly tried: [address: string, atMs: number][] = [];
  readonly #answering: readonly string[];

  constructor(manners: readonly [address: string, manner: Manner][], network: NetworkOptions = CALM_NETWORK, seed = 1) {
    const silent = manners.filter(([, manner]) => manner === "silent").map(([address]) => address);
    const names = { [NAME]: manners.map(([address]) => address), "nobody.example.org": [] };
    this.sim = new Simulation({ seed, network: { ...network, names, silent } });
    this.#answering = manners.filter(([, manner]) => manner === "answers").map(([address]) => address);
    const { transport } = this.sim.host;
    const connectTo = transport.connect.bind(transport);
    const start = this.sim.host.now();
    transport.connect = (address, opened, failed) => {
      this.tried.push([address.hostname as string, Math.round(this.sim.host.now() - start)]);
      return connectTo(address, opened, failed);
    };
  }

  /** Runs `body` beside listeners at all addresses that answer. Nothing may be left in the end. */
  async run<T>(body: () => Steps<T>): Promise<T> {
    const { sim } = this;
    const answering = this.#answering;
    const value = await sim.run(function* () {
      const listeners = [];
      for (const hostname of answering) listeners.push(yield* listen({ hostname, port: PORT }));
      const result = yield* body();
      for (const listener of listeners) {
        // Losers that had got through to a server are closed there as well.
        listener.close();
      }
      return result;
    });
    while (sim.host.advance());
    expect(sim.host.transport.sockets).toEqual([]);
    expect(sim.scheduler.timers.armed).toBe(0);
    return value;
  }
}

/** Which address a connect to NAME ends up with. */
function* winner(timeoutMs?: number): Steps<string> {
  const conn: Conn = yield* connect({ hostname: NAME, port: PORT, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  const { remoteAddress } = conn;
  conn.terminate();
  return remoteAddress;
}

describe("connect by name", () => {
  test("connect takes the first address when it answers, and tries no other", async () => {
    const world = new Names([
      ["2001:db8::1", "answers"],
      ["192.0.2.1", "answers"],
    ]);
    expect(await world.run(() => winner())).toBe("2001:db8::1");
    expect(world.tried).toEqual([["2001:db8::1", 0]]);
  });

  test("connect tries the other family beside one that says nothing, after 250 ms", async () => {
    const world = new Names([
      ["2001:db8::1", "silent"],
      ["2001:db8::2", "silent"],
      ["192.0.2.1", "answers"],
    ]);
    expect(await world.run(() => winner())).toBe("192.0.2.1");
    expect(world.tried).toEqual([
      ["2001:db8::1", 0],
      ["192.0.2.1", CONNECT_DELAY_MS],
    ]);
    expect(world.sim.host.now()).toBeLessThan(CONNECT_DELAY_MS + 10);
  });

  test("connect goes on at once after a refusal", async () => {
    const world = new Names([
      ["2001:db8::1", "refuses"],
      ["192.0.2.1", "refuses"],
      ["2001:db8::2", "answers"],
    ]);
    expect(await world.run(() => winner())).toBe("2001:db8::2");
    expect(world.tried.map(([address, atMs]) => [address, atMs < 2])).toEqual([
      ["2001:db8::1", true],
      ["192.0.2.1", true],
      ["2001:db8::2", true],
    ]);
  });

  test("connect lists every attempt when none answers", async () => {
    const world = new Names([
      ["2001:db8::1", "refuses"],
      ["192.0.2.1", "refuses"],
    ]);
    const error = (await world.run(() => thrownBy(() => winner()))) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.address).toBe(`${NAME}:${PORT}`);
    expect(error.reason).toBe("ECONNREFUSED");
    expect(error.attempts).toEqual([
      { address: `[2001:db8::1]:${PORT}`, reason: "ECONNREFUSED" },
      { address: `192.0.2.1:${PORT}`, reason: "ECONNREFUSED" },
    ]);
    expect(error.message).toBe(
      `Cannot connect to ${NAME}:${PORT}: none of its addresses answers: ` +
        `[2001:db8::1]:${PORT}: the connection was refused (ECONNREFUSED); ` +
        `192.0.2.1:${PORT}: the connection was refused (ECONNREFUSED)`,
    );
  });

  test("connect gives up at its deadline, and tells what it had tried by then", async () => {
    const world = new Names([
      ["2001:db8::1", "refuses"],
      ["192.0.2.1", "silent"],
      ["2001:db8::2", "silent"],
    ]);
    const error = (await world.run(() => thrownBy(() => winner(400)))) as ConnectError;
    expect(error).toMatchObject({ name: "ConnectError", reason: "ETIMEDOUT" });
    expect(error.attempts.map(({ reason }) => reason)).toEqual(["ECONNREFUSED", "EINPROGRESS", "EINPROGRESS"]);
    expect(error.message).toContain("no answer came within 400 ms: [2001:db8::1]:7000: the connection was refused");
    expect(Math.round(world.sim.host.now())).toBe(400);
  });

  test("connect has a deadline even when nobody asked for one, and none when Infinity was asked for", async () => {
    const world = new Names([["192.0.2.1", "silent"]]);
    const error = await world.run(() => thrownBy(() => winner()));
    expect(error).toMatchObject({ reason: "ETIMEDOUT", message: expect.stringContaining(`within ${CONNECT_MS} ms`) });
    const patient = new Names([["192.0.2.1", "silent"]]);
    expect(
      await patient.run(() => moveOnAfter(CONNECT_MS * 10, () => winner(Number.POSITIVE_INFINITY)) as Steps<undefined>),
    ).toBeUndefined();
  });

  test("connect tells a name that nobody knows from one that does not answer", async () => {
    const world = new Names([]);
    const error = await world.run(() => thrownBy(() => connect({ hostname: "nobody.example.org", port: PORT })));
    expect(error).toMatchObject({
      reason: "ENOTFOUND",
      attempts: [],
      message: `Cannot connect to nobody.example.org:${PORT}: nobody knows the name (ENOTFOUND)`,
    });
  });

  test("connect that is cancelled while it looks the name up does nothing more", async () => {
    const world = new Names([["192.0.2.1", "answers"]]);
    const { transport } = world.sim.host;
    let found: (() => void) | null = null;
    const resolve = transport.resolve.bind(transport);
    transport.resolve = (hostname, then, failed) => {
      const abandon = resolve(
        hostname,
        (addresses) => {
          found = () => then(addresses);
        },
        failed,
      );
      return () => {
        found = null;
        abandon();
      };
    };
    await world.run(function* () {
      expect(yield* moveOnAfter(10, winner())).toBeUndefined();
      expect(found).toBeNull();
    });
    expect(world.tried).toEqual([]);
  });

  test("connect to an address looks nothing up", async () => {
    const world = new Names([["192.0.2.1", "answers"]]);
    world.sim.host.transport.resolve = () => {
      throw new Error("an address was looked up");
    };
    for (const hostname of ["192.0.2.1"]) {
      await world.run(function* () {
        (yield* connect({ hostname, port: PORT })).terminate();
      });
    }
    expect(world.tried).toHaveLength(1);
  });

  // Whatever the addresses do: it connects exactly when one of them answers, in no more than the delays before it, and leaves nothing.
  test("connect finds an address that answers wherever it stands", async () => {
    const manner = fc.constantFrom<Manner>("answers", "refuses", "silent");
    const addresses = fc.array(fc.record({ six: fc.boolean(), manner }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(addresses, fc.nat(1_000), async (list, seed) => {
        const manners = list.map((each, i): [string, Manner] => [
          each.six ? `2001:db8::${i + 1}` : `192.0.2.${i + 1}`,
          each.manner,
        ]);
        const world = new Names(manners, { latencyMs: [0.1, 20] }, seed);
        const order = interleave(
          manners.map(([address]): ResolvedAddress => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
        const got = await world.run(function* (): Steps<string> {
          try {
            return yield* winner(5_000);
          } catch (error) {
            return (error as ConnectError).reason;
          }
        });
        const answering = new Set(manners.filter(([, how]) => how === "answers").map(([address]) => address));
        if (answering.size > 0) expect(answering.has(got)).toBe(true);
        else expect(got).toBe(manners.some(([, how]) => how === "silent") ? "ETIMEDOUT" : "ECONNREFUSED");
        // In order, none twice, and each within its delay.
        expect(world.tried.map(([address]) => address)).toEqual(order.slice(0, world.tried.length));
        for (const [i, [, atMs]] of world.tried.entries()) expect(atMs).toBeLessThanOrEqual(i * CONNECT_DELAY_MS + i);
        const first = order.findIndex((address) => answering.has(address));
        if (first !== -1) expect(world.sim.host.now()).toBeLessThan(first * CONNECT_DELAY_MS + 200 + ROUND_TRIP_MS);
      }),
      { numRuns: 100 },
    );
  });
});

describe("interleave", () => {
  const of = (...addresses: string[]): ResolvedAddress[] =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

  test("interleave has the families take turns, the first one's first, and keeps the order within each", () => {
    expect(interleave(of("::1", "::2", "::3", "1.1.1.1", "2.2.2.2"))).toEqual([
      "::1",
      "1.1.1.1",
      "::2",
      "2.2.2.2",
      "::3",
    ]);
    expect(interleave(of("1.1.1.1", "2.2.2.2", "::1"))).toEqual(["1.1.1.1", "::1", "2.2.2.2"]);
  });

  test("interleave drops doubles, and what is beyond the limit", () => {
    expect(interleave(of("1.1.1.1", "1.1.1.1", "::1", "::1"))).toEqual(["1.1.1.1", "::1"]);
    const many = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`);
    expect(interleave(of(...many))).toEqual(many.slice(0, CONNECT_ADDRESSES_MAX));
    expect(interleave([])).toEqual([]);
  });
});
