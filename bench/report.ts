// `bun run bench:report`: what earlier benches have left under bench/results, as Markdown and as a page with plots. It measures nothing. With
// --add-to-history it keeps what outlives the day of a run.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { frozenFingerprint } from "./measure/frozen.ts";
import { RESULTS_FOLDER } from "./measure/results.ts";
import { buildReport } from "./report/build.ts";
import { appendHistory, HISTORY_FILE, historyEntryOf, readHistory } from "./report/history.ts";
import { markdownOf } from "./report/markdown.ts";
import { pageOf, ratioFile } from "./report/page.ts";
import { newestFiles, readResults } from "./report/saved.ts";

const USAGE = `usage: bun run bench:report [options] [file.json ...]

Prints Markdown and writes a page. Without files: the newest results of each kind under bench/results.

  --html FILE        where the page goes (default bench/results/report.html)
  --svg FILE         the plot of all ratios as a file of its own as well
  --add-to-history   keeps the ratios of bun run bench to raw callbacks: of a committed tree, and of the jobs whose
                     A/A control held
  --history FILE     where they are kept (default bench/results/history.jsonl, which is committed)`;

/** Does what the command line says. @throws Error for files that are no results, or when there are none. */
async function start(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      html: { type: "string", default: join(RESULTS_FOLDER, "report.html") },
      svg: { type: "string" },
      "add-to-history": { type: "boolean", default: false },
      history: { type: "string", default: HISTORY_FILE },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const files =
    positionals.length > 0
      ? positionals
      : newestFiles(readdirSync(RESULTS_FOLDER)).map((name) => join(RESULTS_FOLDER, name));
  const saved = await readResults(files);
  if (values["add-to-history"]) {
    if (saved.arms.length === 0)
      throw new Error("Cannot add to the history: none of these results are of bun run bench");
    for (const results of saved.arms) appendHistory(values.history, historyEntryOf(results));
  }
  const history = { entries: readHistory(values.history), frozen: await frozenFingerprint() };
  const report = buildReport({ ...saved, history });
  if (values.svg !== undefined) {
    if (report.plot === null) throw new Error(`Cannot write ${values.svg}: these results hold no ratios`);
    await Bun.write(values.svg, ratioFile(report.plot));
  }
  await Bun.write(values.html, pageOf(report));
  console.log(markdownOf(report));
  console.error(`bench: wrote ${[values.html, ...(values.svg === undefined ? [] : [values.svg])].join(" and ")}`);
}

await start().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
