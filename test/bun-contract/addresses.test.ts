// Names, and paths and descriptors to listen at, as far as bun/transport.ts, bun/unix-paths.ts and connect rest on them.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Child } from "./child.ts";
import { isLinux, LOOPBACK } from "./support.ts";

const SILENT = { data: () => undefined };

describe("Bun.dns.lookup", () => {
  test("Bun.dns.lookup gives addresses with their families, and an address for itself", async () => {
    const [first] = await Bun.dns.lookup("localhost");
    expect(first?.address).toBeOneOf(["127.0.0.1", "::1"]);
    expect(first?.family).toBeOneOf([4, 6]);
    expect(await Bun.dns.lookup("192.0.2.1")).toMatchObject([{ address: "192.0.2.1", family: 4 }]);
  });

  test("Bun.dns.lookup rejects an unknown name with DNS_ENOTFOUND, and throws at once for an empty one", async () => {
    const unknown = await Bun.dns.lookup("nobody.invalid").catch((error: unknown) => error);
    expect((unknown as { code: string }).code).toStartWith("DNS_");
    expect(() => Bun.dns.lookup("")).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }));
  });
});

describe.skipIf(!isLinux)("unix paths", () => {
  function inFolder(body: (path: string) => void): void {
    const folder = mkdtempSync(join(tmpdir(), "millrace-paths-"));
    try {
      body(join(folder, "socket"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  // Why the umask is set around the call: the path has its permissions from the first moment.
  test("Bun.listen binds within the call, under the umask of that moment", () => {
    inFolder((unix) => {
      const before = process.umask(0o177);
      const listener = Bun.listen({ unix, socket: SILENT });
      process.umask(before);
      expect(statSync(unix).mode & 0o777).toBe(0o600);
      listener.stop();
    });
  });

  // Why a stop looks first whose path it is.
  test("listener.stop removes its path even when somebody else has bound it", () => {
    inFolder((unix) => {
      const first = Bun.listen({ unix, socket: SILENT });
      unlinkSync(unix);
      const second = Bun.listen({ unix, socket: SILENT });
      first.stop();
      expect(existsSync(unix)).toBe(false);
      second.stop();
    });
  });
});

describe.skipIf(!isLinux)("inherited listeners", () => {
  test("listener.getsockname tells the address of an inherited socket, which has no port of its own", async () => {
    const listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: SILENT });
    const script = `
      const listener = Bun.listen({ fd: 3, socket: { data() {} } });
      const name = {};
      listener.getsockname(name);
      console.log(JSON.stringify([listener.port ?? null, name.address, name.port]));`;
    await using child = new Child(script, { inherit: (listener as unknown as { fd: number }).fd });
    expect(JSON.parse((await child.line()) ?? "")).toEqual([null, LOOPBACK, listener.port]);
    listener.stop();
  });

  test("Bun.listen throws EINVAL for a descriptor that is no listening socket", () => {
    for (const fd of [0, 999, -1]) {
      const listen = (): unknown => Bun.listen({ fd, socket: SILENT } as unknown as Bun.TCPSocketListenOptions);
      expect(listen).toThrow(expect.objectContaining({ code: "EINVAL" }));
    }
  });
});
