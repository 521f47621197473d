// What a program loads at its start, whatever it serves later: the builtin modules of Bun that take milliseconds and mebibytes to load come when
// they are first used. The bundle is looked at because a bundler moves every import, of whatever file, to the start.

import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");

/** The builtin modules that the bundle of `entry` imports at its start. */
async function importedAtStart(entry: string): Promise<string[]> {
  const { outputs } = await Bun.build({ entrypoints: [join(ROOT, entry)], target: "bun" });
  const code = (await outputs[0]?.text()) ?? "";
  const { imports } = new Bun.Transpiler({ loader: "js" }).scan(code);
  return imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
}

test("main and serveHttp load no builtin module at their start but bun:jsc, which the engine has anyway", async () => {
  expect(await importedAtStart("bench/servers/minimal-millrace.ts")).toEqual(["bun:jsc"]);
});

test("a program that imports builtin modules is seen to", async () => {
  expect(await importedAtStart("src/server.ts")).toEqual(expect.arrayContaining(["fs", "util"]));
});
