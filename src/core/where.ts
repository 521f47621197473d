// At which line does a parked task wait? The task's generators are resumed once with the PROBE token: its leaf records the stack, which holds
// a frame for each generator from the handler down, and yields again. No user code runs. After `where` of curio's monitor.

import { REPORT_FRAMES_MAX } from "../config.ts";
import { PROBE } from "./operation.ts";
import { type AnyTask, budgetLeft, enterStep, PARKED, running } from "./task.ts";

/**
 * The stack of a parked task, innermost frame first, without millrace's own leaf; empty for a task that is not parked.
 *
 * @example
 * ```ts
 * import { checkpoint, run, scope, sleep, whereIsTask } from "millrace";
 *
 * await run(() =>
 *   scope(function* (tasks) {
 *     const task = tasks.spawn(function* nap() {
 *       yield* sleep(5);
 *     });
 *     yield* checkpoint(); // it takes its first step meanwhile
 *     console.log(whereIsTask(task)[0]?.startsWith("nap (")); // => true
 *   }),
 * ).promise;
 * ```
 */
export function whereIsTask(task: AnyTask): string[] {
  return task.state === PARKED ? waitFrames(probe(task).stack ?? "") : [];
}

/** @internal An error with the stack of a parked task. */
export function probe(task: AnyTask): Error {
  const outer = running;
  const leaves = budgetLeft();
  enterStep(task, 0);
  PROBE.trace = null;
  try {
    task.generator.next(PROBE);
  } finally {
    enterStep(outer, leaves);
  }
  return PROBE.trace ?? NO_TRACE;
}

const NO_TRACE: Error = { name: "", message: "", stack: "" };

/** @internal The frames of a task in a stack that a leaf has made: from the innermost generator to the outermost. */
export function waitFrames(stack: string): string[] {
  const frames = stack.split("\n").filter((line) => /^\s*at /.test(line));
  const own = frames.findIndex((line) => STEP_FRAME.test(line));
  const kept = own === -1 ? frames : frames.slice(0, own);
  return kept
    .map((line) => line.trim().replace(/^at /, ""))
    .filter((line) => !isLeafFrame(line))
    .slice(0, REPORT_FRAMES_MAX);
}

/** Frames of the probe, of leaves and of millrace's own generators: they say nothing about the task. */
function isLeafFrame(line: string): boolean {
  return /^(probed|next|throw)\b/.test(line) || OWN_FILE.test(line) || OWN_FUNCTION.test(line);
}

/** What resumes a task: its own frames end there. Functions of a bundled program may have other names than here; methods and files have not. */
const STEP_FRAME = /\bcore\/where\.ts:|\bat resume \(.*\bcore\/scheduler\.ts:/;

const OWN_FILE = /\bcore\/(operation|run|scheduler|cancel-watch)\.ts:|node:async_hooks/;
const OWN_FUNCTION =
  /^\S*(runScope|runDeferred|runShield|inOwnContext|throwOutcome|throwInterruption|#run|#end) .*\bconcurrency\/[a-z-]+\.ts:/;
