// The test that docs/testing.md shows passes.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localImports } from "../subprocess.ts";
import { programsBelow } from "./support.ts";

test("docs/testing.md shows a test that passes, in no real time", async () => {
  const [source = ""] = programsBelow("testing.md");
  const folder = mkdtempSync(join(tmpdir(), "millrace-docs-"));
  try {
    writeFileSync(join(folder, "shown.test.ts"), localImports(source));
    const run = Bun.spawn([process.execPath, "test", "shown.test.ts"], { cwd: folder, stdout: "pipe", stderr: "pipe" });
    const told = await new Response(run.stderr).text();
    expect([await run.exited, /\n 1 pass\n 0 fail\n/.test(told)]).toEqual([0, true]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
