// Which files hold results, and of which kind each is. A kind is told by what a file holds, not by its name; the name tells how new it is.

import type { LoadResults } from "../measure/load.ts";
import type { Results } from "../measure/results.ts";
import type { ScaleResults } from "../scale/results.ts";
import type { Saved } from "./build.ts";

/** The kinds that a report is made of: what stands before the time in the name of a file. */
const KINDS = ["", "load", "scale"] as const;
const NAME = /^(?:(?<kind>[a-z]+)-)?(?<time>\d{4}-\d{2}-\d{2}T[\d-]+Z)\.json$/;

/** Of the files of a folder the newest of each kind. */
export function newestFiles(names: readonly string[]): string[] {
  return KINDS.flatMap((kind) => {
    const own = names.flatMap((name) => {
      const groups = NAME.exec(name)?.groups;
      return groups === undefined || (groups["kind"] ?? "") !== kind ? [] : [{ name, time: groups["time"] as string }];
    });
    const newest = own.toSorted((a, b) => (a.time < b.time ? 1 : -1))[0];
    return newest === undefined ? [] : [newest.name];
  });
}

/** Reads files of results. @throws Error naming the file that is none, or that cannot be read. */
export async function readResults(files: readonly string[]): Promise<Omit<Saved, "history">> {
  const saved = { arms: [] as Results[], load: [] as LoadResults[], scale: [] as ScaleResults[] };
  for (const file of files) {
    const value = await read(file);
    if (has(value, ["comparisons"]) && !("extent" in value)) saved.arms.push(value as unknown as Results);
    else if (has(value, ["saturation", "open"])) saved.load.push(value as unknown as LoadResults);
    else if (has(value, ["connections", "tasks", "timers", "start"]))
      saved.scale.push(value as unknown as ScaleResults);
    else throw new Error(`Cannot report on ${file}: it holds no results of bench, bench:load or bench:scale`);
  }
  return saved;
}

async function read(file: string): Promise<Record<string, unknown>> {
  const text = await Bun.file(file)
    .text()
    .catch((error: Error) => {
      throw new Error(`Cannot report on ${file}: ${error.message}`);
    });
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw new Error(`Cannot report on ${file}: it is no JSON`);
  }
}

/** Whether it has the lists `names`, and says where it was measured. */
function has(value: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  return (
    names.every((name) => Array.isArray(value[name])) &&
    typeof value["machine"] === "object" &&
    typeof value["startedAt"] === "string"
  );
}
