// The report of the benches: what it says of each ratio, where it leads, that Markdown says the same, and which files it takes.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Comparison } from "../../bench/measure/rounds.ts";
import type { Estimate } from "../../bench/measure/statistics.ts";
import { buildReport, type Saved } from "../../bench/report/build.ts";
import { cpuRatiosOf } from "../../bench/report/from-arms.ts";
import { p99RatiosOf } from "../../bench/report/from-load.ts";
import { growthRatiosOf, idleRatiosOf, startRatiosOf } from "../../bench/report/from-scale.ts";
import { markdownOf } from "../../bench/report/markdown.ts";
import type { ReportModel, Section, Table } from "../../bench/report/model.ts";
import { limitOf } from "../../bench/report/rates.ts";
import { newestFiles, readResults } from "../../bench/report/saved.ts";
import { controlsHold, countVerdicts, verdictOf } from "../../bench/report/verdict.ts";
import type { ConnectionsResult } from "../../bench/scale/connections.ts";
import type { ScaleResults } from "../../bench/scale/results.ts";
import { Program } from "../subprocess.ts";
import { ARMS_RESULTS, FROZEN, HISTORY, LOAD_RESULTS, SCALE_RESULTS } from "./sample-results.ts";

const ALL: Saved = {
  arms: [ARMS_RESULTS],
  load: [LOAD_RESULTS],
  scale: [SCALE_RESULTS],
  history: { entries: HISTORY, frozen: FROZEN },
};
const estimate = (low: number, high: number): Estimate => ({ median: (low + high) / 2, low, high, count: 10 });

function sectionOf({ sections }: ReportModel, title: string): Section {
  return sections.find((section) => section.title.startsWith(title)) as Section;
}

/** The rows of the first table of a section, as text. */
function rowsOf(report: ReportModel, title: string): string[][] {
  const table = sectionOf(report, title).blocks.find(({ kind }) => kind === "table") as Table;
  return table.rows.map((row) => row.map((cell) => (typeof cell === "string" ? cell : cell.text)));
}

function linesOf(report: ReportModel, title: string): readonly string[] {
  return sectionOf(report, title).blocks.flatMap((block) => ("lines" in block ? block.lines : []));
}

describe("verdictOf", () => {
  test("says that a bound holds only where the whole interval is within it", () => {
    expect(verdictOf(estimate(0.8, 0.9), 0.9, true)).toBe("holds");
    expect(verdictOf(estimate(0.8, 0.901), 0.9, true)).toBe("open");
    expect(verdictOf(estimate(0.89, 1.2), 0.9, true)).toBe("open");
    expect(verdictOf(estimate(0.9, 1.2), 0.9, true)).toBe("open");
    expect(verdictOf(estimate(0.901, 1.2), 0.9, true)).toBe("fails");
  });

  test("counts nothing without a control that holds, and judges nothing without a bound", () => {
    expect(verdictOf(estimate(0.1, 0.2), 0.9, false)).toBe("void");
    expect(verdictOf(estimate(0.1, 0.2), null, false)).toBe("void");
    expect(verdictOf(estimate(0.1, 0.2), null, true)).toBe("free");
    expect(controlsHold([])).toBe(false);
    expect(controlsHold([estimate(0.99, 1.01)])).toBe(true);
    expect(controlsHold([estimate(0.99, 1.01), estimate(0.99, 1.03)])).toBe(false);
  });
});

describe("countVerdicts", () => {
  test("counts in words, and leaves out what did not fall", () => {
    expect(countVerdicts(["holds", "holds", "open", "fails", "void"])).toBe(
      "2 bounds hold, 1 is not shown to hold, 1 does not hold, 1 does not count",
    );
    expect(countVerdicts(["holds"])).toBe("1 bound holds");
    expect(countVerdicts([])).toBe("No bound was measured");
  });
});

describe("cpuRatiosOf", () => {
  test("judges each ratio by its job's bound and control", () => {
    const verdicts = cpuRatiosOf(ARMS_RESULTS).map(({ job, against, verdict }) => `${job} ${against} ${verdict}`);
    expect(verdicts).toEqual([
      "http bun-serve holds",
      "http bun-static open",
      "http async-naive free",
      "http16 bun-serve open",
      "browser bun-serve fails",
      "rotating async-await free",
      "echo raw void",
    ]);
  });

  test("goes by all controls of the session where a job has none, and counts nothing where one of them does not hold", () => {
    const without = (...jobs: string[]): typeof ARMS_RESULTS => ({
      ...ARMS_RESULTS,
      comparisons: ARMS_RESULTS.comparisons.filter(({ a, b, job }) => a !== b || !jobs.includes(job)),
    });
    const first = (results: typeof ARMS_RESULTS): string | undefined => cpuRatiosOf(results)[0]?.verdict;
    expect(first(without("http"))).toBe("void");
    expect(first(without("http", "echo"))).toBe("holds");
    expect(first(without("http", "http16", "browser", "rotating", "echo"))).toBe("void");
  });

  test("keeps a job that the bench no longer knows, without a bound", () => {
    const comparisons = [{ ...(ARMS_RESULTS.comparisons[0] as Comparison), job: "of-old" }];
    const ratios = cpuRatiosOf({ ...ARMS_RESULTS, comparisons });
    expect(ratios.map(({ job, atMost }) => [job, atMost])).toEqual([["of-old", null]]);
  });
});

describe("limitOf", () => {
  test("names the side that was at its limit", () => {
    const row = { job: "", arm: "", generator: "", loadPoint: "", perSecond: 1, perCoreSecond: 1, isWrong: false };
    const at = (serverBusy: number, generatorBusy: number): string => limitOf({ ...row, serverBusy, generatorBusy });
    expect(limitOf({ ...row, serverBusy: 1, generatorBusy: 0, isWrong: true })).toBe("WRONG answers: does not count");
    expect([at(1, 0.5), at(0.5, 1), at(1.1, 0.95), at(0.5, 0.5)]).toEqual(["server", "generator", "both", "neither"]);
  });
});

describe("buildReport", () => {
  const report = buildReport(ALL);

  test("leads with rates, then CPU time, percentiles, scale, idle memory, the control, history, what is not faster, the machine", () => {
    expect(report.sections.filter(({ level }) => level === 2).map(({ title }) => title)).toEqual([
      "Requests a second",
      "CPU time of a request",
      "Percentiles",
      "Scale",
      "Memory of an idle connection",
      "The A/A control",
      "History",
      "What is not faster",
      "Where it was measured",
      "The arms",
    ]);
    expect(report.lead[1]).toBe(
      "Bounds: 9 bounds hold, 2 are not shown to hold, 3 do not hold, 1 does not count, of 15.",
    );
  });

  test("names generator, load point and how busy both sides were in each row of rates", () => {
    const rows = rowsOf(report, "Requests a second");
    const all = [
      "http,generator,148,500,150,000,wrk,closed, 64 connections,99 %,70 %,server",
      "http,generator,49,500,50,000,autocannon,closed, 64 connections,99 %,100 %,both",
      "http,bun-serve,128,700,130,000,wrk,closed, 64 connections,99 %,95 %,both",
      "http,generator,100,000,166,806,load/http.ts,closed, 64 connections,59 %,60 %,neither",
    ];
    expect(rows.slice(0, 4).map((row) => row.join(","))).toEqual(all);
    for (const row of rows) for (const cell of row) expect(cell).not.toBe("");
    expect(rows.find(([job]) => job === "http16")?.[5]).toBe("closed, 64 connections, 16 ahead");
    expect(rows.find(([job]) => job === "rotating")?.[5]).toBe("closed, 64 connections, 1,024 requests in turn");
  });

  test("shows ratio, bound, verdict and interval of each arm", () => {
    expect(rowsOf(report, "http16")[1]).toEqual([
      "bun-serve",
      "0.160",
      "0.16",
      "not shown to hold",
      "0.140-0.180",
      "4.60",
      "1.250",
    ]);
  });

  test("says of growth how much of it is the kernel's, what is outside of it, and the generator's", () => {
    const table = sectionOf(report, "CPU time by connections").blocks.filter(
      ({ kind }) => kind === "table",
    )[1] as Table;
    expect(table.rows[0]).toEqual([
      "generator",
      "1.225 (1.225-1.225)",
      "1.000 (1.000-1.000)",
      "1.000",
      "4.00, 4.30, 4.60, 4.90",
      "1.00, 1.00, 1.00, 1.00",
      "60.00, 60.00, 60.00, 60.00",
      "60 %, 60 %, 60 %, 60 %",
    ]);
  });

  test("lists all that is not shown to be better, and nothing that is", () => {
    expect(linesOf(report, "What is not faster")).toEqual([
      "`browser` against bun-serve: costs more, 1.100 (1.080-1.120) of it",
      "`http` against bun-static: costs more, 1.090 (1.070-1.110) of it",
      "`http` against async-naive: no difference shown, 1.000 (0.980-1.020)",
      "`echo` against raw: no difference shown, 1.020 (1.000-1.040) (does not count)",
      "`http, p99` against raw: later, 1.111 (1.111-1.111) of it",
      "`millrace, memory after the start` against bun-serve: more, 1.300 (1.300-1.300) of it",
      "`millrace, start to first answer` against bun-serve: more, 1.200 (1.200-1.200) of it",
      "`millrace-bundled, memory after the start` against bun-serve: more, 1.100 (1.100-1.100) of it",
      "`millrace-compiled, memory after the start` against bun-serve: more, 1.100 (1.100-1.100) of it",
      "`http, an idle connection` against bun-serve: more, 1.100 (1.100-1.100) of it",
    ]);
  });

  test("lists a lower rate that comes with less CPU time", () => {
    const [first] = ARMS_RESULTS.comparisons as readonly [Comparison];
    // Theirs takes half the time for the same answers at the same cost.
    const rounds = structuredClone(first.rounds).map((round) => {
      const b = round.b.map((burst) => Object.assign(burst, { wallNs: burst.wallNs / 2 }));
      return Object.assign(round, { b });
    });
    const slower = {
      ...ARMS_RESULTS,
      comparisons: [{ job: "http", a: "generator", b: "bun-serve", rounds }],
    };
    const lines = linesOf(buildReport({ arms: [slower] }), "What is not faster");
    expect(lines).toEqual([
      "`http` against bun-serve: fewer requests a second, 0.625 (0.625-0.625) of it, for less CPU time",
    ]);
  });

  test("judges p99 only beside a control, growth only at a fixed rate, memory and start against Bun.serve", () => {
    const verdicts = (open: typeof LOAD_RESULTS.open): string[] =>
      p99RatiosOf({ ...LOAD_RESULTS, open }).map(({ verdict }) => verdict);
    expect(verdicts(LOAD_RESULTS.open)).toEqual(["fails", "holds"]);
    expect(verdicts(LOAD_RESULTS.open.slice(0, 2))).toEqual(["void", "void"]);
    const [ours] = SCALE_RESULTS.connections as readonly [ConnectionsResult];
    expect(growthRatiosOf(SCALE_RESULTS).map(({ verdict }) => verdict)).toEqual(["holds"]);
    expect(growthRatiosOf({ ...SCALE_RESULTS, connections: [{ ...ours, rate: 0 }] })).toEqual([]);
    expect(idleRatiosOf(SCALE_RESULTS).map(({ atMost, verdict }) => [atMost, verdict])).toEqual([[1.2, "holds"]]);
    const holding = ["holds", "holds"] as const;
    expect(startRatiosOf(SCALE_RESULTS).map(({ verdict }) => verdict)).toEqual([
      "holds",
      "fails",
      ...holding,
      ...holding,
    ]);
  });

  test("says of a smoke run that it is one, and judges nothing by it", () => {
    const quick: ScaleResults = { ...SCALE_RESULTS, command: "bun run bench:scale --quick", options: { quick: true } };
    expect(buildReport({ scale: [quick] }).lead.slice(1)).toEqual([
      "Bounds: 8 do not count, of 8.",
      "A smoke run is among these results: NO figure of it counts.",
    ]);
  });

  test("says what the control means, and that there is none", () => {
    expect(linesOf(report, "The A/A control").at(-1)).toContain("less than 7.0 % is none");
    const uncontrolled = { ...ARMS_RESULTS, comparisons: ARMS_RESULTS.comparisons.slice(0, 1) };
    const lines = linesOf(buildReport({ arms: [uncontrolled] }), "The A/A control");
    expect(lines.at(-1)).toBe("There was NO control: no ratio here counts.");
  });

  test("gives the commands that measured it", () => {
    expect(linesOf(report, "Where it was measured")).toContain("bun run bench --restarts 5");
  });

  test("is made of whatever kinds there are, and of none not at all", () => {
    const titles = (saved: Partial<Saved>): string[] => buildReport(saved).sections.map(({ title }) => title);
    expect(titles({ load: [LOAD_RESULTS] })).not.toContain("CPU time of a request");
    expect(titles({ scale: [SCALE_RESULTS] })[0]).toBe("Scale");
    expect(() => titles({})).toThrow("Cannot make a report: there are no results");
  });
});

describe("markdownOf", () => {
  test("writes tables, lists and commands, and lets nothing pass as a tag", () => {
    const markdown = markdownOf(buildReport(ALL));
    expect(markdown).toStartWith("# millrace: what was measured\n\na \\<small> CPU, 2 cores");
    expect(markdown).toContain("\n| arm | ours/theirs | at most | verdict |");
    expect(markdown).toContain("\n| --- | ---: | ---: | --- |");
    expect(markdown).toContain("\n- generator: millrace\n");
    expect(markdown).toContain("```sh\nbun run bench --restarts 5\n");
  });
});

describe("newestFiles", () => {
  test("takes the newest of each kind that a report knows", () => {
    const old = "2026-01-01T00-00-00-000Z.json";
    const later = "2026-01-02T00-00-00-000Z.json";
    const names = [
      later,
      old,
      `load-${old}`,
      `scale-${later}`,
      `scale-${old}`,
      `slow-${later}`,
      "report.html",
      "notes.json",
    ];
    expect(newestFiles(names)).toEqual([later, `load-${old}`, `scale-${later}`]);
    expect(newestFiles([])).toEqual([]);
  });
});

describe("bench:report", () => {
  const folder = (): { path: string } & Disposable => {
    const path = mkdtempSync(join(tmpdir(), "millrace-report-"));
    return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
  };

  test("tells the kinds of results by what they hold, and names a file that holds none", async () => {
    using scratch = folder();
    const write = async (name: string, text: string): Promise<string> => {
      await Bun.write(join(scratch.path, name), text);
      return join(scratch.path, name);
    };
    const files = await Promise.all(
      [SCALE_RESULTS, ARMS_RESULTS, LOAD_RESULTS].map((results, i) => write(`${i}`, JSON.stringify(results))),
    );
    expect(await readResults(files)).toEqual({ arms: [ARMS_RESULTS], load: [LOAD_RESULTS], scale: [SCALE_RESULTS] });
    const other = await write("other", '{"rounds": []}');
    await expect(readResults([other])).rejects.toThrow(`Cannot report on ${other}: it holds no results of`);
    const cache = await write("cache", JSON.stringify({ ...ARMS_RESULTS, extent: {} }));
    await expect(readResults([cache])).rejects.toThrow(`Cannot report on ${cache}: it holds no results of`);
    const broken = await write("broken", "{");
    await expect(readResults([broken])).rejects.toThrow(`Cannot report on ${broken}: it is no JSON`);
    await expect(readResults([join(scratch.path, "gone")])).rejects.toThrow("gone: ");
  });

  test("prints Markdown and writes page and plot", async () => {
    using scratch = folder();
    const [results, page, plot] = ["results.json", "page.html", "plot.svg"].map((name) => join(scratch.path, name));
    await Bun.write(results as string, JSON.stringify(ARMS_RESULTS));
    await using program = Program.file(
      "bench/report.ts",
      "--html",
      page as string,
      "--svg",
      plot as string,
      "--history",
      join(scratch.path, "none.jsonl"),
      results as string,
    );
    expect((await program.rest()).join("\n")).toBe(markdownOf(buildReport({ arms: [ARMS_RESULTS] })));
    expect(await program.exitCode()).toBe(0);
    expect(await Bun.file(page as string).text()).toEndWith("</html>\n");
    expect(await Bun.file(plot as string).text()).toStartWith("<svg ");
  });

  test("ends with code 1 and the reason where there is nothing to report on", async () => {
    await using program = Program.file("bench/report.ts", join("bench", "gone.json"));
    expect(await program.rest()).toEqual([]);
    expect(await program.exitCode()).toBe(1);
    expect(await program.errors()).toContain("Cannot report on bench/gone.json: ");
  });
});
