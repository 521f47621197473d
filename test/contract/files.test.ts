// The file contract, for both twins, and for Bun once more as where the kernel does not link descriptors to their files.

import { BunDisk, SimDisk } from "./disk.ts";
import { filesContract } from "./files.contract.ts";

filesContract("sim", () => new SimDisk());
filesContract("bun", () => new BunDisk());
filesContract("bun without /proc", () => new BunDisk("/nowhere"));
