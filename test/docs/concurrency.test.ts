// The programs of docs/concurrency.md print what the page says that they print.

import { describe, expect, test } from "bun:test";
import { Program } from "../subprocess.ts";
import { documentText, programsBelow } from "./support.ts";

const PAGE = "concurrency.md";
/** A program, and what stands below it. */
const SHOWN = /^## ((?:(?!^## ).)*?)\n(?:(?!^## ).)*?^```ts\n(.*?)^```\n\n```text\n(.*?)^```$/gms;

const shown = [...documentText(PAGE).matchAll(SHOWN)].map(([, heading = "", source = "", printed = ""]) => ({
  heading,
  source,
  printed,
}));

describe("docs/concurrency.md", () => {
  test("shows with each program what it prints", () => {
    expect(shown.map(({ source }) => source)).toEqual(programsBelow(PAGE));
    expect(shown.length).toBeGreaterThan(12);
    expect(shown.filter(({ printed }) => printed === "")).toEqual([]);
  });

  test("begins with the trap", () => {
    expect(shown[0]?.heading).toBe("The one trap");
  });

  test.each(shown.map(({ heading, source, printed }) => [heading, source, printed]))(
    "%s",
    async (_, source, printed) => {
      await using program = Program.source(source);
      const lines = await program.rest();
      // The folder of a deadlock's report is another one each time.
      expect(`${lines.join("\n")}\n`.replaceAll(/\/\S*\/(?=program\.ts:)/g, "")).toBe(printed);
      expect(await program.exitCode()).toBe(0);
    },
  );
});
