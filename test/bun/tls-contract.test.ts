// The conn contract over TLS, with nothing left out: what a handler may rely on is the same as on plain sockets. What the sockets below do
// otherwise is in test/bun-contract.

import { describe } from "bun:test";
import { closingContract } from "../contract/conn-closing.contract.ts";
import { readingUpToContract } from "../contract/conn-lines.contract.ts";
import { readingContract } from "../contract/conn-reading.contract.ts";
import { sharingContract } from "../contract/conn-sharing.contract.ts";
import { writingContract } from "../contract/conn-writing.contract.ts";
import { KINDS, secureTest } from "./tls-support.ts";

describe.each(KINDS.map((kind) => [kind.name, kind] as const))("conn contract: bun, %s", (_name, kind) => {
  const both = secureTest(kind);
  readingContract(both);
  readingUpToContract(both);
  writingContract(both);
  closingContract(both);
  sharingContract(both);
});
