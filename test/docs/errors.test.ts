// docs/errors.md tells of each code in src, by the class that carries it, and of no other.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as http from "../../src/http/index.ts";
import * as millrace from "../../src/index.ts";
import * as sim from "../../src/sim/index.ts";
import { mask } from "../../scripts/source-text.ts";
import { documentText } from "./support.ts";

const SOURCE = join(import.meta.dir, "../../src");

/** Every literal that is a code of ours. What is only compared with is the code of somebody else, such as Bun. */
const CODE = /(?<!===\s*|startsWith\()"(ERR_[A-Z0-9_]+)"/g;
/** A code that stands for the class: what its constructor, or the type of its `code`, names. */
const CODE_OF_CLASS = /class (\w+) extends(?:(?!\bclass\b).)*?(?:super\(|code = )"(ERR_[A-Z0-9_]+)"/gs;
const CODES_OF_TYPE = /type (\w+)Code =([^;]*);/g;
const CODE_OF_BASE = /new MillraceError\(\s*"(ERR_[A-Z0-9_]+)"/g;

/** The code in src, without comments. */
const texts = [...new Bun.Glob("**/*.ts").scanSync(SOURCE)].map((file) =>
  mask(readFileSync(join(SOURCE, file), "utf8"), "text"),
);

function codesIn(text: string): string[] {
  return [...text.matchAll(CODE)].map(([, code = ""]) => code);
}

/** `code class` of all errors that a text makes. */
function classesIn(text: string): string[] {
  return [
    ...[...text.matchAll(CODE_OF_CLASS)].map(([, name, code]) => `${code} ${name}`),
    ...[...text.matchAll(CODE_OF_BASE)].map(([, code]) => `${code} MillraceError`),
    ...[...text.matchAll(CODES_OF_TYPE)].flatMap(([, name = "", codes = ""]) =>
      codesIn(codes).map((code) => `${code} ${name === "Unsendable" ? "UnsendableError" : name}`),
    ),
  ];
}

function sorted(items: Iterable<string>): string[] {
  return [...new Set(items)].toSorted();
}

/** The cells of the page's rows that begin with a code; those of the reasons have three. */
const rows = [...documentText("errors.md").matchAll(/^\| `(ERR_.*) \|$/gm)].map(([, row = ""]) =>
  row.split(" | ").map((cell) => cell.replaceAll("`", "").trim()),
);
const errors = rows.filter((cells) => cells.length === 4);

describe("docs/errors.md", () => {
  test("names every code in src, and no other", () => {
    const named = documentText("errors.md").match(/\bERR_[A-Z0-9_]+/g) ?? [];
    expect(sorted(named)).toEqual(sorted(texts.flatMap(codesIn)));
  });

  test("has one row for each code of an error, with its class", () => {
    expect(errors.map(([code, name]) => `${code} ${name}`).toSorted()).toEqual(sorted(texts.flatMap(classesIn)));
  });

  test("tells cause and cure in every row", () => {
    const reasons = rows.filter((cells) => cells.length === 3);
    expect(reasons.length + errors.length).toBe(rows.length);
    expect(rows.filter((cells) => cells.some((cell) => cell === ""))).toEqual([]);
  });

  test("names every error class that the doors export, and says of one that it is not exported", () => {
    const exported = Object.entries({ ...millrace, ...http, ...sim })
      .filter(([, value]) => typeof value === "function" && value.prototype instanceof Error)
      .map(([name]) => name);
    expect(sorted(errors.map(([, name = ""]) => name))).toEqual(sorted([...exported, "AssertionError"]));
    expect(exported).not.toContain("AssertionError");
  });

  test("a code that is only compared with is none of ours, one that is thrown is", () => {
    const source = 'if (code === "ERR_THEIRS" || code.startsWith("ERR_THEIRS_")) throw new OurError(x, "ERR_OURS");';
    expect(codesIn(source)).toEqual(["ERR_OURS"]);
  });
});
