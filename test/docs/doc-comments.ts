// Doc comments as text: what the doors of the package export, where it is declared, what is written above it, and the examples in that. A scanner
// of our own house style and no parser of TypeScript: a doc comment begins a line, exports are named one by one, an example is the block
//
//   * @example
//   * ```ts
//   * import { now, run } from "millrace";
//   * ...
//   * ```
//
// It reads sources through a function, so that its own tests give it small ones.

import { dirname, join } from "node:path";
import { lineAt, mask } from "../../scripts/source-text.ts";

/** One example, and where its first line of code stands. */
export interface Example {
  /** What the comment is about. */
  readonly of: string;
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** A name that a door exports. */
export interface Exported {
  readonly name: string;
  readonly kind: string;
  /** A value, and no mere type: something that a program can use. */
  readonly isValue: boolean;
  readonly file: string;
  readonly line: number;
  /** The doc comment above its first declaration. */
  readonly comment: string | null;
}

type ReadText = (file: string) => string;

const DOC_COMMENT = /^[ \t]*\/\*\*(?:[^*]|\*(?!\/))*\*\//gm;
const NAME_BEHIND =
  /^\s*(?:(?:export|declare|abstract|async|static|readonly|override|get|set|class|const|function|interface|type)\b\s*)*\*?\s*([#\w$]+|\[[\w.]+\])/;
const FENCE = /^ ?```(\w*)$/;

/** The examples in the doc comments of a file, of members too. @throws Error for a block of code in one that is no example. */
export function examplesIn(file: string, source: string): Example[] {
  const found: Example[] = [];
  for (const { 0: comment, index } of source.matchAll(DOC_COMMENT)) {
    const [, of = "?"] = NAME_BEHIND.exec(source.slice(index + comment.length)) ?? [];
    const first = lineAt(source, index);
    const lines = comment.split("\n").map((line) => line.replace(/^\s*\*(?!\/) ?/, ""));
    for (let at = 0; at < lines.length; at++) {
      if (!FENCE.test(lines[at] ?? "")) continue;
      if (lines[at - 1] !== "@example" || lines[at] !== "```ts")
        throw new Error(
          `Cannot read ${file}:${first + at}: code in a doc comment stands in a block of ts below @example`,
        );
      const end = lines.indexOf("```", at + 1);
      if (end === -1) throw new Error(`Cannot read ${file}:${first + at}: the block has no end`);
      found.push({ of, file, line: first + at + 1, code: `${lines.slice(at + 1, end).join("\n")}\n` });
      at = end;
    }
  }
  return found;
}

const EXPORT_LIST = /^export\s+(type\s+)?\{([^}]*)\}\s*from\s*"([^"]+)"/gm;
const DECLARED =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(class|const|function|interface|type)\s*\*?\s*([\w$]+)/gm;

/** A name that a module takes from another and hands on. */
interface Link {
  readonly theirs: string;
  readonly ours: string;
  readonly from: string;
  readonly isType: boolean;
}

function linksOf(file: string, text: string): Link[] {
  return [...text.matchAll(EXPORT_LIST)].flatMap(([, typeOnly, list = "", from = ""]) =>
    list
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "")
      .map((item) => {
        const [theirs = "", ours = theirs] = item.replace(/^type\s+/, "").split(/\s+as\s+/);
        const isType = typeOnly !== undefined || item.startsWith("type ");
        return { theirs, ours, from: join(dirname(file), from), isType };
      }),
  );
}

/** Everything that `door` exports by name: its own, then what it hands on, in its order. @throws Error for a name whose declaration is not found. */
export function exportsOf(door: string, read: ReadText): Exported[] {
  const text = mask(read(door), "text");
  const own = [...text.matchAll(DECLARED)].map(([, , name = ""]) => declaration(name, true, door, read));
  const handedOn = linksOf(door, text).map(({ theirs, ours, from, isType }) => {
    const found = declaration(theirs, !isType, from, read);
    return Object.assign(found, { name: ours });
  });
  return [...own, ...handedOn];
}

function declaration(name: string, asValue: boolean, file: string, read: ReadText): Exported {
  const source = read(file);
  const match = [...mask(source, "code").matchAll(DECLARED)].find(([, , declared]) => declared === name);
  if (match === undefined) {
    const link = linksOf(file, mask(source, "text")).find(({ ours }) => ours === name);
    if (link === undefined) throw new Error(`Cannot find ${name}: ${file} does not declare it`);
    return declaration(link.theirs, asValue && !link.isType, link.from, read);
  }
  const kind = match[1] ?? "";
  const isValue = asValue && kind !== "interface" && kind !== "type";
  const before = source.slice(0, match.index).trimEnd();
  const last = [...before.matchAll(DOC_COMMENT)].at(-1)?.[0];
  const comment = last !== undefined && before.endsWith(last) ? last : null;
  return { name, kind, isValue, file, line: lineAt(source, match.index), comment };
}

/** The blocks of ts in a page of Markdown. */
export function blocksIn(file: string, text: string): Example[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ 1: code = "", index }) => ({
    of: file,
    file,
    line: lineAt(text, index) + 1,
    code,
  }));
}
