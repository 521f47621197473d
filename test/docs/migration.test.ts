// The programs of docs/migration.md run, and each "after" answers what its "before" answers.

import { describe, expect, test } from "bun:test";
import { answersOf, documentText, fetched, programsBelow as programsIn } from "./support.ts";

const programsBelow = (heading: string): string[] => programsIn("migration.md", heading);

async function linesOver(origin: string): Promise<string> {
  const { port } = new URL(origin);
  const received: Buffer[] = [];
  const ended = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: { data: (_, chunk) => void received.push(Buffer.from(chunk)), close: () => ended.resolve() },
  });
  socket.write("grain\nflo");
  socket.write("ur\nQUIT\nlate\n");
  await ended.promise;
  return Buffer.concat(received).toString();
}

describe("docs/migration.md", () => {
  test("has two programs to compare in each part, and one that runs unchanged", () => {
    const headings = [...documentText("migration.md").matchAll(/^## (.*)$/gm)].map(([, heading = ""]) => heading);
    expect(headings.map((heading) => programsBelow(heading).length)).toEqual([2, 1, 2, 2]);
  });

  test.each(programsBelow("Routes of Bun.serve").map((source, index) => [index === 0 ? "before" : "after", source]))(
    "Routes of Bun.serve: %s",
    async (_, source) => {
      const answers = await answersOf(source, (origin) =>
        Promise.all([
          fetched(origin, "/"),
          fetched(origin, "/users/1"),
          fetched(origin, "/users/2"),
          fetched(origin, "/orders", { method: "POST", body: '{"bread":2}' }),
          fetched(origin, "/missing"),
        ]),
      );
      expect(answers).toEqual([
        [200, "text/plain", "Hello, World!"],
        [200, "application/json", '{"name":"Ada"}'],
        [404, "text/plain", "no such user"],
        [201, "application/json", '{"ordered":{"bread":2}}'],
        [404, "text/plain", "Not Found\n"],
      ]);
    },
  );

  test.each(programsBelow("A Fetch application, unchanged"))("A Fetch application, unchanged", async (source) => {
    const answer = await answersOf(source, (origin) => fetched(origin, "/a?b", { method: "PUT", body: "flour" }));
    expect(answer).toEqual([200, "text/plain", "PUT /a flour"]);
  });

  test.each(programsBelow("An async handler").map((source, index) => [index === 0 ? "before" : "after", source]))(
    "An async handler: %s",
    async (_, source) => {
      const answer = await answersOf(source, (origin) => fetched(origin, "/"));
      expect(answer).toEqual([200, "application/json", '{"cents":42,"pieces":7}']);
    },
  );

  test.each(programsBelow("A server on node:net").map((source, index) => [index === 0 ? "before" : "after", source]))(
    "A server on node:net: %s",
    async (_, source) => {
      expect(await answersOf(source, linesOver)).toBe("GRAIN\nFLOUR\nBYE\n");
    },
  );
});
