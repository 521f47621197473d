// The two source trees that are compared, side by side in a temporary folder: `base`, a git worktree of the merge-base with its own install, and
// `head`, a copy of the working tree as it stands, so that editing meanwhile changes nothing. Both get the bench of the working tree: the
// same harness, the same server program and the same handlers run on either source. One Bun runs both, this one.
//
// What was made is removed by the disposer; call it when the run was interrupted too.

import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const INSTALL_MS_MAX = 120_000;
const GIT_MS_MAX = 60_000;

/** Two trees to compare. */
export interface Trees extends Disposable {
  /** Roots of the trees. */
  readonly head: string;
  readonly base: string;
  /** What they are, for the report. */
  readonly headName: string;
  readonly baseName: string;
}

/**
 * Sets up the merge-base of `ref` and HEAD beside the working tree. `root`: another repository than this one, for tests.
 * @throws Error when git knows no such commit or no common ancestor, or the base cannot be installed.
 */
export function openTrees(ref: string, root: string = ROOT): Trees {
  const git = gitIn(root);
  const commit = git(`compare with ${ref}`, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${ref}^{commit}`,
  ]);
  const mergeBase = git(`compare with ${ref}`, ["merge-base", commit, "HEAD"]);
  const folder = mkdtempSync(join(tmpdir(), "millrace-compare-"));
  const base = join(folder, "base");
  const remove = (): void => {
    if (existsSync(base))
      Bun.spawnSync(["git", "worktree", "remove", "--force", base], { cwd: root, stderr: "ignore" });
    rmSync(folder, { recursive: true, force: true });
    Bun.spawnSync(["git", "worktree", "prune"], { cwd: root });
  };
  try {
    git(`check out ${mergeBase}`, ["worktree", "add", "--detach", "--quiet", base, mergeBase]);
    rmSync(join(base, "bench"), { recursive: true, force: true });
    copy(root, "bench", base);
    install(base);
    const head = copyOfWorkingTree(root, join(folder, "head"));
    return { head, base, headName: headName(git), baseName: mergeBase.slice(0, 12), [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The working tree twice: what is measured between the two is noise. */
export function openSameTrees(): Trees {
  const folder = mkdtempSync(join(tmpdir(), "millrace-compare-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const [base, head] = ["base", "head"].map((name) => copyOfWorkingTree(ROOT, join(folder, name))) as [
      string,
      string,
    ];
    return { head, base, headName: "the working tree", baseName: "itself", [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** `file` of `tree` as the processes of the bench name their programs: from `folder` of the bench that runs. */
export function programIn(tree: string, file: string, folder: string): string {
  return relative(join(ROOT, folder), join(tree, file));
}

function copyOfWorkingTree(root: string, to: string): string {
  for (const name of ["bench", "src", "package.json", "tsconfig.json"]) copy(root, name, to);
  symlinkSync(join(root, "node_modules"), join(to, "node_modules"));
  return to;
}

function copy(root: string, name: string, to: string): void {
  const results = join(root, "bench", "results");
  cpSync(join(root, name), join(to, name), { recursive: true, filter: (source) => source !== results });
}

function headName(git: Git): string {
  const commit = git("name HEAD", ["rev-parse", "HEAD"]).slice(0, 12);
  const changes = git("look at the working tree", ["status", "--porcelain"]);
  return changes === "" ? commit : `${commit} with uncommitted changes`;
}

function install(tree: string): void {
  // Only Bun's own package has a script, which fetches a Bun: this one is used instead.
  const command = [process.execPath, "install", "--frozen-lockfile", "--ignore-scripts"];
  const { success, stderr } = Bun.spawnSync(command, { cwd: tree, timeout: INSTALL_MS_MAX });
  if (!success) throw new Error(`Cannot install the base: ${lastLines(stderr)}`);
}

/** Runs git and gives what it prints. @throws Error `Cannot <attempt>: ...` when it fails. */
type Git = (attempt: string, args: readonly string[]) => string;

function gitIn(root: string): Git {
  return (attempt, args) => {
    const { success, stdout, stderr } = Bun.spawnSync(["git", ...args], { cwd: root, timeout: GIT_MS_MAX });
    if (success) return stdout.toString().trim();
    const state = lastLines(stderr);
    throw new Error(`Cannot ${attempt}: ${state === "" ? UNKNOWN_TO_GIT : state}`);
  };
}

const UNKNOWN_TO_GIT = "git knows no such commit, or none that both come from; a shallow clone lacks most";

const lastLines = (output: Uint8Array): string =>
  Buffer.from(output).toString().trim().split("\n").slice(-3).join(" | ");
