// What core/files.ts promises, for any store. A disk makes the folder; see disk.ts.

import { describe, expect, test } from "bun:test";
import { FileError, type OpenFile } from "../../src/core/files.ts";
import type { Disk } from "./disk.ts";

/** Runs the suite for the stores of the disks that `makeDisk` makes. */
export function filesContract(name: string, makeDisk: () => Disk): void {
  describe(`files contract: ${name}`, () => {
    openContract(makeDisk);
    readContract(makeDisk);
    belowContract(makeDisk);
    closeContract(makeDisk);
  });
}

const THEN = Date.UTC(2025, 5, 1, 12, 30, 15, 250);

async function opened(disk: Disk, path: string): Promise<OpenFile> {
  const file = await disk.settled(disk.store.open(`${disk.folder}/${path}`));
  if (file === null) throw new Error(`there is no ${path}`);
  return file;
}

async function read(disk: Disk, file: OpenFile, from: number, bytes: number): Promise<string> {
  const into = new Uint8Array(bytes).fill(0x2e);
  const count = await disk.settled(file.read(into, from));
  return Buffer.from(into.subarray(0, count)).toString("latin1");
}

/** What `root`/`path` is found to hold by openBelow; `null` for nothing. */
async function below(disk: Disk, root: string, path: string): Promise<string | null> {
  const file = await disk.settled(disk.store.openBelow(`${disk.folder}/${root}`, path));
  if (file === null) return null;
  const content = await read(disk, file, 0, file.size);
  file.close();
  return content;
}

function openContract(makeDisk: () => Disk): void {
  test("open gives the size and the time of the last change", async () => {
    await using disk = makeDisk();
    disk.put("a.txt", "hello", THEN);
    const file = await opened(disk, "a.txt");
    expect(file.size).toBe(5);
    expect(file.mtimeMs).toBeCloseTo(THEN, 1);
    file.close();
  });

  test("open gives a tag that is an entity tag, and is another for another size or time", async () => {
    await using disk = makeDisk();
    disk.put("a", "hello", THEN);
    disk.put("same", "HELLO", THEN);
    disk.put("longer", "hello!", THEN);
    disk.put("later", "hello", THEN + 4);
    const files = [
      await opened(disk, "a"),
      await opened(disk, "same"),
      await opened(disk, "longer"),
      await opened(disk, "later"),
    ];
    const tags = files.map(({ tag }) => tag);
    for (const tag of tags) expect(tag).toMatch(/^"[\x21\x23-\x7e]+"$/);
    expect(tags[1]).toBe(tags[0] as string);
    expect(new Set(tags).size).toBe(3);
    for (const file of files) file.close();
  });

  test.each([
    ["nothing there", "none"],
    ["nothing in a folder", "folder/none"],
    ["a folder", "folder"],
    ["a folder with a slash", "folder/"],
    ["a file with a slash", "a.txt/"],
    ["a file as a folder", "a.txt/b"],
    ["a file and a way back", "a.txt/../a.txt"],
    ["nothing and a way back", "none/../a.txt"],
    ["a link to nothing", "dangling"],
    ["a link to itself", "loop"],
    ["a NUL", "a.txt\0"],
    ["a name that is too long", "n".repeat(300)],
  ])("open gives null for %s", async (_title, path) => {
    await using disk = makeDisk();
    disk.put("a.txt", "a");
    disk.put("folder/b.txt", "b");
    disk.link("dangling", "none");
    disk.link("loop", "loop");
    expect(await disk.settled(disk.store.open(`${disk.folder}/${path}`))).toBe(null);
    expect(disk.openFiles()).toBe(0);
  });

  test("open follows links", async () => {
    await using disk = makeDisk();
    disk.put("folder/b.txt", "b");
    disk.link("near", "folder/b.txt");
    disk.link("far", `${disk.folder}/folder`);
    disk.link("folder/up", "../near");
    for (const path of ["near", "far/b.txt", "far/up", "far/../near", "./folder//b.txt"]) {
      const file = await opened(disk, path);
      expect(await read(disk, file, 0, 9)).toBe("b");
      file.close();
    }
  });
}

function readContract(makeDisk: () => Disk): void {
  test("read fills what it is given, and less only at the end", async () => {
    await using disk = makeDisk();
    disk.put("digits", "0123456789");
    const file = await opened(disk, "digits");
    expect(await read(disk, file, 0, 4)).toBe("0123");
    expect(await read(disk, file, 7, 3)).toBe("789");
    expect(await read(disk, file, 7, 4)).toBe("789");
    expect(await read(disk, file, 10, 4)).toBe("");
    expect(await read(disk, file, 99, 4)).toBe("");
    expect(await read(disk, file, 3, 0)).toBe("");
    file.close();
  });

  test("read reaches behind 4 GiB, with small reads and with large ones", async () => {
    await using disk = makeDisk();
    const size = 5 * 2 ** 30 + 11;
    disk.putSparse("sparse", size, "the tail");
    const file = await opened(disk, "sparse");
    expect(file.size).toBe(size);
    expect(await read(disk, file, size - 8, 8)).toBe("the tail");
    expect(await read(disk, file, size - 4, 100)).toBe("tail");
    expect((await read(disk, file, size - 300_000, 400_000)).slice(-10)).toBe("\0\0the tail");
    file.close();
  });

  test("read goes on in a file whose path was given to another, or taken away", async () => {
    await using disk = makeDisk();
    disk.put("a", "old content");
    const file = await opened(disk, "a");
    disk.put("a", "new");
    expect(await read(disk, file, 0, 20)).toBe("old content");
    disk.remove("a");
    expect(await read(disk, file, 4, 20)).toBe("content");
    file.close();
  });

  test("read shows what was written into the file, and that it has shrunk", async () => {
    await using disk = makeDisk();
    disk.put("a", "old content");
    const file = await opened(disk, "a");
    disk.overwrite("a", "new");
    expect(file.size).toBe(11);
    expect(await read(disk, file, 0, 11)).toBe("new");
    file.close();
  });
}

function belowContract(makeDisk: () => Disk): void {
  const laidOut = (): Disk => {
    const disk = makeDisk();
    disk.put("site/a.txt", "a");
    disk.put("site/folder/b.txt", "b");
    disk.put("secret.txt", "secret");
    disk.put("site-secret/c.txt", "secret");
    disk.link("site/in", "folder/b.txt");
    disk.link("site/absolute", `${disk.folder}/site/a.txt`);
    disk.link("site/about", "../site/a.txt");
    disk.link("site/out", "../secret.txt");
    disk.link("site/out-absolute", `${disk.folder}/secret.txt`);
    disk.link("site/out-folder", "..");
    disk.link("site/out-sibling", "../site-secret");
    disk.link("site/chain", "out");
    return disk;
  };

  test.each([
    ["a.txt", "a"],
    ["folder/b.txt", "b"],
    ["/a.txt", "a"],
    ["in", "b"],
    ["absolute", "a"],
    ["about", "a"],
    ["folder/../a.txt", "a"],
    // It leaves and comes back: what counts is where the file is.
    ["../site/a.txt", "a"],
  ])("openBelow opens %s", async (path, content) => {
    await using disk = laidOut();
    expect(await below(disk, "site", path)).toBe(content);
  });

  test.each([
    "../secret.txt",
    "../site-secret/c.txt",
    "folder/../../secret.txt",
    "out",
    "out-absolute",
    "out-folder/secret.txt",
    "out-folder/site-secret/c.txt",
    "out-sibling/c.txt",
    "chain",
    "folder",
    "",
    "none",
    "../none",
    "a.txt\0",
    "../secret.txt\0.txt",
  ])("openBelow gives null for %j", async (path) => {
    await using disk = laidOut();
    expect(await below(disk, "site", path)).toBe(null);
    expect(disk.openFiles()).toBe(0);
  });

  test("openBelow takes a root that is a link, and follows it when it is set to another folder", async () => {
    await using disk = makeDisk();
    disk.put("release-1/a.txt", "one");
    disk.put("release-2/a.txt", "two");
    disk.link("current", "release-1");
    expect(await below(disk, "current", "a.txt")).toBe("one");
    expect(await below(disk, "current", "../release-2/a.txt")).toBe(null);
    disk.remove("current");
    disk.link("current", "release-2");
    expect(await below(disk, "current", "a.txt")).toBe("two");
    expect(await below(disk, "current", "../release-1/a.txt")).toBe(null);
  });

  test("openBelow takes a root with a slash behind it, one with dots in it, and the root of all", async () => {
    await using disk = laidOut();
    for (const root of ["site/", "site/.", "site/folder/..", "./site"]) {
      expect(await below(disk, root, "a.txt")).toBe("a");
      expect(await below(disk, root, "../secret.txt")).toBe(null);
    }
    const file = await disk.settled(disk.store.openBelow("/", `${disk.folder}/secret.txt`));
    expect(file?.size).toBe(6);
    file?.close();
  });

  test("openBelow gives null for a root that is not there, and one that is a file", async () => {
    await using disk = laidOut();
    expect(await below(disk, "none", "a.txt")).toBe(null);
    expect(await below(disk, "secret.txt", "a.txt")).toBe(null);
    expect(await below(disk, "secret.txt", "")).toBe(null);
  });
}

function closeContract(makeDisk: () => Disk): void {
  test("close lets go of the file, and does nothing the second time", async () => {
    await using disk = makeDisk();
    disk.put("a", "a");
    const [first, second] = [await opened(disk, "a"), await opened(disk, "a")];
    expect(disk.openFiles()).toBe(2);
    first.close();
    first.close();
    expect(disk.openFiles()).toBe(1);
    expect(await read(disk, second, 0, 1)).toBe("a");
    second.close();
    expect(disk.openFiles()).toBe(0);
  });

  test("close waits for a read under way", async () => {
    await using disk = makeDisk();
    disk.put("a", "x".repeat(300_000));
    const file = await opened(disk, "a");
    const reading = read(disk, file, 0, 300_000);
    file.close();
    // The descriptor's number must not go to this file meanwhile.
    disk.put("b", "y".repeat(300_000));
    const other = await opened(disk, "b");
    expect(await reading).toBe("x".repeat(300_000));
    other.close();
    expect(disk.openFiles()).toBe(0);
  });

  test("read of a file that was closed rejects with FileError", async () => {
    await using disk = makeDisk();
    disk.put("a", "a");
    const file = await opened(disk, "a");
    file.close();
    const error = await disk.settled(file.read(new Uint8Array(1), 0).catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code: "ERR_FILE", reason: "EBADF" });
  });
}
