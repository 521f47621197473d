// Every export of the package has a doc comment, and every value an example in it, which passes the compiler and does what it says. CONTRIBUTING.md
// tells how they are written.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blocksIn, type Example, type Exported, examplesIn, exportsOf } from "./doc-comments.ts";
import { formatFaults, resultsShownIn, runExample, typeFaults } from "./example-runner.ts";

const ROOT = join(import.meta.dir, "../..");
const DOORS = ["src/index.ts", "src/http/index.ts", "src/sim/index.ts"];

/** Types that a user meets first, and writes or is handed: they have an example as values do. */
const ENTRY_TYPES: ReadonlySet<string> = new Set([
  "Body",
  "Broadcast",
  "Conn",
  "HttpHandler",
  "HttpRequest",
  "Instrument",
  "Listener",
  "Middleware",
  "Operation",
  "Receiver",
  "Scope",
  "Sender",
  "Steps",
  "Task",
]);

const readText = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const filesOf = (pattern: string): string[] => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })].toSorted();

const exported = new Map(DOORS.map((door) => [door, exportsOf(door, readText)]));
/** What cannot be read as an example. */
const unreadable: string[] = [];
const examples = filesOf("src/**/*.ts").flatMap((file) => {
  try {
    return examplesIn(file, readText(file));
  } catch (error) {
    unreadable.push((error as Error).message);
    return [];
  }
});
const pages = ["README.md", "CONTRIBUTING.md", ...filesOf("docs/**/*.md")].flatMap((file) =>
  blocksIn(file, readText(file)),
);

/** What is missing above an export, if anything. */
function missing({ name, kind, isValue, file, line, comment }: Exported, entryTypes = ENTRY_TYPES): string[] {
  const place = `${file}:${line}: ${kind} ${name}`;
  if (comment === null) return [`${place} has no doc comment`];
  if (!isValue && !entryTypes.has(name)) return [];
  const codes = examplesIn(file, comment).map(({ code }) => code);
  if (codes.length === 0) return [`${place} has no @example`];
  // Objects of a class are often handed out by something else.
  const isUsed = kind === "class" || codes.some((code) => new RegExp(`\\b${name}\\b`).test(code));
  return isUsed || !isValue ? [] : [`${place} has an @example that does not use it`];
}

describe("doc comments", () => {
  test.each(DOORS)("stand above all that %s exports, with an example where it is a value or an entry", (door) => {
    const all = exported.get(door) ?? [];
    expect(all.length).toBeGreaterThan(10);
    expect(all.flatMap((item) => missing(item))).toEqual([]);
  });

  test("of the entry types are about types that are exported", () => {
    const names = new Set([...exported.values()].flat().map(({ name }) => name));
    expect([...ENTRY_TYPES].filter((name) => !names.has(name))).toEqual([]);
  });

  test("are missed where there are none, with export and place", () => {
    const files: Record<string, string> = {
      "src/index.ts":
        '/** Runs. */\nexport function run(): void {}\nexport { type A as B, type E, f, g } from "./a.ts";\n',
      "src/a.ts":
        "/** Of nothing. */\n\nconst x = 1;\nexport class A {}\n/**\n * Does it.\n * @example\n * ```ts\n * f();\n * ```\n */\n" +
        "export function* f(): void {}\n/** Entry. */\nexport interface E {}\n" +
        "/**\n * Does another.\n * @example\n * ```ts\n * f();\n * ```\n */\nexport const g = 1;\n",
    };
    const all = exportsOf("src/index.ts", (file) => files[file] ?? "");
    expect(all.flatMap((item) => missing(item, new Set(["E"])))).toEqual([
      "src/index.ts:2: function run has no @example",
      "src/a.ts:4: class B has no doc comment",
      "src/a.ts:14: interface E has no @example",
      "src/a.ts:22: const g has an @example that does not use it",
    ]);
    const lost: Record<string, string> = { "src/index.ts": 'export { gone } from "./a.ts";' };
    expect(() => exportsOf("src/index.ts", (file) => lost[file] ?? "")).toThrow(
      "Cannot find gone: src/a.ts does not declare it",
    );
  });

  test("hold code in examples alone", () => {
    expect(unreadable).toEqual([]);
    const loose = "/**\n * Text:\n *\n * ```ts\n * f();\n * ```\n */\nexport function f(): void {}\n";
    expect(() => examplesIn("src/a.ts", loose)).toThrow(
      "Cannot read src/a.ts:4: code in a doc comment stands in a block of ts below @example",
    );
    expect(() => examplesIn("src/a.ts", "/**\n * @example\n * ```ts\n * f();\n */\n")).toThrow("no end");
    const fine = loose.replace("*\n * ```ts", "* @example\n * ```ts");
    expect(examplesIn("src/a.ts", fine)).toEqual([{ of: "f", file: "src/a.ts", line: 5, code: "f();\n" }]);
  });
});

describe("examples", () => {
  test(
    "and the programs of README.md and docs pass the compiler",
    () => {
      expect(examples.length).toBeGreaterThan(50);
      expect(pages.length).toBeGreaterThan(20);
      expect(typeFaults([...examples, ...pages])).toBe("");
    },
    { timeout: 60_000 },
  );

  test("are formatted", () => {
    expect(formatFaults(examples)).toEqual([]);
  });

  test.each(examples.map((example) => [`${example.file}:${example.line} ${example.of}`, example] as const))(
    "%s",
    async (_, example) => {
      expect(resultsShownIn(example).size).toBeGreaterThan(0);
      await runExample(example);
    },
  );
});

describe("an example that is wrong", () => {
  const shown = (code: string): Example => ({ of: "f", file: "src/a.ts", line: 7, code: `${code}\n` });

  test("fails in the compiler, at its line", () => {
    const faults = typeFaults([
      shown('import { now } from "millrace";\n\nconst at: string = now();\nconsole.log(at);'),
    ]);
    expect(faults).toContain("src/a.ts:9:7");
    expect(faults).toContain("TS2322");
  });

  test("is found when it is not formatted", () => {
    expect(formatFaults([shown("f();"), { ...shown("f( );"), line: 9 }])).toEqual(["src/a.ts:9"]);
  });

  test.each([
    ["another value", "console.log(1 + 1); // => 3", "src/a.ts:7 shows 3 and printed 2"],
    ["another type", "console.log(2); // => '2'", 'src/a.ts:7 shows "2" and printed 2'],
    ["deeper down", "\nconsole.log({ a: [1] }); // => { a: [2] }", "src/a.ts:8 shows"],
    ["too little", "if (Number('0')) console.log(1); // => 1", "src/a.ts:7 shows 1 and printed nothing"],
    ["too much", "for (const i of [1, 2]) console.log(i); // => 1", "src/a.ts:7 shows 1 and printed 1, 2"],
    ["an error", "throw new Error('told');\nconsole.log(1); // => 1", "told"],
    [
      "nothing shown",
      "JSON.stringify(1);",
      "Cannot tell what src/a.ts:7 shows: it has no console.log(...); // => values",
    ],
    ["a print that shows nothing", "console.log(1);", "Cannot tell what src/a.ts:7 shows: expected one console.log("],
    ["a result that nobody prints", "1 + 1; // => 2", "Cannot tell what src/a.ts:7 shows: expected one console.log("],
    ["no value", "console.log(1); // => what it is", "Cannot read what src/a.ts:7 shows: what it is"],
    [
      "a task that is left",
      'import { run, sleep } from "millrace";\nrun(() => sleep(5), "nap");\nconsole.log(1); // => 1',
      "src/a.ts:7 is over and leaves tasks: task",
    ],
    [
      "what is reported",
      'import { run, sleep } from "millrace";\nawait run(function* () { sleep(5); }).promise;\nconsole.log(1); // => 1',
      "src/a.ts:7 is reported: ",
    ],
    ["the exit code", "console.log(1); // => 1\nmain();\nfunction main(): void { process.exit(3); }", "exit code 3"],
  ])("fails with its line: %s", async (_, code, message) => {
    expect(runExample(shown(code))).rejects.toThrow(message);
  });

  test("does not fail when it is right", async () => {
    const code =
      'import { run, sleep } from "millrace";\n\nfor (const i of [1, "two"]) console.log(i, [i]); // => 1, [1], "two", ["two"]\n' +
      'console.log(await run(function* () {\n  yield* sleep(1);\n  console.log("slept"); // => "slept"\n}).promise);\n';
    await expect(runExample(shown(code))).rejects.toThrow("src/a.ts:10");
    await runExample(shown(code.replace("console.log(await", "void (await")));
  });
});
