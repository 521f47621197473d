// Checks and runs examples. Each becomes a file of its own in which its code stands on the lines on which it stands where it was taken from, so that
// what the compiler says and what a stack says names a place to look at. Programs are type-checked as they are. What is run has its
// imports turned to these sources and each `console.log` into a record of what it was given, line by line:
//
//   console.log(first.name); // => "stop"
//
// What stands behind the arrow are the values, as JavaScript, that this line has printed when the example is over, in the order in which it
// printed them: several after a loop. They are compared deeply. An example is over when its module is, leaves no task behind, and gives the
// runtime nothing to report.

import { spyOn } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunScheduler } from "../../src/bun/scheduler.ts";
import { describeTask } from "../../src/core/task.ts";
import { localImports, Program, within } from "../subprocess.ts";
import type { Example } from "./doc-comments.ts";

const ROOT = join(import.meta.dir, "../..");
const PATIENCE_MS = 4_000;

/** As in bunfig.toml. */
const LINE_COLUMNS = 120;
const PRINT = "console.log(";
const ARROW = "; // => ";
/** Ends its process. */
const OWNS_PROCESS = /^main\(/m;

/** What each line of the running example has printed. */
const printed = new Map<number, unknown[]>();

/** Called by what `console.log` was turned into. */
export function record(line: number, ...values: unknown[]): void {
  printed.set(line, [...(printed.get(line) ?? []), ...values]);
}

/** Files in a folder of their own, which is gone when it is disposed of. */
class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "millrace-examples-"));

  write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text);
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

function fileNameOf({ file, line }: Example): string {
  return `${file.replaceAll(/[^\w]+/g, "-")}.${line}.ts`;
}

/** The code, moved down to where it stands in its source. */
function inPlace({ line, code }: Example, firstLine = ""): string {
  return firstLine + "\n".repeat(line - 1) + code;
}

/** What the compiler says against the examples, under the rules of this project; empty when it says nothing. */
export function typeFaults(examples: readonly Example[]): string {
  using folder = new Folder();
  const names = new Map(examples.map((example) => [fileNameOf(example), example]));
  for (const [name, example] of names) folder.write(name, inPlace(example));
  folder.write("package.json", '{ "type": "module" }');
  symlinkSync(join(ROOT, "node_modules"), join(folder.path, "node_modules"));
  const ambient = ["buffer.d.ts", "packages.d.ts"].map((file) => join(ROOT, "src/ambient", file));
  const config = { extends: join(ROOT, "tsconfig.json"), files: [...ambient, ...names.keys()], include: [] };
  const project = folder.write("tsconfig.json", JSON.stringify(config));
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "check", "--no-script", "-p", project], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (exitCode === 0) return "";
  let told = `${stdout.toString()}${stderr.toString()}`;
  for (const [name, { file }] of names)
    told = told.replaceAll(new RegExp(`\\S*${RegExp.escape(name)}\\((\\d+),(\\d+)\\)`, "g"), `${file}:$1:$2`);
  return told;
}

/** The places of those examples that the formatter would change, in the width that is left in a comment. */
export function formatFaults(examples: readonly Example[]): string[] {
  using folder = new Folder();
  const files = new Map(examples.map((example) => [folder.write(fileNameOf(example), example.code), example]));
  const width = LINE_COLUMNS - " *  ".length;
  const command = [process.execPath, "fmt", "--no-script", `--print-width=${width}`];
  const { exitCode, stderr } = Bun.spawnSync(command, { cwd: folder.path });
  if (exitCode !== 0) throw new Error(`Cannot format examples: ${stderr.toString()}`);
  const changed = [...files].filter(([file, { code }]) => readFileSync(file, "utf8") !== code);
  return changed.map(([, { file, line }]) => `${file}:${line}`);
}

/** The values that a line is said to print. */
function shownBy(text: string, place: string): unknown[] {
  try {
    // It stands in a comment of this repository, beside code that is run as well.
    return new Function(`return [${text}];`)() as unknown[];
  } catch (error) {
    throw new Error(`Cannot read what ${place} shows: ${text}`, { cause: error });
  }
}

/** What each line that prints is said to print. @throws Error for a line that prints and does not say what, or says what and prints nothing. */
export function resultsShownIn({ file, line, code }: Example): Map<number, unknown[]> {
  const shown = new Map<number, unknown[]>();
  for (const [index, text] of code.split("\n").entries()) {
    const place = `${file}:${line + index}`;
    const [, arrow, values = ""] = /(; )?\/\/ => (.*)$/.exec(text) ?? [];
    const prints = text.split(PRINT).length - 1;
    if (prints === 0 && values === "") continue;
    if (prints !== 1 || arrow === undefined)
      throw new Error(`Cannot tell what ${place} shows: expected one ${PRINT}...)${ARROW}values`);
    shown.set(line + index, shownBy(values, place));
  }
  if (shown.size === 0) throw new Error(`Cannot tell what ${file}:${line} shows: it has no ${PRINT}...)${ARROW}values`);
  return shown;
}

/** Runs an example to its end, and compares what it printed with what it says. @throws Error that names the line */
export async function runExample(example: Example): Promise<void> {
  const shown = resultsShownIn(example);
  if (OWNS_PROCESS.test(example.code)) return await runProgram(example, shown);
  using folder = new Folder();
  const recorder = `import { record as $record } from ${JSON.stringify(import.meta.path)};`;
  const recording = inPlace(example, recorder)
    .split("\n")
    .map((text, index) => text.replace(PRINT, `$record(${index + 1}, `));
  printed.clear();
  const { host, roots } = bunScheduler();
  const before = new Set(roots);
  using report = spyOn(host, "report").mockImplementation(() => {});
  await within(
    import(folder.write(fileNameOf(example), localImports(recording.join("\n")))),
    `the end of the example ${example.file}:${example.line}`,
    PATIENCE_MS,
  );
  const left = [...roots].filter((task) => !before.has(task));
  if (left.length > 0)
    throw new Error(`${example.file}:${example.line} is over and leaves tasks: ${left.map(describeTask).join(", ")}`);
  const [told] = report.mock.calls[0] ?? [];
  if (told !== undefined) throw new Error(`${example.file}:${example.line} is reported: ${told}`);
  for (const [line, values] of shown) compare(`${example.file}:${line}`, printed.get(line) ?? [], values);
}

function compare(place: string, found: readonly unknown[], expected: readonly unknown[]): void {
  if (Bun.deepEquals(found, expected, true)) return;
  const list = (values: readonly unknown[]): string =>
    values.length === 0 ? "nothing" : values.map((value) => Bun.inspect(value, { compact: true })).join(", ");
  throw new Error(`${place} shows ${list(expected)} and printed ${list(found)}`);
}

/** A program that ends its process has one of its own. Its lines are compared as text. */
async function runProgram(
  { file, line, code }: Example,
  shown: ReadonlyMap<number, readonly unknown[]>,
): Promise<void> {
  await using program = Program.source(code);
  const lines = await program.rest();
  const expected = [...shown.values()].flat().map((value) => (typeof value === "string" ? value : Bun.inspect(value)));
  compare(`${file}:${line}`, lines, expected);
  const exitCode = await program.exitCode();
  if (exitCode !== 0) throw new Error(`${file}:${line} ends with the exit code ${exitCode}: ${await program.errors()}`);
}
