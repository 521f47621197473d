// A bench as a command: what all of them do around their measuring. Reads the flags, says how far it is, saves the raw rounds under bench/results,
// prints Markdown. What a bench measures, and how its figures are read, is its own.

import { type FlagNames, type Flags, flagsOf } from "./flags.ts";
import { saveResults } from "./results.ts";
import { beginSession, type Session } from "./session.ts";

/** Is told what is being done. */
export type Progress = (text: string) => void;

/** One bench. */
export interface Bench<Name extends string, Switch extends string, Settings, Measured extends object> {
  /** What it is called in package.json; what stands behind the colon is the kind of its results. */
  readonly script: string;
  readonly usage: string;
  readonly flags: FlagNames<Name, Switch>;
  /** @throws Error for flags that it cannot do anything with. */
  settingsOf(flags: Flags<Name, Switch>): Settings;
  /** Settings as they are saved. */
  optionsOf(settings: Settings): Session["options"];
  /** About how many seconds it takes, where that can be told. */
  secondsOf?(settings: Settings): number;
  measure(settings: Settings, progress: Progress): Promise<Measured>;
  /** The report, in Markdown. */
  reportOf(results: Session & Measured): string;
}

/**
 * Runs a bench by this process's command line. Gives its results; `null` when it was asked for help, or when it could not be run, which is then said
 * on stderr and by exit code 1.
 */
export async function runBench<Name extends string, Switch extends string, Settings, Measured extends object>(
  bench: Bench<Name, Switch, Settings, Measured>,
): Promise<(Session & Measured) | null> {
  const { script, usage } = bench;
  try {
    const flags = flagsOf(process.argv.slice(2), bench.flags);
    if (flags.help) {
      console.log(usage);
      return null;
    }
    const settings = bench.settingsOf(flags);
    const session = beginSession(script, bench.optionsOf(settings));
    const progress = progressOf(script, bench.secondsOf?.(settings) ?? 0);
    const results = { ...session, ...(await bench.measure(settings, progress)) };
    await saveResults(script.split(":")[1] ?? "", session.startedAt, results);
    console.log(bench.reportOf(results));
    return results;
  } catch (error) {
    if (!isTold(error)) throw error;
    console.error(error.message);
    process.exitCode = 1;
    return null;
  }
}

/** What an error of ours, or of the flags, says is enough; of any other one the stack is wanted. */
function isTold(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: string };
  return error.message.startsWith("Cannot ") || code?.startsWith("ERR_PARSE_ARGS") === true;
}

/** Lines on stderr, with the time that has passed and, where it is known, about how long it takes in all. */
function progressOf(script: string, secondsInAll: number): Progress {
  const began = performance.now();
  const about = secondsInAll === 0 ? "" : ` of about ${clock(secondsInAll)}`;
  return (text) => {
    process.stderr.write(`${script} ${clock((performance.now() - began) / 1000)}${about}: ${text}\n`);
  };
}

/** Minutes and seconds. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
