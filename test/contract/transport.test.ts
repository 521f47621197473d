// The transport contract, for both twins; the simulated one with networks of several tempers.

import { CALM_NETWORK, ROUGH_NETWORK } from "../../src/sim/index.ts";
import { transportContract } from "./transport.contract.ts";
import { BunWorld, SimWorld } from "./world.ts";

transportContract("bun", () => new BunWorld());
transportContract("sim, calm network", () => new SimWorld({ seed: 1, network: CALM_NETWORK }));
for (const seed of [1, 2, 3]) {
  transportContract(`sim, seed ${seed}`, () => new SimWorld({ seed }));
  transportContract(`sim, rough network, seed ${seed}`, () => new SimWorld({ seed, network: ROUGH_NETWORK }, 30_000));
}
