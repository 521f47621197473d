// A peer that does not speak the protocol: what it sends next cannot be understood any more, so it is told why and the connection is closed.

/** What went wrong, in Redis's words where Redis has some: `invalid bulk length`. */
export class ProtocolFault extends Error {
  constructor(found: string) {
    super(`Protocol error: ${found}`);
  }
}
