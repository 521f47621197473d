// curl where it asks for a part, goes on where it stopped, or asks whether what it has is still good.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { utimesSync } from "node:fs";
import { patternBytes } from "./pattern.ts";
import { NOTHING_WRONG, PATIENCE_MS, printed, runCommand, Scratch, sha256, Target } from "./support.ts";

/** Longer than what is read at once. */
const LENGTH = 1_000_000;
/** When the file was changed last. */
const CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT";

setDefaultTimeout(PATIENCE_MS);

let served: Scratch;
let target: Target;
beforeAll(async () => {
  served = new Scratch();
  const file = served.file("whole");
  await Bun.write(file, patternBytes(0, LENGTH));
  utimesSync(file, new Date(CHANGED), new Date(CHANGED));
  target = await Target.start(served.path);
});
afterAll(async () => {
  served[Symbol.dispose]();
  expect(await target.stop()).toEqual(NOTHING_WRONG);
});

/** Runs curl on the file and gives status, length and `Content-Range` of the answer as `-w` shows them. */
const ask = (file: string, ...args: readonly string[]): Promise<string> => {
  const format = "%{http_code} %{size_download} %header{content-range}";
  return printed("curl", ["-q", "-sS", "-w", format, "-o", file, ...args, target.url("/files/whole")]);
};

const digestOf = async (file: string): Promise<string> => sha256(await Bun.file(file).bytes());

describe("curl and ranges", () => {
  for (const [range, from, to] of [
    ["0-99", 0, 100],
    ["100-", 100, LENGTH],
    ["-50", LENGTH - 50, LENGTH],
    ["999999-2000000", LENGTH - 1, LENGTH],
  ] as const) {
    test(`curl -r ${range} gets that part`, async () => {
      using scratch = new Scratch();
      const file = scratch.file("part");
      expect(await ask(file, "-r", range)).toBe(`206 ${to - from} bytes ${from}-${to - 1}/${LENGTH}`);
      expect(await digestOf(file)).toBe(sha256(patternBytes(from, to)));
    });
  }

  test("curl -r behind the end gets 416 and the length", async () => {
    using scratch = new Scratch();
    expect(await ask(scratch.file("part"), "-r", "1000000-")).toMatch(new RegExp(`^416 \\d+ bytes \\*/${LENGTH}$`));
  });

  test("curl -r with two ranges gets a body of two parts", async () => {
    const { code, stdout } = await runCommand("curl", [
      "-q",
      "-sS",
      "-i",
      "-r",
      "0-9,500000-500009",
      target.url("/files/whole"),
    ]);
    const answer = stdout.toString("latin1");
    const boundary = /\r\ncontent-type: multipart\/byteranges; ?boundary="?([^"\r]+)/i.exec(answer)?.[1] ?? "";
    expect([code, boundary === ""]).toEqual([0, false]);
    const body = answer.slice(answer.indexOf("\r\n\r\n") + 2);
    const parts = body.split(`\r\n--${boundary}`).slice(1);
    expect(parts.map((part) => part.slice(part.indexOf("\r\n\r\n") + 4))).toEqual([
      Buffer.from(patternBytes(0, 10)).toString("latin1"),
      Buffer.from(patternBytes(500_000, 500_010)).toString("latin1"),
      expect.stringMatching(/^(?:--)?\s*$/),
    ]);
    expect([...body.matchAll(/content-range: (.*)\r/gi)].map(([, range]) => range)).toEqual([
      `bytes 0-9/${LENGTH}`,
      `bytes 500000-500009/${LENGTH}`,
    ]);
  });

  test("curl gets two parts and the whole on one connection", async () => {
    const url = target.url("/files/whole");
    const args = ["-q", "-sS", "-w", "[%{num_connects}]", "-r", "0-9", url, "--next", "-sS", "-r", "10-19", url];
    const { stdout } = await runCommand("curl", [...args, "--next", "-sS", "-w", "[%{num_connects}]", url]);
    const parts = [patternBytes(0, 10), Buffer.from("[1]"), patternBytes(10, 20), patternBytes(0, LENGTH)];
    expect(Buffer.compare(stdout, Buffer.concat([...parts, Buffer.from("[0]")]))).toBe(0);
  });

  test("curl -C - goes on where it stopped, and asks for nothing twice", async () => {
    using scratch = new Scratch();
    const file = scratch.file("part");
    await Bun.write(file, patternBytes(0, 70_000));
    expect(await ask(file, "-C", "-")).toBe(`206 930000 bytes 70000-999999/${LENGTH}`);
    expect(await digestOf(file)).toBe(sha256(patternBytes(0, LENGTH)));
    expect(await ask(file, "-C", "-")).toEndWith(` bytes */${LENGTH}`);
    expect(await digestOf(file)).toBe(sha256(patternBytes(0, LENGTH)));
  });
});

describe("curl and what it has already", () => {
  test("curl -z gets the whole when it was changed since, and 304 without a body when it was not", async () => {
    using scratch = new Scratch();
    const file = scratch.file("whole");
    expect(await ask(file, "-z", "Sat, 05 Nov 1994 08:49:37 GMT")).toBe(`200 ${LENGTH} `);
    expect(await ask(file, "-z", CHANGED)).toBe("304 0 ");
    expect(await digestOf(file)).toBe(sha256(patternBytes(0, LENGTH)));
  });

  test("curl --etag-compare gets 304 for the tag that --etag-save kept, and the whole for another", async () => {
    using scratch = new Scratch();
    const [file, tag] = [scratch.file("whole"), scratch.file("tag")];
    expect(await ask(file, "--etag-save", tag)).toBe(`200 ${LENGTH} `);
    expect(await ask(file, "--etag-compare", tag)).toBe("304 0 ");
    await Bun.write(tag, '"another"\n');
    expect(await ask(file, "--etag-compare", tag)).toBe(`200 ${LENGTH} `);
    expect(await digestOf(file)).toBe(sha256(patternBytes(0, LENGTH)));
  });
});
