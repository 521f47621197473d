// The history of the benches: what of a run is kept and what is refused, that a line which holds none is named, and what the report shows.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { FROZEN_FILES, fingerprintOf, frozenFingerprint } from "../../bench/measure/frozen.ts";
import type { Results } from "../../bench/measure/results.ts";
import { buildReport } from "../../bench/report/build.ts";
import { historySections } from "../../bench/report/from-history.ts";
import { appendHistory, HISTORY_FILE, historyEntryOf, readHistory } from "../../bench/report/history.ts";
import { markdownOf } from "../../bench/report/markdown.ts";
import type { LinePlot, Section, Table } from "../../bench/report/model.ts";
import { Program } from "../subprocess.ts";
import { ARMS_RESULTS, FROZEN, HISTORY, historyEntry } from "./sample-results.ts";

/** A run with raw callbacks at two jobs: one whose control holds, one whose does not. */
const RUN: Results = {
  ...ARMS_RESULTS,
  comparisons: ARMS_RESULTS.comparisons.flatMap((comparison) =>
    comparison.job === "http" && comparison.b === "bun-static"
      ? [comparison, { ...comparison, b: "raw" }]
      : [comparison],
  ),
};

const folder = (): { path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), "millrace-history-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
};

describe("historyEntryOf", () => {
  test("keeps the ratio to raw callbacks of each job whose control held, and where it comes from", () => {
    expect(historyEntryOf(RUN)).toEqual({
      startedAt: "2026-01-02T03:04:05.678Z",
      revision: "abcdef0",
      bun: "1.4.5",
      cpu: "a <small> CPU",
      command: "bun run bench --restarts 5",
      frozen: FROZEN,
      ratios: { http: { median: 1.09, low: 1.07, high: 1.11, count: 10 } },
    });
  });

  test("refuses what nobody can check out, what an earlier bench has left, and a run without a control that holds", () => {
    const refused = (more: Partial<Results>): string => {
      try {
        historyEntryOf({ ...RUN, ...more });
      } catch (error) {
        return (error as Error).message.replace("Cannot add the run of 2026-01-02T03:04:05.678Z to the history: ", "");
      }
      return "";
    };
    expect(refused({ revision: "abcdef0-dirty" })).toBe("the tree was not as it was committed (abcdef0-dirty)");
    const { revision: _revision, ...unnamed } = RUN;
    expect(() => historyEntryOf(unnamed)).toThrow("it does not say which commit it measured");
    const { frozen: _frozen, ...early } = RUN;
    expect(() => historyEntryOf(early)).toThrow("it is of an earlier bench");
    expect(refused({ comparisons: RUN.comparisons.filter(({ a, b }) => a !== b) })).toBe(
      "no job with raw callbacks in it has an A/A control that holds",
    );
    expect(refused({})).toBe("");
  });
});

describe("a history file", () => {
  test("takes runs, each once, and gives them oldest first", () => {
    using scratch = folder();
    const file = join(scratch.path, "history.jsonl");
    expect(readHistory(file)).toEqual([]);
    for (const day of [3, 1]) appendHistory(file, historyEntry(day, 1));
    expect(readHistory(file)).toEqual([historyEntry(1, 1), historyEntry(3, 1)]);
    expect(() => appendHistory(file, historyEntry(3, 1))).toThrow("Cannot add the run of 2026-01-03T03:04:05.678Z");
  });

  test("is refused by the line that holds no run", async () => {
    using scratch = folder();
    const file = join(scratch.path, "history.jsonl");
    for (const line of ['{"startedAt":"2026"}', "over the weir", "7"]) {
      await Bun.write(file, `${JSON.stringify(historyEntry(1, 1))}\n${line}\n`);
      expect(() => readHistory(file)).toThrow(`Cannot read the history: ${file}:2 holds no run`);
    }
  });

  test("of the project can be read", () => {
    for (const { ratios } of readHistory(HISTORY_FILE))
      for (const { low, median, high } of Object.values(ratios))
        expect([low <= median, median <= high]).toEqual([true, true]);
  });

  test("is written by the report's command, which then shows it", async () => {
    using scratch = folder();
    const [results, history, page] = ["results.json", "history.jsonl", "page.html"].map((name) =>
      join(scratch.path, name),
    );
    await Bun.write(results as string, JSON.stringify({ ...RUN, frozen: await frozenFingerprint() }));
    const flags = ["--add-to-history", "--history", history as string, "--html", page as string, results as string];
    await using program = Program.file("bench/report.ts", ...flags);
    const markdown = (await program.rest()).join("\n");
    expect(await program.exitCode()).toBe(0);
    expect(markdown).toContain("| 2026-01-02 03:04 | abcdef0 | 1.090 (1.070-1.110) |");
    expect(readHistory(history as string)).toHaveLength(1);
    expect(await Bun.file(page as string).text()).toContain("run after run");
    await using again = Program.file("bench/report.ts", ...flags);
    await again.rest();
    expect(await again.exitCode()).toBe(1);
    expect(await again.errors()).toContain("it is there already");
  });
});

describe("historySections", () => {
  const [section] = historySections(HISTORY, FROZEN);
  const plot = section?.blocks[0] as LinePlot;
  const table = section?.blocks[1] as Table;

  test("draws the runs against the raw callbacks of now, with their dates", () => {
    expect(plot.series.map(({ name, points }) => [name, points])).toEqual([
      [
        "echo",
        [
          [1, 1],
          [2, 1],
        ],
      ],
      [
        "http",
        [
          [1, 1.08],
          [2, 1.02],
        ],
      ],
    ]);
    expect(plot.x.marks).toEqual([
      { at: 1, text: "2026-01-01" },
      { at: 2, text: "2026-01-03" },
    ]);
    expect(plot.y.marks?.map(({ text }) => text)).toEqual(["1.0", "1.1"]);
  });

  test("lists all runs, the newest first, and says which are against other raw callbacks", () => {
    expect(table.columns.map(({ name }) => name)).toEqual([
      "when",
      "commit",
      "http",
      "echo",
      "of-old",
      "Bun",
      "CPU",
      "raw callbacks",
    ]);
    expect(table.rows.map((row) => row.slice(0, 3))).toEqual([
      ["2026-01-03 03:04", "abcdef3", "1.020 (1.010-1.030)"],
      ["2026-01-02 03:04", "abcdef2", "0.500 (0.490-0.510)"],
      ["2026-01-01 03:04", "abcdef1", "1.080 (1.070-1.090)"],
    ]);
    expect(table.rows.map((row) => row.at(-1))).toEqual([FROZEN, "ba9876543210, not those of now", FROZEN]);
    const markdown = markdownOf(buildReport({ history: { entries: HISTORY, frozen: FROZEN } }));
    expect(markdown).toContain("1 of these runs were held against other raw callbacks");
  });

  test("has four dates at most, the newest always", () => {
    const many = Array.from({ length: 9 }, (_, i) => historyEntry(i + 1, 1));
    const [first] = (historySections(many, FROZEN)[0] as Section).blocks as [LinePlot];
    expect(first.x.marks?.map(({ at }) => at)).toEqual([3, 6, 9]);
    expect(historySections([], FROZEN)).toEqual([]);
  });
});

const SHARED = join(import.meta.dir, "../../bench/servers/shared");

describe("the frozen arm", () => {
  test("is all files of raw callbacks", () => {
    const shared = readdirSync(SHARED).filter((name) => name.startsWith("raw-"));
    expect(["raw.ts", ...shared.map((name) => `shared/${name}`)].toSorted()).toEqual([...FROZEN_FILES].toSorted());
  });

  test("has a fingerprint that tells other code, and not comments or the way it is laid out", () => {
    const code = "/** Sends. */\nfunction send(a, b) {\n  // Why.\n  socket.write(a, b);\n}\n";
    const same = "function send(\n  a,\n  b,\n) {\n  socket.write(a, b);\n}";
    expect(fingerprintOf([same])).toBe(fingerprintOf([code]));
    expect(fingerprintOf([code.replace("write(a", "write(b")])).not.toBe(fingerprintOf([code]));
    expect(fingerprintOf([code])).toMatch(/^[0-9a-f]{12}$/);
  });
});
