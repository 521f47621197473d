// Every conformance case against examples/http-echo.ts as a process of its own, on a real socket.

import { describe, expect, test } from "bun:test";
import { Program } from "../subprocess.ts";
import { readCases } from "./case.ts";
import { runOverSockets } from "./socket.ts";

/** Above what a slow machine needs: all cases together take a few seconds. */
const TIMEOUT_MS = 120_000;

describe("examples/http-echo.ts on a real socket", () => {
  test(
    "http-echo.ts passes every conformance case, and is still there afterwards",
    async () => {
      await using program = Program.file("examples/http-echo.ts", "--port", "0");
      const [, port] = /^ready: http:\/\/127\.0\.0\.1:(\d+)$/.exec((await program.line()) ?? "") ?? [];
      const failures = await runOverSockets(readCases(), { hostname: "127.0.0.1", port: Number(port) });
      expect(failures.map(({ row, complaints }) => `${row.id}: ${complaints.join("; ")}`)).toEqual([]);
      program.signal("SIGTERM");
      expect(await program.exitCode(TIMEOUT_MS)).toBe(0);
    },
    TIMEOUT_MS,
  );
});
