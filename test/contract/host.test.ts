// The host contract, for both twins.

import { CALM_NETWORK } from "../../src/sim/index.ts";
import { hostContract } from "./host.contract.ts";
import { BunWorld, SimWorld } from "./world.ts";

hostContract("sim", () => new SimWorld({ seed: 1, network: CALM_NETWORK }));
hostContract("bun", () => new BunWorld());
