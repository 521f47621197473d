// The conn contract, for both twins: on the simulated network under many seeds, and on Bun's sockets.

import { describe } from "bun:test";
import { connContract } from "./conn.contract.ts";
import { BunConnWorld, connTest, simWorlds } from "./conn-world.ts";

const SEEDS_EACH = 5;

describe("conn contract: sim", () => connContract(connTest(() => simWorlds(SEEDS_EACH))));
describe("conn contract: bun", () => connContract(connTest(() => [new BunConnWorld()])));
