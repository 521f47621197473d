// The programs of README.md run and do what it says of them.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Body, type Conn, connect, race, sleep, type Steps } from "../../src/index.ts";
import { Simulation } from "../../src/sim/index.ts";
import { localImports, Program, RawClient } from "../subprocess.ts";

const text = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
const programs = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source = ""]) => source);
const [echo = "", http = ""] = programs;

/** The body that a program gives to `main`, so that it runs in a world of its own: its port is taken by nobody there. */
async function bodyOf(source: string): Promise<Body<unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-readme-"));
  try {
    const file = join(folder, "program.ts");
    writeFileSync(file, localImports(source).replace(/^main\(/m, "export const body = ("));
    const { body } = (await import(file)) as { body: Body<unknown> };
    return body;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* restOf(conn: Conn): Steps<string> {
  const pieces: Uint8Array[] = [];
  for (let piece: Uint8Array | null; (piece = yield* conn.read()) !== null;) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe("README.md", () => {
  test("has two programs", () => {
    expect(programs.length).toBe(2);
  });

  test("A server in 15 lines echoes, and drains", async () => {
    await using program = Program.source(echo, { PORT: "0" });
    const ready = (await program.line()) ?? "";
    expect(ready).toStartWith("echo server on 127.0.0.1:");
    await using client = await RawClient.connect(Number(ready.split(":").at(-1)));
    client.send("flour\n");
    expect(await client.received("\n")).toBe("flour\n");
    await client[Symbol.asyncDispose]();
    program.signal("SIGTERM");
    expect(await program.exitCode()).toBe(0);
    expect(echo.trimEnd().split("\n").length).toBeLessThanOrEqual(15);
  });

  test("HTTP answers on its three routes", async () => {
    const server = await bodyOf(http);
    const world = new Simulation({ seed: 7 });
    const { value } = await world.run(() =>
      race({
        server,
        *client() {
          yield* sleep(1);
          const answers: string[] = [];
          for (const path of ["/", "/users/7", "/slow"]) {
            using conn = yield* connect({ port: 3000 });
            yield* conn.write(`GET ${path} HTTP/1.1\r\nHost: mill\r\nConnection: close\r\n\r\n`);
            yield* conn.readUntil("\r\n\r\n");
            answers.push(yield* restOf(conn));
          }
          return answers;
        },
      }),
    );
    expect(value).toEqual(["Hello, World!", '{"id":"7"}', "at last"]);
  });
});
