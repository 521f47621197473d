// Prints the first TypeScript sample of README.md: `bun run scripts/readme-sample.ts > sample.ts`. The continuous
// integration type-checks and runs what users are told to copy, so the sample cannot go stale.

import { join } from "node:path";

const readme = join(import.meta.dir, "..", "README.md");
const sample = /^```ts[^\n]*\n(.*?)^```/ms.exec(await Bun.file(readme).text());
if (sample?.[1] === undefined) {
  console.error("Cannot extract the sample from README.md: it holds no ```ts block");
  process.exit(1);
}
process.stdout.write(sample[1]);
