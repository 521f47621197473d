// What the flags of the benches have in common.

import { parseArgs, type ParseArgsConfig } from "node:util";

/** A command line, read. */
export interface Flags<Name extends string, Switch extends string> {
  readonly help: boolean;
  /** A smoke run. */
  readonly quick: boolean;
  /** What was given for flags that take a value. */
  readonly values: Readonly<Partial<Record<Name, string>>>;
  /** Flags that are on unless `--no-` stands before them. */
  readonly switches: Readonly<Record<Switch, boolean>>;
  /** What is no flag. */
  readonly words: readonly string[];
}

/**
 * Reads `args`: `--help`, `--quick`, the flags `names`, which take a value, and `switches`, which are on. @throws TypeError for any other flag,
 * and for words unless there may be `words`.
 */
export function flagsOf<Name extends string = never, Switch extends string = never>(
  args: readonly string[],
  { names = [], switches = [], words = false }: FlagNames<Name, Switch>,
): Flags<Name, Switch> {
  const options: NonNullable<ParseArgsConfig["options"]> = {
    help: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
  };
  for (const name of names) options[name] = { type: "string" };
  for (const name of switches) options[name] = { type: "boolean", default: true };
  const allowNegative = switches.length > 0;
  const { values, positionals } = parseArgs({ args: [...args], options, allowNegative, allowPositionals: words });
  const pick = (wanted: readonly string[]): unknown =>
    Object.fromEntries(wanted.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
  return {
    help: values["help"] === true,
    quick: values["quick"] === true,
    values: pick(names) as Flags<Name, Switch>["values"],
    switches: pick(switches) as Flags<Name, Switch>["switches"],
    words: positionals,
  };
}

/** The flags that a command knows beside `--help` and `--quick`. */
export interface FlagNames<Name extends string, Switch extends string> {
  readonly names?: readonly Name[];
  readonly switches?: readonly Switch[];
  /** Whether there may be words that are no flags. */
  readonly words?: boolean;
}

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

/** Descriptors that a process needs beside its connections. */
const SPARE_FILES = 500;

/** Connections that a process can have open: the hard limit of open files, to which Bun raises the soft one, less what it needs besides. */
export function connectionsMax(): number {
  const { stdout } = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]);
  const limit = Number(stdout.toString().trim());
  return (Number.isSafeInteger(limit) ? limit : Number.MAX_SAFE_INTEGER) - SPARE_FILES;
}
