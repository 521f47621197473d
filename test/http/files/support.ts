// What the tests of file replies share: a simulated server over files in memory, whose clients ask one thing and read one answer.

import { expect } from "bun:test";
import type { Operation, Steps } from "../../../src/core/operation.ts";
import { sleep } from "../../../src/core/sleep.ts";
import type { HttpHandler } from "../../../src/http/index.ts";
import type { SimFiles } from "../../../src/sim/index.ts";
import {
  type HttpWorld,
  request,
  type Response,
  responsesOf,
  SOON_MS,
  withServer,
  type WorldOptions,
} from "../support.ts";

/** Long before the simulated worlds begin: a file of then is settled. */
export const THEN: number = Date.UTC(2025, 5, 1, 12, 30, 15);
export const THEN_TEXT = "Sun, 01 Jun 2025 12:30:15 GMT";

/** A world, its files, and a client for one question at a time. */
export interface FileWorld {
  readonly world: HttpWorld;
  readonly files: SimFiles;
  ask(line: string, ...lines: string[]): Operation<Response>;
}

/** Runs `body` beside a server with `handler`, and holds that no file is left open. */
export async function withFiles(
  handler: HttpHandler,
  body: (world: FileWorld) => Operation<unknown>,
  options: WorldOptions = {},
): Promise<void> {
  let files: SimFiles | null = null;
  const start = function* (world: HttpWorld): Steps<void> {
    ({ files } = world.simulation.host);
    const ask = (line: string, ...lines: string[]): Operation<Response> => askOnce(world, line, lines);
    yield* body({ world, files, ask });
  };
  await withServer(handler, start, options);
  expect((files as SimFiles | null)?.statistics.open).toBe(0);
}

function* askOnce(world: HttpWorld, line: string, lines: readonly string[]): Steps<Response> {
  const method = line.slice(0, line.indexOf(" "));
  const peer = yield* world.ask(request(line, lines));
  for (let waits = 0; waits < 1_000; waits++) {
    const [response] = responsesOf(peer, method).final;
    if (response !== undefined) {
      peer.end();
      return response;
    }
    yield* sleep(SOON_MS);
  }
  throw new Error(`no answer to ${line} ${lines.join(" ")}`);
}

/** `bytes` of text in which every place looks different from its neighbours. */
export function pattern(bytes: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes; at += 16) lines.push(`${at.toString(36).padStart(15, ".")}\n`);
  return lines.join("").slice(0, bytes);
}
