// What a conn promises its handler, in any world: see conn-world.ts. The parts stand beside this file.

import { readingContract } from "./conn-reading.contract.ts";
import { readingUpToContract } from "./conn-lines.contract.ts";
import { writingContract } from "./conn-writing.contract.ts";
import { closingContract } from "./conn-closing.contract.ts";
import { sharingContract } from "./conn-sharing.contract.ts";
import type { ConnTest } from "./conn-world.ts";

/** Makes all tests of the contract. */
export function connContract(both: ConnTest): void {
  readingContract(both);
  readingUpToContract(both);
  writingContract(both);
  closingContract(both);
  sharingContract(both);
}
