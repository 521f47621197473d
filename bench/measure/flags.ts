// What the flags of the benches have in common.

/** The names in a list with commas; none when the flag was not given. */
export function listOf(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(",").map((name) => name.trim());
}

/** A whole number, `fallback` when the flag was not given. @throws RangeError outside `min` to `max`. */
export function countOf(value: string | undefined, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  const count = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(count >= min && count <= max))
    throw new RangeError(`Cannot use ${JSON.stringify(value)}: expected a whole number from ${min} to ${max}`);
  return count;
}

/** The command line of this process, `script` being what it is called in package.json. */
export function commandLine(script: string): string {
  return ["bun run", script, ...process.argv.slice(2)].join(" ");
}

/** The hard limit of open files: Bun raises the soft one to it. */
export function openFilesMax(): number {
  const { stdout } = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]);
  const limit = Number(stdout.toString().trim());
  return Number.isSafeInteger(limit) ? limit : Number.MAX_SAFE_INTEGER;
}
