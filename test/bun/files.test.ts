// What only the disk has: pipes, permissions, the end of descriptors. The contract that it shares with the simulated one is in test/contract.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BunFiles } from "../../src/bun/files.ts";
import { FileError } from "../../src/core/files.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-bun-files-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const store = new BunFiles();

/** Where the open descriptors lead, but for sockets: others of this process come and go with the tests before. */
function descriptors(): string[] {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return targets.filter((target) => target.startsWith(folder) || target === "/dev/zero");
}

describe("BunFiles", () => {
  test("open takes a pipe, a device and a socket for no file, and waits for none of them", async () => {
    const pipe = join(folder, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    const unix = join(folder, "socket");
    using listener = Bun.listen({ unix, socket: { data() {} } });
    expect(listener.unix).toBe(unix);
    for (const path of [pipe, unix, "/dev/zero", "/proc/self/fd"]) expect(await store.open(path)).toBe(null);
    expect(descriptors()).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0)("open rejects with FileError for a file that may not be read", async () => {
    const path = join(folder, "locked");
    writeFileSync(path, "x");
    chmodSync(path, 0);
    const error = await store.open(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code: "ERR_FILE", reason: "EACCES" });
  });

  test("open takes a path relative to the working folder", async () => {
    const file = await store.open("package.json");
    expect(file?.size).toBeGreaterThan(0);
    file?.close();
    const below = await store.openBelow("src", "index.ts");
    expect(below?.size).toBeGreaterThan(0);
    below?.close();
    expect(await store.openBelow("src", "../package.json")).toBe(null);
  });

  test("closes what was opened and forgotten, once it has been collected", async () => {
    const path = join(folder, "forgotten");
    writeFileSync(path, "x");
    const open = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) await store.open(path);
    };
    await open();
    for (let rounds = 0; rounds < 100 && descriptors().length > 5; rounds++) {
      Bun.gc(true);
      // Registries speak up in a turn of the loop of their own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(descriptors().length).toBeLessThanOrEqual(5);
  });

  test("read rejects with FileError when the system refuses, on either way", async () => {
    // A process may open its own memory and not read the page at zero.
    const memory = await store.open("/proc/self/mem");
    if (memory === null) throw new Error("no /proc/self/mem");
    for (const bytes of [10, 300_000]) {
      const error = await memory.read(new Uint8Array(bytes), 0).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(FileError);
      expect(error).toMatchObject({ reason: "EIO" });
    }
    memory.close();
  });
});
