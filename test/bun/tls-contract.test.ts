// The conn contract over TLS, with nothing left out: what a handler may rely on is the same as on plain sockets. What the sockets below do
// otherwise is in test/bun-contract.

import { describe } from "bun:test";
import { closingContract } from "../contract/conn-closing.contract.ts";
import { readingUpToContract } from "../contract/conn-lines.contract.ts";
import { readingContract } from "../contract/conn-reading.contract.ts";
import { sharingContract } from "../contract/conn-sharing.contract.ts";
import { writingContract } from "../contract/conn-writing.contract.ts";
import { secureTest } from "./tls-support.ts";

describe("conn contract: bun, TLS", () => {
  readingContract(secureTest);
  readingUpToContract(secureTest);
  writingContract(secureTest);
  closingContract(secureTest);
  sharingContract(secureTest);
});
