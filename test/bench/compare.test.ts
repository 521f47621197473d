// The parts of the gate around its decision: the two trees, the jobs on two layers, the exact counts, the report, the command, and the workflows that
// call it. Decision and power: gate.test.ts.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { countChanges, isWorse } from "../../bench/compare/counts.ts";
import { runGate } from "../../bench/compare/gate.ts";
import { GATE_JOBS, type GateJob, gateJobsNamed } from "../../bench/compare/jobs.ts";
import { medianOfPairs, type Restart } from "../../bench/compare/restart.ts";
import { type Outcome, reportOf } from "../../bench/compare/report.ts";
import { openSameTrees, openTrees, type Trees } from "../../bench/compare/trees.ts";
import manifest from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dir, "..", "..");
const silent = (): void => {};
/** Of tests that start several processes. */
const PATIENT = { timeout: 30_000 };

/** A folder of its own, gone with the test. */
class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "millrace-gate-"));

  write(name: string, text: string): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  git(...args: string[]): string {
    const identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
    const { success, stdout, stderr } = Bun.spawnSync(["git", ...identity, ...args], { cwd: this.path });
    if (!success) throw new Error(stderr.toString());
    return stdout.toString().trim();
  }

  commit(): string {
    this.git("add", "-A");
    this.git("commit", "-qm", "a commit");
    return this.git("rev-parse", "HEAD");
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A repository with one commit on main, which is installed, and another on a branch that is checked out. */
function repository(): Folder {
  const folder = new Folder();
  folder.git("init", "-qb", "main");
  folder.write("package.json", '{ "name": "a", "version": "1.0.0" }\n');
  folder.write("tsconfig.json", "{}\n");
  folder.write("src/a.ts", "export const version = 1;\n");
  folder.write("bench/b.ts", "old\n");
  folder.write("bench/gone.ts", "only the base has it\n");
  folder.write(".gitignore", "node_modules\n");
  const { success, stderr } = Bun.spawnSync([process.execPath, "install"], { cwd: folder.path });
  if (!success) throw new Error(stderr.toString());
  mkdirSync(join(folder.path, "node_modules"), { recursive: true });
  folder.commit();
  folder.git("checkout", "-qb", "branch");
  folder.write("src/a.ts", "export const version = 2;\n");
  folder.write("bench/b.ts", "new\n");
  folder.write("bench/results/raw.json", "{}\n");
  rmSync(join(folder.path, "bench/gone.ts"));
  folder.commit();
  return folder;
}

const worktrees = (folder: Folder): number => folder.git("worktree", "list").split("\n").length;

describe("openTrees", () => {
  test(
    "puts the merge-base and the working tree side by side, both with the bench of the working tree",
    PATIENT,
    () => {
      using folder = repository();
      const mergeBase = folder.git("rev-parse", "main");
      folder.git("checkout", "-q", "main");
      folder.write("src/a.ts", "export const version = 99;\n");
      folder.commit();
      folder.git("checkout", "-q", "branch");
      folder.write("src/a.ts", "export const version = 3;\n");
      let trees: Trees;
      {
        using opened = openTrees("main", folder.path);
        trees = opened;
        const read = (tree: string, name: string): string => readFileSync(join(tree, name), "utf8");
        expect(read(trees.base, "src/a.ts")).toContain("version = 1");
        expect(read(trees.head, "src/a.ts")).toContain("version = 3");
        for (const tree of [trees.base, trees.head]) {
          expect(read(tree, "bench/b.ts")).toBe("new\n");
          expect(existsSync(join(tree, "bench/gone.ts"))).toBe(false);
          expect(existsSync(join(tree, "bench/results"))).toBe(false);
        }
        expect(trees.baseName).toBe(mergeBase.slice(0, 12));
        expect(trees.headName).toEndWith(" with uncommitted changes");
        expect(worktrees(folder)).toBe(2);
      }
      expect([existsSync(trees.base), existsSync(trees.head), worktrees(folder)]).toEqual([false, false, 1]);
    },
  );

  test("leaves nothing behind when the base cannot be installed, and says why", PATIENT, () => {
    using folder = repository();
    folder.git("checkout", "-q", "main");
    folder.write("package.json", '{ "name": "a", "dependencies": { "b": "file:./nowhere" } }\n');
    folder.commit();
    const leftovers = (): string[] => [
      ...new Bun.Glob("millrace-compare-*").scanSync({ cwd: tmpdir(), onlyFiles: false }),
    ];
    const before = leftovers();
    expect(() => openTrees("main", folder.path)).toThrow("Cannot install the base: ");
    expect(worktrees(folder)).toBe(1);
    expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
  });

  test("refuses what is no commit, and what has no ancestor in common", () => {
    using folder = repository();
    expect(() => openTrees("nothing", folder.path)).toThrow("Cannot compare with nothing: git knows no such commit");
    expect(() => openTrees("--help", folder.path)).toThrow("Cannot compare with --help: ");
    folder.git("checkout", "-q", "--orphan", "island");
    folder.commit();
    expect(() => openTrees("main", folder.path)).toThrow("or none that both come from");
  });
});

describe("the jobs of the gate", () => {
  test("are known by name, one without a layer standing for both", () => {
    const names = (list: string[]): string[] => gateJobsNamed(list).map(({ name }) => name);
    expect(gateJobsNamed([])).toBe(GATE_JOBS);
    expect(names(["http"])).toEqual(["lone http", "wire http"]);
    expect(names(["wire echo", "lone json"])).toEqual(["lone json", "wire echo"]);
    expect(() => gateJobsNamed(["ftp"])).toThrow('Cannot compare the job "ftp": it is none of ours');
  });

  test("measure restarts of pairs on either layer", PATIENT, async () => {
    using trees = openSameTrees();
    for (const job of gateJobsNamed(["echo"])) {
      const restarts = await job.measure(trees, 2, "smoke");
      expect(restarts.map(({ head, base }) => [head.length, base.length])).toEqual([
        [2, 2],
        [2, 2],
      ]);
      for (const { head, base } of restarts) for (const cost of [...head, ...base]) expect(cost).toBeGreaterThan(0);
    }
  });
});

/** A tree whose only program is one that stands for a job without a kernel. */
function treeOf(program: string): Folder {
  const folder = new Folder();
  folder.write("bench/lone/child.ts", program);
  return folder;
}

const counting = (counts: object): string => `
  console.log("ready");
  for await (const _ of console) console.log(JSON.stringify({ result: ${JSON.stringify(counts)} }));
`;

describe("countChanges", () => {
  test("names each count that differs, and tells worse from better", async () => {
    using head = treeOf(counting({ "kernel writes": 0.0625, steps: 2, "timer operations": 0, news: 7 }));
    using base = treeOf(counting({ "kernel writes": 1, steps: 1, "timer operations": 0 }));
    const changes = await countChanges("http16", { head: head.path, base: base.path });
    expect(changes).toEqual([
      { job: "http16", what: "kernel writes", head: 0.0625, base: 1 },
      { job: "http16", what: "steps", head: 2, base: 1 },
    ]);
    expect(changes.map(isWorse)).toEqual([false, true]);
  });

  test("finds nothing between a tree and itself, and the counts that are held", PATIENT, async () => {
    using trees = openSameTrees();
    for (const job of ["echo", "http16"]) expect(await countChanges(job, trees)).toEqual([]);
  });
});

describe("runGate", () => {
  const options = { jobs: gateJobsNamed(["lone echo", "lone http"]), minutesMax: 1, quick: true, progress: silent };
  const job = (name: string, measure: GateJob["measure"]): GateJob => ({
    name,
    layer: "wire",
    measure,
    valueOf: medianOfPairs,
  });
  const named = { headName: "new", baseName: "old", [Symbol.dispose]: silent };

  test("fails when a count has risen, in a smoke run too", PATIENT, async () => {
    const same = 'console.log("ready"); for await (const line of console) console.log(JSON.stringify({ result: ';
    const sample = "{ quietNs: 1, cpuNs: 1, operations: 1 }";
    const program = (writes: number): string =>
      `${same} JSON.parse(line).rounds ? { "kernel writes": ${writes} } : ${sample} }));`;
    using head = treeOf(program(2));
    using base = treeOf(program(1));
    const outcome = await runGate(
      { head: head.path, base: base.path, ...named },
      { ...options, jobs: gateJobsNamed(["lone echo"]), startedAt: performance.now() },
    );
    expect(outcome.verdict).toBe("fails");
    expect(reportOf(outcome)).toContain("**worse**: echo, kernel writes an operation: 1 before, 2 now");
  });

  test("names the jobs that the base cannot run, with the reason, and compares the others", PATIENT, async () => {
    using base = treeOf(`
      if (process.argv[2] !== "echo") { console.log("export 'serveHttp' not found"); process.exit(1); }
      console.log("ready");
      for await (const line of console)
        console.log(JSON.stringify({ result: JSON.parse(line).rounds ? {} : { quietNs: 1, cpuNs: 1, operations: 1 } }));
    `);
    const outcome = await runGate(
      { head: ROOT, base: base.path, ...named },
      { ...options, startedAt: performance.now() },
    );
    expect(outcome.able).toEqual(["lone echo"]);
    const reason = "Cannot run http (ours) without a kernel: export 'serveHttp' not found";
    expect(outcome.skipped).toEqual([{ job: "lone http", reason }]);
    expect(reportOf(outcome)).toContain(`**Not compared**, because a tree cannot run it:\n\n- lone http: ${reason}`);
  });

  test("refuses a base that can run nothing of a layer, and a head that cannot run a job", PATIENT, async () => {
    using broken = treeOf('console.log("no such export");');
    const startedAt = performance.now();
    await expect(runGate({ head: ROOT, base: broken.path, ...named }, { ...options, startedAt })).rejects.toThrow(
      "Cannot compare on the layer lone: Cannot run echo (ours) without a kernel: no such export",
    );
    await expect(runGate({ head: broken.path, base: ROOT, ...named }, { ...options, startedAt })).rejects.toThrow(
      "Cannot run echo (ours) without a kernel: no such export",
    );
  });

  test("says what the base's server lacks", PATIENT, async () => {
    using base = new Folder();
    base.write("src/a.ts", "export const b = 1;\n");
    base.write("bench/servers/generator.ts", 'import { serveHttp } from "../../src/a.ts";\nserveHttp();\n');
    const wire = { ...options, jobs: gateJobsNamed(["wire echo"]), startedAt: performance.now() };
    await expect(runGate({ head: ROOT, base: base.path, ...named }, wire)).rejects.toThrow(
      /^Cannot compare on the layer wire: Cannot start the server: No matching export in ".*src\/a\.ts" for import "serveHttp"$/,
    );
  });

  test("measures what the plan asks for, and gives no job more than it needs", async () => {
    const asked = { quick: 0, slow: 0 };
    const jobOf = (name: "quick" | "slow", head: number): GateJob =>
      job(name, async (_trees, count, size) => {
        if (size === "full") asked[name] += count;
        return Array.from({ length: count }, (): Restart => ({ head: [head], base: [1] }));
      });
    const outcome = await runGate(
      { head: ROOT, base: ROOT, ...named },
      { ...options, jobs: [jobOf("quick", 0.9), jobOf("slow", 1.2)], quick: false, startedAt: performance.now() },
    );
    expect(asked).toEqual({ quick: 10, slow: 20 });
    expect(outcome.verdict).toBe("fails");
    const report = reportOf(outcome);
    expect(report).toStartWith("# The gate fails: head is slower");
    expect(report).toContain("| quick | passes | -10.0 % | ");
    expect(report).toContain("| slow | fails | +20.0 % | ");
  });

  test("stops when the time is up and names what is not decided", async () => {
    const outcome = await runGate(
      { head: ROOT, base: ROOT, ...named },
      {
        ...options,
        jobs: [job("never", async (_trees, count) => Array.from({ length: count }, () => ({ head: [1], base: [1] })))],
        quick: false,
        minutesMax: 12,
        startedAt: performance.now() - 12 * 60_000,
      },
    );
    expect(outcome.verdict).toBe("unsure");
    expect(reportOf(outcome)).toContain("Not decided within the time or the restarts there are: never.");
  });
});

describe("reportOf", () => {
  test("tells what a verdict rests on, and what the layers cannot see", () => {
    const machine = { cpu: "a cpu", cores: 2, memoryGiB: 4, kernel: "6", bun: "1", load1: 0.5 };
    const slowdown = { estimate: 0.001, low: Number.NEGATIVE_INFINITY, high: 0.02 };
    const outcome: Outcome = {
      headName: "new",
      baseName: "old",
      machine,
      able: ["wire echo"],
      counts: [],
      skipped: [],
      quick: false,
      standings: [{ job: "wire echo", verdict: "passes", restarts: 10, slowdown }],
      verdict: "passes",
      minutes: 3.21,
    };
    const report = reportOf(outcome);
    expect(report).toStartWith("# The gate passes\n\nnew against old, in 3.2 minutes: a cpu, 2 cores");
    expect(report).toContain("| wire echo | passes | +0.1 % |  | +2.0 % | 10 |");
    expect(report).toContain("5 % of an echo is a third of our share of it");
  });
});

function command(...args: string[]): { code: number; out: string; err: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "bench/compare.ts", ...args], { cwd: ROOT });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

describe("bench:compare", () => {
  test("ends with 2 and the reason when it cannot compare", PATIENT, () => {
    for (const [args, reason] of [
      [[], "Cannot compare: one of --base and --self is needed"],
      [["--self", "--base", "HEAD"], "Cannot compare: one of --base and --self is needed"],
      [["--base", "no-such-ref"], "Cannot compare with no-such-ref: "],
      [["--self", "--jobs", "ftp"], 'Cannot compare the job "ftp"'],
      [["--self", "--minutes", "0"], 'Cannot use "0"'],
      [["--self", "--fast"], "--fast"],
    ] as const) {
      const { code, out, err } = command(...args);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain(reason);
    }
  });

  test("compares the working tree with itself, and appends to a summary", PATIENT, () => {
    using folder = new Folder();
    folder.write("summary.md", "before\n");
    const summary = join(folder.path, "summary.md");
    const { code, out } = command("--self", "--quick", "--jobs", "echo", "--summary", summary);
    expect(code).toBe(0);
    expect(out).toStartWith("# The gate runs\n");
    expect(readFileSync(summary, "utf8")).toBe(`before\n${out.slice(0, -1)}`);
  });
});

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: object;
  readonly jobs: Readonly<Record<string, { steps: Step[]; "continue-on-error"?: boolean; "timeout-minutes": number }>>;
}

describe("the workflows", () => {
  const workflow = (name: string): Workflow =>
    Bun.YAML.parse(readFileSync(join(ROOT, ".github", "workflows", `${name}.yml`), "utf8")) as Workflow;
  const stepsOf = ({ jobs }: Workflow): Step[] => Object.values(jobs).flatMap(({ steps }) => steps);
  const commandsOf = (of: Workflow): string =>
    stepsOf(of)
      .map(({ run }) => run ?? "")
      .join("\n");
  const both = ["test", "gate"].map(workflow);

  test("name commands that there are", () => {
    const scripts: Readonly<Record<string, string>> = manifest.scripts;
    const text = both.map(commandsOf).join("\n");
    const named = [...text.matchAll(/\bbun run (\S+)/g)].map((match) => match[1] as string);
    expect(named).toContain("bench:compare");
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
    const usage = command("--help").out;
    for (const [flag] of (text.match(/bench:compare.*/)?.[0] ?? "").matchAll(/--\w+/g))
      expect(usage).toContain(`  ${flag}`);
    expect(text).toContain(".ci/run clients");
    expect(readFileSync(join(ROOT, ".ci", "run"), "utf8")).toContain("== clients ]]");
  });

  test("use few actions, each pinned to a commit, with all of history and no rights but to read", () => {
    for (const each of both) {
      expect(each.permissions).toEqual({ contents: "read" });
      for (const { uses, with: options } of stepsOf(each)) {
        if (uses === undefined) continue;
        expect(uses).toMatch(/^(?:actions\/checkout|actions\/setup-node|oven-sh\/setup-bun)@[0-9a-f]{40}$/);
        if (uses.startsWith("actions/checkout")) expect(options).toMatchObject({ "fetch-depth": 0 });
      }
    }
  });

  test("test on the pinned Bun and on its newest canary, which may fail but not unseen", () => {
    const { jobs, on } = workflow("test");
    expect(on).toHaveProperty("push");
    const { pinned, canary } = jobs;
    const version = manifest.devDependencies.bun;
    for (const each of both)
      for (const [, found] of commandsOf(each).matchAll(/\bbun@(\S+)/g)) expect(found).toBe(version);
    expect(pinned?.steps.map(({ run }) => run)).toContain("npx bun test");
    expect(pinned?.["continue-on-error"]).toBeUndefined();
    expect(canary?.["continue-on-error"]).toBe(true);
    expect(canary?.steps.some((step) => step.with?.["bun-version"] === "canary")).toBe(true);
    expect(canary?.steps.at(-1)?.run).toContain("::warning::");
  });

  test("compare a pull request's head with its base, within the time that a run may take, into the summary", () => {
    const gate = workflow("gate");
    expect(gate.on).toHaveProperty("pull_request");
    expect(commandsOf(gate)).toContain('bench:compare --base "$BASE" --summary "$GITHUB_STEP_SUMMARY"');
    expect(gate.jobs["compare"]?.["timeout-minutes"]).toBeGreaterThan(12);
    // What a pull request can name must not become part of a command.
    for (const each of both) expect(commandsOf(each)).not.toContain("${{");
  });
});
