// A program that was bundled: what is loaded when it is first needed is in the bundle, and where tasks wait is said as in the sources.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCE = join(import.meta.dir, "..", "..", "src");

const PROGRAM = `
import { checkpoint, listen, main, scope, sleepForever, type Steps, until, whereIsTask } from ${JSON.stringify(join(SOURCE, "index.ts"))};
import { files, serveHttp, text } from ${JSON.stringify(join(SOURCE, "http/index.ts"))};

function* waits(): Steps<void> {
  yield* sleepForever(); // line 6
}

main(function* () {
  yield* scope(function* (tasks) {
    const task = tasks.spawn(waits);
    yield* checkpoint();
    console.log(JSON.stringify(whereIsTask(task)));
    const listener = yield* listen({ port: 0 });
    const serveFile = files(import.meta.dir);
    tasks.spawn(() =>
      serveHttp(
        listener,
        function* (request) {
          if (request.method === "GET") return yield* serveFile(request);
          return text(String((yield* request.formData()).get("grain")));
        },
        { trustProxy: ["loopback"] },
      ),
    );
    const url = \`http://127.0.0.1:\${listener.port}/program.ts\`;
    const form = new FormData();
    form.append("grain", "rye");
    const posted = yield* until(fetch(url, { method: "POST", body: form }).then((response) => response.text()));
    const got = yield* until(fetch(url).then((response) => response.status));
    console.log(JSON.stringify([posted, got]));
    tasks.cancel();
  });
});
`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-bundled-"));
  await Bun.write(join(folder, "program.ts"), PROGRAM);
});
afterAll(() => rm(folder, { recursive: true }));

test.each([false, true])("a program that was bundled runs as its sources do (minified: %p)", async (minify) => {
  await Bun.build({
    entrypoints: [join(folder, "program.ts")],
    outdir: folder,
    target: "bun",
    minify,
    sourcemap: "linked",
  });
  const program = Bun.spawn([process.execPath, join(folder, "program.js")], { stderr: "pipe" });
  const [out, errors] = await Promise.all([program.stdout.text(), program.stderr.text()]);
  expect(errors).toBe("");
  const [frames, answers] = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as string[]);
  expect(frames).toHaveLength(1);
  expect(frames?.[0]).toMatch(/program\.ts:6:\d+\)$/);
  expect(answers).toEqual(["rye", 200] as unknown as string[]);
});
