// What the package promises: every name that its three doors export, with its kind and its declaration, as text under
// test/fixtures/api. A change of the public surface fails here with the difference, so that it is made on purpose.
// The text is what the compiler emits as declarations, without comments and without what is marked @internal. A base
// class or interface that the door does not export is listed behind the exports: its members are public through its heirs.
// It is no check of types, and sees no further than declarations: a helper type that changes is seen only where it is
// exported itself.

import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { mask } from "../scripts/source-text.ts";

const ROOT = join(import.meta.dir, "..");
const FIXTURES = join(import.meta.dir, "fixtures/api");
const HOW_TO_UPDATE = "when the change is meant: UPDATE_API=1 bun test test/api.test.ts";
const IS_UPDATE = process.env["UPDATE_API"] === "1";

const DOORS = { index: "index.ts", http: "http/index.ts", sim: "sim/index.ts" } as const;

/** A name that a module takes or hands on: what it is called there, and the module that has it under `name`. */
interface Link {
  readonly name: string;
  readonly from: string;
}

/** A module's declarations: the statements that declare each name, and the names that it imports or re-exports. */
interface Module {
  readonly declared: ReadonlyMap<string, readonly string[]>;
  readonly exported: ReadonlyMap<string, Link | null>;
  readonly imported: ReadonlyMap<string, Link>;
}

/** A name found: its kind, its statements (more than one for overloads), and its module. */
interface Found {
  readonly name: string;
  readonly path: string;
  readonly kind: string;
  readonly statements: readonly string[];
}

type ReadText = (path: string) => string;

const HEAD = /^(export )?(?:declare )?(?:abstract )?(class|const|enum|function|interface|let|namespace|type) ([\w$]+)/;
const LINKS = /^(import|export)\s+(?:type\s+)?\{([^}]*)\}(?:\s+from\s+"([^"]+)")?/;

/** The top-level statements of declarations, comments left out: each begins with a word at the start of a line, and no other line does. */
function statementsOf(source: string): string[] {
  const lines = mask(source, "text")
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  const statements: string[] = [];
  for (const line of lines) {
    if (!/^[a-z]/.test(line)) statements.push(`${statements.pop() ?? ""}\n${line}`);
    else statements.push(line);
  }
  return statements;
}

/** `a, type b as c` as pairs: the name there, the name here. */
function linkedNames(list: string): [theirs: string, ours: string][] {
  const items = list.split(",").map((item) => item.trim().replace(/^type\s+/, ""));
  return items
    .filter((item) => item !== "")
    .map((item) => {
      const [theirs = "", ours = theirs] = item.split(/\s+as\s+/);
      return [theirs, ours];
    });
}

function moduleOf(path: string, source: string): Module {
  const declared = new Map<string, string[]>();
  const exported = new Map<string, Link | null>();
  const imported = new Map<string, Link>();
  for (const statement of statementsOf(source)) {
    const [, isExported, , name] = HEAD.exec(statement) ?? [];
    if (name !== undefined) {
      declared.set(name, [...(declared.get(name) ?? []), statement]);
      if (isExported !== undefined) exported.set(name, null);
      continue;
    }
    const [, verb, list, from] = LINKS.exec(statement) ?? [];
    if (list === undefined) {
      if (/^import\b/.test(statement)) continue; // for its effect, or as a namespace: names no export
      throw new Error(`Cannot read a statement of ${path}: ${statement}`);
    }
    for (const [theirs, ours] of linkedNames(list)) {
      const link = from === undefined ? null : { name: theirs, from };
      if (verb === "export") exported.set(ours, link ?? (theirs === ours ? null : { name: theirs, from: "" }));
      else if (link !== null) imported.set(ours, link);
    }
  }
  return { declared, exported, imported };
}

/** The declarations below one folder. */
class Declarations {
  readonly #read: ReadText;
  readonly #modules = new Map<string, Module>();

  constructor(read: ReadText) {
    this.#read = read;
  }

  #module(path: string): Module {
    let module = this.#modules.get(path);
    if (module === undefined) this.#modules.set(path, (module = moduleOf(path, this.#read(path))));
    return module;
  }

  /** Follows `name` from the module `path` to where it is declared; `null` when that is outside of the package. */
  #find(name: string, path: string): Found | null {
    const { declared, exported, imported } = this.#module(path);
    const link = exported.get(name) ?? imported.get(name);
    if (link?.from === "") return this.#find(link.name, path);
    if (link !== undefined)
      return link.from.startsWith(".") ? this.#find(link.name, join(dirname(path), link.from)) : null;
    const statements = declared.get(name);
    if (statements === undefined) return null;
    return { name, path, kind: HEAD.exec(statements[0] ?? "")?.[2] ?? "", statements };
  }

  /** The surface of one door: each exported name in order, then the hidden bases. */
  surface(door: string): string {
    const names = [...this.#module(door).exported.keys()].toSorted();
    const shown = names.map((name) => {
      const found = this.#find(name, door);
      if (found === null) throw new Error(`Cannot find the declaration of ${name}: ${door} exports it from nowhere`);
      return [name, found] as const;
    });
    const seen = new Set(shown.map(([, { path, name }]) => `${path} ${name}`));
    const hidden: Found[] = [];
    const pending = shown.map(([, found]) => found);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const base of this.#bases(next)) {
        const key = `${base.path} ${base.name}`;
        if (seen.has(key)) continue;
        seen.add(key);
        hidden.push(base);
        pending.push(base);
      }
    }
    hidden.sort((a, b) => (a.name < b.name ? -1 : 1));
    const exports = shown.map(([name, found]) => entry(`${found.kind} ${name}`, found));
    const bases = hidden.map((found) => entry(`(not exported here) ${found.kind} ${found.name}`, found));
    return [...exports, ...bases].join("\n");
  }

  #bases({ statements, path, kind }: Found): Found[] {
    if (kind !== "class" && kind !== "interface") return [];
    const head = statements[0]?.split("{", 1)[0] ?? "";
    const list = / extends ([\w$].*?)(?: implements |$)/.exec(head.replace(/<[^{]*?>/g, "").trim())?.[1] ?? "";
    const bases = list.split(",").map((base) => this.#find(base.trim(), path));
    return bases.filter((base) => base !== null);
  }
}

function entry(title: string, found: Found): string {
  return `## ${title}\n${found.statements.join("\n")}\n`;
}

/** Has the compiler write the declarations of src into a new folder. What is wrong with the types is told by `bun run check`. */
function emitDeclarations(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-api-"));
  const flags = ["--outDir", folder, "--stripInternal", "--noCheck", "--declarationMap", "false"];
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, compiler, "-p", "tsconfig.build.json", ...flags], {
    cwd: ROOT,
  });
  if (exitCode !== 0) throw new Error(`Cannot emit declarations: ${stdout.toString()}`);
  return folder;
}

function surfaces(): Record<string, string> {
  const folder = emitDeclarations();
  try {
    const read = (path: string): string => readFileSync(join(folder, path.replace(/\.ts$/, ".d.ts")), "utf8");
    const declarations = new Declarations(read);
    return Object.fromEntries(Object.entries(DOORS).map(([door, path]) => [door, declarations.surface(path)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is in one list of entries and not in the other, entry by entry and in it line by line; empty when they are the same. */
function difference(before: string, after: string): string {
  const entriesOf = (text: string): Map<string, string> =>
    new Map(text.split(/^(?=## )/m).map((item) => [item.split("\n", 1)[0] ?? "", item]));
  const [old, now] = [entriesOf(before), entriesOf(after)];
  const out: string[] = [];
  for (const head of [...new Set([...old.keys(), ...now.keys()])].toSorted()) {
    const [was, is] = [old.get(head) ?? "", now.get(head) ?? ""];
    if (was === is) continue;
    const minus = was.split("\n").filter((line) => !is.split("\n").includes(line));
    const plus = is.split("\n").filter((line) => !was.split("\n").includes(line));
    const lines = [...minus.map((line) => `- ${line}`), ...plus.map((line) => `+ ${line}`)];
    out.push(head, ...(lines.length === 0 ? ["  its lines stand in another order"] : lines));
  }
  if (out.length === 0 && before !== after) out.push("the entries stand in another order");
  return out.join("\n");
}

const present = surfaces();

test.each(Object.keys(DOORS))("the door %s exports what its snapshot lists", (door) => {
  const file = join(FIXTURES, `${door}.txt`);
  const surface = present[door] ?? "";
  if (IS_UPDATE) writeFileSync(file, surface);
  const recorded = existsSync(file) ? readFileSync(file, "utf8") : "";
  const changed = difference(recorded, surface);
  if (changed !== "") throw new Error(`${relative(ROOT, file)} does not fit (${HOW_TO_UPDATE}):\n${changed}`);
  expect(surface).toBe(recorded);
});

test("the surface follows re-exports and renames, joins overloads, and lists hidden bases", () => {
  const files: Record<string, string> = {
    "index.ts": 'export { type A as B, f } from "./a.ts";\nimport "./effect.ts";\nexport declare const one: 1;\n',
    "a.ts":
      'import type { Base } from "./base.ts";\n/** doc */\nexport interface A extends Base<string>, Disposable {\n' +
      "    // note\n    a: string;\n}\nexport declare function f(a: 1): 1;\nexport declare function f(a: 2): 2;\nexport {};\n",
    "base.ts": "export interface Base<T> {\n    b: T;\n}\nexport type Unseen = 1;\n",
  };
  const declarations = new Declarations((path) => files[path] ?? "");
  expect(declarations.surface("index.ts").split("\n")).toEqual([
    "## interface B",
    "export interface A extends Base<string>, Disposable {",
    "    a: string;",
    "}",
    "",
    "## function f",
    "export declare function f(a: 1): 1;",
    "export declare function f(a: 2): 2;",
    "",
    "## const one",
    "export declare const one: 1;",
    "",
    "## (not exported here) interface Base",
    "export interface Base<T> {",
    "    b: T;",
    "}",
    "",
  ]);
  const lost = new Declarations(() => "export { gone };\n");
  expect(() => lost.surface("index.ts")).toThrow(
    "Cannot find the declaration of gone: index.ts exports it from nowhere",
  );
});

test("the difference names the entry and the lines, and sees a mere change of order", () => {
  const before = "## function f\nexport declare function f(a: 1): 1;\n\n## const one\nexport declare const one: 1;\n";
  expect(difference(before, before)).toBe("");
  expect(difference(before, before.replace("a: 1", "a: 2"))).toBe(
    "## function f\n- export declare function f(a: 1): 1;\n+ export declare function f(a: 2): 1;",
  );
  expect(difference(before, before.slice(0, before.indexOf("## const")))).toBe(
    "## const one\n- ## const one\n- export declare const one: 1;",
  );
  expect(difference("## type A\na\nb\n", "## type A\nb\na\n")).toBe("## type A\n  its lines stand in another order");
  expect(difference("## type A\n## type B\n", "## type B\n## type A\n")).toBe("the entries stand in another order");
});
