// millrace/sim: the simulated twin of the Bun host, for tests.

export { Simulation, simulate } from "./simulate.ts";
export { SimHost, type SimHostOptions } from "./host.ts";
export { type DiskOptions, type DiskStatistics, type SimContent, SimFiles } from "./files.ts";
export { CALM_NETWORK, type NetworkOptions, type Range, ROUGH_NETWORK, type SocketStatistics } from "./network.ts";
export { type PeerEvent, SimPeer, type SimPeerAddress, type SimPeerListener } from "./peer.ts";
export { SimTransport } from "./transport.ts";
export { SimSocket } from "./socket.ts";
export { createPrng, type Prng } from "./prng.ts";
