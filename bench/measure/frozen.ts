// The raw callbacks as the measure of all history: an arm that is not worked on, so that a ratio to it of today and one of last year say the same
// thing. A fingerprint of its own code goes with every result, and ratios to another code stand apart. What it takes from src/, the parser and
// the encoder, is ours as well and is not in the fingerprint: a faster parser helps both sides, and history does not show it.

import { join } from "node:path";

/** The arm. */
export const FROZEN_ARM = "raw";

/** Its own files below bench/servers. */
export const FROZEN_FILES: readonly string[] = [
  "raw.ts",
  "shared/raw-echo.ts",
  "shared/raw-http.ts",
  "shared/raw-line.ts",
  "shared/raw-socket.ts",
];

const SERVERS = join(import.meta.dir, "..", "servers");
const LETTERS = 12;

/** The fingerprint of the arm as it stands. */
export async function frozenFingerprint(): Promise<string> {
  const sources = await Promise.all(FROZEN_FILES.map((file) => Bun.file(join(SERVERS, file)).text()));
  return fingerprintOf(sources);
}

/** The same for code that differs in comments and in where its lines end alone. */
export function fingerprintOf(sources: readonly string[]): string {
  const code = sources.map((source) => source.replaceAll(/^\s*(?:\/\/|\/\*|\*).*$/gm, "").replaceAll(/[\s,]+/g, ""));
  return new Bun.CryptoHasher("sha256").update(code.join("\n")).digest("hex").slice(0, LETTERS);
}
