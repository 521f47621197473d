// Running the programs that a page of docs/ shows.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Program } from "../subprocess.ts";

/** A page of docs/. */
export function documentText(page: string): string {
  return readFileSync(join(import.meta.dir, "../../docs", page), "utf8");
}

/** The programs below a heading of a page, or of all of it, in order. */
export function programsBelow(page: string, heading?: string): string[] {
  const text = documentText(page);
  const [, part = ""] = heading === undefined ? ["", text] : text.split(`\n## ${heading}\n`);
  const own = heading === undefined ? part : (part.split("\n## ")[0] ?? "");
  return [...own.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source = ""]) => source);
}

/** Runs a program on a free port and gives what `ask` makes of its address. */
export async function answersOf<T>(source: string, ask: (origin: string) => Promise<T>): Promise<T> {
  await using program = Program.source(source, { PORT: "0" });
  const line = (await program.line()) ?? "";
  expect(line).toStartWith("ready: http://127.0.0.1:");
  return await ask(line.slice("ready: ".length));
}

/** Status, type and body of an answer. */
export async function fetched(origin: string, path: string, init: RequestInit = {}): Promise<unknown[]> {
  const response = await fetch(`${origin}${path}`, init);
  const type = (response.headers.get("content-type") ?? "").split(";")[0];
  return [response.status, type, await response.text()];
}
