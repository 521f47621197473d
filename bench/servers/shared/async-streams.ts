// The echo and the line protocol in async/await: what the baseline serves over sockets, and the twin of the layer without a kernel.

import { answerTo } from "./answers.ts";
import type { AsyncConn } from "./async-conn.ts";

/** Sends back what comes. */
export async function echoAsync(conn: AsyncConn): Promise<void> {
  for (;;) {
    const data = await conn.read();
    if (data === null) return;
    const full = conn.write(data);
    if (full !== undefined) await full;
  }
}

/** Answers each line. */
export async function answerLinesAsync(conn: AsyncConn): Promise<void> {
  for (;;) {
    const line = await conn.readLine();
    if (line === null) return;
    const full = conn.write(`${answerTo(line)}\n`);
    if (full !== undefined) await full;
  }
}
