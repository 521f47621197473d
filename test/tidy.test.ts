// The rules of the source tree that no compiler flag holds: who may import whom, which names stay outside the kernel,
// what is too long, what must not be in a tracked file. Each rule is a function from sources to a list of violations, so
// that beside the check of the real tree stands a small source that breaks the rule and must be caught.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

import manifest from "../package.json" with { type: "json" };
import { functionsOf, importsOf, lineAt, mask } from "../scripts/source-text.ts";

type Sources = ReadonlyMap<string, string>;

const ROOT = join(import.meta.dir, "..");
const PACKAGES: ReadonlySet<string> = new Set(Object.keys((manifest as { dependencies?: object }).dependencies ?? {}));
const DEV_PACKAGES: ReadonlySet<string> = new Set(Object.keys(manifest.devDependencies));
const PACKAGE_DOORS: ReadonlySet<string> = new Set(["millrace", "millrace/http", "millrace/sim"]);

/** The files from which every other file in src must be reachable. */
const DOORS = ["src/index.ts", "src/http/index.ts", "src/sim/index.ts", "src/main.ts", "src/server.ts"];
const TOP_DOORS = ["src/index.ts", "src/main.ts", "src/server.ts"];

/** Files that may name Bun, the clock, the console and the process. */
const OUTER = /^src\/(?:bun\/|main\.ts$|server\.ts$)/;

interface Zone {
  readonly name: string;
  readonly files: RegExp;
  /** The zones, or single files, that it may import beside itself; config.ts is open to all. */
  readonly imports: readonly string[];
  /** May it import runtime dependencies of package.json? */
  readonly packages: boolean;
}

/** The import table. The first zone whose pattern matches is the file's zone. */
const ZONES: readonly Zone[] = [
  { name: "config", files: /^src\/config\.ts$/, imports: [], packages: false },
  { name: "core", files: /^src\/core\//, imports: [], packages: false },
  { name: "concurrency", files: /^src\/concurrency\//, imports: ["core"], packages: false },
  { name: "net", files: /^src\/net\//, imports: ["core", "concurrency"], packages: false },
  {
    name: "http/wire",
    files: /^src\/http\/wire\//,
    imports: ["src/core/assert.ts", "src/core/errors.ts"],
    packages: false,
  },
  { name: "http", files: /^src\/http\//, imports: ["core", "concurrency", "net", "http/wire"], packages: true },
  { name: "observe", files: /^src\/observe\//, imports: ["core"], packages: false },
  { name: "bun", files: /^src\/bun\//, imports: ["core", "net"], packages: true },
  { name: "sim", files: /^src\/sim\//, imports: ["core", "net"], packages: false },
  {
    name: "doors",
    files: /^src\/(?:index|main|server)\.ts$/,
    imports: ["core", "concurrency", "net", "http", "observe", "bun", "sim"],
    packages: true,
  },
];

/** Names that reach the world; elsewhere than in OUTER they come through the ports of core/host.ts and net/transport.ts. */
const WORLD_NAMES = [
  "Bun",
  "Date",
  "Math.random",
  "console",
  "globalThis",
  "performance",
  "process",
  "queueMicrotask",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

/** Only calendar arithmetic on a given time may name `Date` there: `new Date(ms)` and `Date.UTC`, never the clock. */
const CALENDAR_FILE = "src/http/wire/date.ts";

/** Examples in doc comments do not count: they are read one at a time, in an editor, and must not be cut short, or an export moved, to fit. */
const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 160;

/** Files and functions (`path`, or `path name`) that may be longer, each with its reason. An entry nobody needs fails. */
const LONGER: Readonly<Record<string, string>> = {
  "src/core/scheduler.ts": "the kernel is one place on purpose: waking, passes and steps share the ring's invariants",
};

// --- Reading the tree -----------------------------------------------------------------------------------------------

// In a linked worktree `.git` is a file, which holds a path.
const SKIPPED_FOLDERS = /(?:^|\/)(?:node_modules|dist|coverage|\.git)(?:\/|$)/;

function treeFiles(): string[] {
  const all = [...new Bun.Glob("**/*").scanSync({ cwd: ROOT, dot: true, onlyFiles: true })];
  return all.filter((path) => !SKIPPED_FOLDERS.test(path) && !/\.(?:tgz|log|\w+profile)$/.test(path)).toSorted();
}

const tree: Sources = new Map(treeFiles().map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
const typescript = only(tree, (path) => path.endsWith(".ts") && !path.endsWith(".d.ts"));
const src = only(typescript, (path) => path.startsWith("src/"));
const examples = only(typescript, (path) => path.startsWith("examples/"));

function only(sources: Sources, keep: (path: string) => boolean): Sources {
  return new Map([...sources].filter(([path]) => keep(path)));
}

/** A tree of one or more small files, for the positive controls. */
function sources(files: Record<string, string>): Sources {
  return new Map(Object.entries(files));
}

// --- Imports --------------------------------------------------------------------------------------------------------

const zoneOf = (path: string): Zone | undefined => ZONES.find((zone) => zone.files.test(path));
const isRelative = (specifier: string): boolean => /^\.\.?\//.test(specifier);
const isBuiltin = (specifier: string): boolean => /^(?:node:|bun$|bun:)/.test(specifier);
const resolve = (from: string, specifier: string): string => normalize(join(dirname(from), specifier));

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function badImports(files: Sources, packages: ReadonlySet<string>): string[] {
  const bad: string[] = [];
  for (const [path, source] of files) {
    const zone = zoneOf(path);
    if (zone === undefined) bad.push(`${path}: stands in no folder of the layout`);
    for (const { specifier, line } of zone === undefined ? [] : importsOf(source)) {
      const fault = importFault(path, zone as Zone, specifier, packages);
      if (fault !== null) bad.push(`${path}:${line}: "${specifier}": ${fault}`);
    }
  }
  return bad;
}

function importFault(path: string, zone: Zone, specifier: string, packages: ReadonlySet<string>): string | null {
  if (isBuiltin(specifier)) return OUTER.test(path) ? null : "builtins belong in src/bun";
  if (!isRelative(specifier)) {
    if (!packages.has(packageName(specifier))) return "is no runtime dependency of package.json";
    return zone.packages ? null : `${zone.name} imports no packages`;
  }
  if (!specifier.endsWith(".ts")) return "must end in .ts";
  const target = resolve(path, specifier);
  const targetZone = zoneOf(target);
  if (targetZone === undefined) return "leads out of the layout of src";
  if (targetZone === zone || targetZone.name === "config") return null;
  if (zone.imports.includes(targetZone.name) || zone.imports.includes(target)) return null;
  return `${zone.name} may not import ${targetZone.name}`;
}

/** What a file imports that is one of `files`. */
function localImports(files: Sources, path: string): string[] {
  const imported = importsOf(files.get(path) ?? "").filter(({ specifier }) => isRelative(specifier));
  return imported.map(({ specifier }) => resolve(path, specifier)).filter((target) => files.has(target));
}

function importCycles(files: Sources): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) cycles.push([...trail.slice(start), path].join(" -> "));
    if (start !== -1 || done.has(path)) return;
    for (const target of localImports(files, path)) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return cycles;
}

function deadFiles(files: Sources, doors: readonly string[]): string[] {
  const alive = new Set<string>();
  const pending = doors.filter((door) => files.has(door));
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (alive.has(path)) continue;
    alive.add(path);
    pending.push(...localImports(files, path));
  }
  return [...files.keys()].filter((path) => !alive.has(path));
}

/** An example sees what a user sees: the package by its name, builtins, files of its own folder, and what a user would install beside it. */
function badExampleImports(files: Sources, packages: ReadonlySet<string>): string[] {
  const bad: string[] = [];
  for (const [path, source] of files) {
    for (const { specifier, line } of importsOf(source)) {
      const isOwn = isRelative(specifier) && resolve(path, specifier).startsWith("examples/");
      const isInstalled = PACKAGE_DOORS.has(specifier) || packages.has(packageName(specifier));
      if (!isOwn && !isInstalled && !isBuiltin(specifier)) bad.push(`${path}:${line}: "${specifier}"`);
    }
  }
  return bad;
}

// --- Text -----------------------------------------------------------------------------------------------------------

/** Every place in the code (comments and strings aside) that `pattern` matches. */
function inCode(files: Sources, pattern: RegExp): string[] {
  const bad: string[] = [];
  for (const [path, source] of files) {
    const code = mask(source, "code");
    for (const match of code.matchAll(pattern)) bad.push(`${path}:${lineAt(code, match.index)}: ${match[0].trim()}`);
  }
  return bad;
}

function worldNames(files: Sources): string[] {
  const inner = only(files, (path) => !OUTER.test(path));
  const names = (list: readonly string[]): RegExp => new RegExp(`(?<![\\w$.#])(?:${list.join("|")})(?![\\w$])`, "g");
  const calendar = only(inner, (path) => path === CALENDAR_FILE);
  return [
    ...inCode(
      only(inner, (path) => path !== CALENDAR_FILE),
      names(WORLD_NAMES),
    ),
    ...inCode(calendar, names(WORLD_NAMES.filter((name) => name !== "Date"))),
    ...inCode(calendar, /(?<!\bnew\s)\bDate\b(?!\.UTC\()|\bnew\s+Date\b(?!\((?!\)))/g),
  ];
}

const bareYields = (files: Sources): string[] => inCode(files, /(?<![\w$.#])yield(?![\w$])(?!\s*\*)/g);
const looseExports = (files: Sources): string[] => inCode(files, /\bexport\s+(?:default\b|\*)/g);

/** From the blank line before the tag to the line before the next tag, or before the end of the comment. */
const EXAMPLES = /^(?: *\*\n)? *\* @example\n(?: *\*(?!\/| @).*\n)*/gm;

function tooLong(files: Sources): string[] {
  const bad: string[] = [];
  for (const [path, source] of files) {
    const lines = source.replaceAll(EXAMPLES, "").trimEnd().split("\n").length;
    if (lines > FILE_LINES_MAX) bad.push(`${path}: ${lines} lines`);
    for (const span of functionsOf(source)) {
      if (span.lines > FUNCTION_LINES_MAX) bad.push(`${path} ${span.name}: ${span.lines} lines`);
    }
  }
  return bad;
}

/** What is too long without an entry in `longer`, and what has an entry that it no longer needs. */
function againstTable(reports: readonly string[], longer: Readonly<Record<string, string>>): string[] {
  const keyOf = (report: string): string => report.slice(0, report.lastIndexOf(":"));
  const long = new Set(reports.map(keyOf));
  const idle = Object.keys(longer).filter((key) => !long.has(key));
  return [
    ...reports.filter((report) => !(keyOf(report) in longer)),
    ...idle.map((key) => `${key}: needs no exception`),
  ];
}

/** Every line that `pattern` matches, comments and strings included. */
function inLines(files: Sources, pattern: RegExp): string[] {
  const bad: string[] = [];
  for (const [path, source] of files) {
    for (const [index, line] of source.split("\n").entries()) {
      const match = pattern.exec(line);
      if (match !== null) bad.push(`${path}:${index + 1}: ${match[0].slice(0, 60)}`);
    }
  }
  return bad;
}

const longLines = (files: Sources): string[] => inLines(files, new RegExp(`^.{${LINE_COLUMNS_MAX + 1},}$`));
const bareTodos = (files: Sources): string[] => inLines(files, /\b(?:TO[D]O|FIX[M]E|XX[X])\b(?!: \S.{9})/);

/** Absolute paths of somebody's machine, and the hosts of package registries. */
const FOREIGN = new RegExp(
  [/(?<![\w.}])\/(?:work|tmp|root|Users)\/\w/, /(?<![\w.}])\/home\/\w+\//, /\bregistry\.[\w-]+\.\w+/, /\bnpmjs\b/]
    .map((pattern) => pattern.source)
    .join("|"),
);
const foreignNames = (files: Sources): string[] => inLines(files, FOREIGN);
const addressesInLockfile = (files: Sources): string[] =>
  inLines(
    only(files, (path) => path === "bun.lock"),
    /\w+:\/\/\S+/,
  );

// --- The rules ------------------------------------------------------------------------------------------------------

describe("the import table", () => {
  test("holds in src", () => {
    expect(badImports(src, PACKAGES)).toEqual([]);
  });

  test.each([
    ["core reaching up", "src/core/task.ts", 'import type { Conn } from "../net/conn.ts";'],
    ["concurrency reaching up", "src/concurrency/scope.ts", 'import { listen } from "../net/listen.ts";'],
    ["net naming the Bun host", "src/net/conn.ts", 'import { host } from "../bun/host.ts";'],
    [
      "wire taking more of core than assert and errors",
      "src/http/wire/head.ts",
      'import { run } from "../../core/run.ts";',
    ],
    ["http importing observe", "src/http/serve.ts", 'export { metrics } from "../observe/metrics.ts";'],
    ["observe importing net", "src/observe/trace.ts", 'import("../net/conn.ts");'],
    ["sim importing its twin", "src/sim/host.ts", 'import { host } from "../bun/host.ts";'],
    ["a lower layer importing a door", "src/http/serve.ts", 'import { run } from "../index.ts";'],
    ["config importing anything", "src/config.ts", 'import { assert } from "./core/assert.ts";'],
    ["a missing extension", "src/core/task.ts", 'import { assert } from "./assert";'],
    ["a .js extension", "src/core/task.ts", 'import { assert } from "./assert.js";'],
    ["a builtin outside src/bun", "src/http/static.ts", 'import { join } from "node:path";'],
    ["a package that is no dependency", "src/http/router.ts", 'import { createRouter } from "unlisted";'],
    ["a package in the kernel", "src/core/task.ts", 'import { createRouter } from "listed/sub";'],
    ["a path out of src", "src/bun/host.ts", 'import { load } from "../../bench/load.ts";'],
    ["a folder outside the layout", "src/util/misc.ts", ""],
  ])("catches %s", (_title, path, source) => {
    expect(badImports(sources({ [path]: source }), new Set(["listed"]))).toHaveLength(1);
  });

  test("lets through what the layout allows", () => {
    const allowed = sources({
      "src/http/wire/head.ts":
        'import { assert } from "../../core/assert.ts"; import { headBytesMax } from "../../config.ts";',
      "src/http/router.ts": 'import { createRouter } from "listed"; import { Conn } from "../net/conn.ts";',
      "src/bun/host.ts": 'import { join } from "node:path"; import type { Host } from "../core/host.ts";',
      "src/core/task.ts": '// import { x } from "../net/conn.ts"\nconst text = `import "../net/conn.ts"`;',
    });
    expect(badImports(allowed, new Set(["listed"]))).toEqual([]);
  });

  test("keeps examples on the public entry points", () => {
    expect(badExampleImports(examples, DEV_PACKAGES)).toEqual([]);
    const control = {
      "examples/echo.ts": 'import "../src/index.ts"; import "millrace/core"; import { run } from "millrace";',
      "examples/mounted.ts": 'import { Hono } from "listed"; import { cors } from "listed/cors"; import "unlisted";',
    };
    expect(badExampleImports(sources(control), new Set(["listed"]))).toHaveLength(3);
  });
});

describe("the module graph", () => {
  test("has no cycle in src", () => {
    expect(importCycles(src)).toEqual([]);
  });

  test("is caught with a cycle, type-only imports included", () => {
    const control = {
      "src/core/a.ts": 'import { b } from "./b.ts";',
      "src/core/b.ts": 'import type { A } from "./a.ts";',
    };
    expect(importCycles(sources(control))).toEqual(["src/core/a.ts -> src/core/b.ts -> src/core/a.ts"]);
  });

  // Until every door stands, a file that waits for its door is not dead.
  test.skipIf(!DOORS.every((door) => existsSync(join(ROOT, door))))("reaches every file of src from a door", () => {
    expect(deadFiles(src, DOORS)).toEqual([]);
  });

  test("is caught with a dead file", () => {
    const control = { "src/index.ts": 'export { a } from "./core/a.ts";', "src/core/a.ts": "", "src/core/dead.ts": "" };
    expect(deadFiles(sources(control), TOP_DOORS)).toEqual(["src/core/dead.ts"]);
  });
});

describe("names that reach the world", () => {
  test("stay in src/bun, main.ts and server.ts", () => {
    expect(worldNames(src)).toEqual([]);
  });

  test.each(WORLD_NAMES)("are caught: %s", (name) => {
    expect(worldNames(sources({ "src/core/x.ts": `const a = b / ${name}(1) / c;` }))).toHaveLength(1);
    expect(worldNames(sources({ "src/core/x.ts": `const a = \`text \${${name}} text\`;` }))).toHaveLength(1);
    expect(
      worldNames(sources({ "src/core/x.ts": `// ${name}\nconst a = "${name}", b = /${name}/, c = d.${name};` })),
    ).toEqual([]);
    expect(worldNames(sources({ "src/bun/host.ts": `${name}();` }))).toEqual([]);
  });

  test("let calendar arithmetic through in http/wire/date.ts, and no clock", () => {
    const count = (code: string): number => worldNames(sources({ [CALENDAR_FILE]: code })).length;
    expect(count("const a = new Date(ms).getUTCDay() + Date.UTC(1970, 0);")).toBe(0);
    for (const code of ["new Date();", "new Date;", "Date.now();", "Date();", "performance.now();"])
      expect(count(code)).toBe(1);
  });
});

describe("the code of src", () => {
  test("has no bare yield", () => {
    expect(bareYields(src)).toEqual([]);
    const control = "function* f() { yield* a; yield b; yield; } // yield c\nconst s = 'yield d', y = x.yield;";
    expect(bareYields(sources({ "src/core/x.ts": control }))).toHaveLength(2);
  });

  test("exports by name", () => {
    expect(looseExports(typescript)).toEqual([]);
    const control = 'export * from "./a.ts";\nexport default 1;\nexport * as ns from "./b.ts";\nexport { a };';
    expect(looseExports(sources({ "src/core/x.ts": control }))).toHaveLength(3);
  });
});

describe("length", () => {
  test("of files and functions has a reason beside it where it passes the tripwire", () => {
    const measured = only(typescript, (path) => !path.startsWith("test/"));
    expect(againstTable(tooLong(measured), LONGER)).toEqual([]);
  });

  test("of a file, a function and a method is caught", () => {
    const body = "  x;\n".repeat(FUNCTION_LINES_MAX);
    const long = {
      "src/core/f.ts": `export function* f<T>(a: { b: T }): Operation<{ c: T }> {\n${body}}\n`,
      "src/core/m.ts": `class A {\n  #b(): void {\n${body}  }\n}\n`,
      "src/core/file.ts": "x;\n".repeat(FILE_LINES_MAX + 1),
      "src/core/fine.ts": `function f(): void {\n${body.slice(10)}}\n${"x;\n".repeat(100)}`,
      "src/core/shown.ts": `/**\n * @example\n${" * x;\n".repeat(100)} */\n${"x;\n".repeat(FILE_LINES_MAX - 2)}`,
      "src/core/told.ts": `/**\n * @example\n * x;\n * @throws\n${" * x;\n".repeat(FILE_LINES_MAX)} */\n`,
    };
    const reports = tooLong(sources(long));
    expect(reports).toEqual([
      "src/core/f.ts f: 72 lines",
      "src/core/m.ts #b: 72 lines",
      "src/core/file.ts: 301 lines",
      "src/core/told.ts: 303 lines",
    ]);
    const table = { "src/core/f.ts f": "a table", "src/core/m.ts #b": "a table", "src/core/gone.ts": "a table" };
    expect(againstTable(reports, table)).toEqual([
      "src/core/file.ts: 301 lines",
      "src/core/told.ts: 303 lines",
      "src/core/gone.ts: needs no exception",
    ]);
  });

  test("of a line stays within the margin", () => {
    expect(longLines(typescript)).toEqual([]);
    const control = { "src/core/x.ts": `${"x".repeat(LINE_COLUMNS_MAX)}\n${"x".repeat(LINE_COLUMNS_MAX + 1)}` };
    expect(longLines(sources(control))).toHaveLength(1);
  });
});

describe("tracked files", () => {
  // Put together here, so that this file does not trip its own rules.
  const word = ["TO", "DO"].join("");
  const path = (...parts: string[]): string => ["", ...parts].join("/");

  test("hold no to-do without a reason", () => {
    expect(bareTodos(tree)).toEqual([]);
    const control = { "a.ts": `// ${word}\n// ${word}: fix\n// ${word}: drop when Bun reports the errno of a reset` };
    expect(bareTodos(sources(control))).toHaveLength(2);
  });

  test("hold no path of a machine and no registry's host name", () => {
    expect(foreignNames(tree)).toEqual([]);
    const bad = [
      path("work", "a"),
      path("tmp", "a"),
      path("home", "me", "a"),
      ["registry", "example", "org"].join("."),
    ];
    for (const text of bad) expect(foreignNames(sources({ "a.md": `see "${text}".` }))).toHaveLength(1);
    const fine = `${["framework", "work", "a"].join("/")} \`\${dir}${path("tmp", "a")}\` GET ${path("home")}`;
    expect(foreignNames(sources({ "a.md": fine }))).toEqual([]);
  });

  test("include a lockfile without addresses", () => {
    expect(tree.has("bun.lock")).toBe(true);
    expect(addressesInLockfile(tree)).toEqual([]);
    expect(addressesInLockfile(sources({ "bun.lock": '"a": ["a@1", "https://host/a.tgz"]' }))).toHaveLength(1);
  });
});
