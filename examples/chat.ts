// A chat of lines over TCP: whoever connects says who it is, and then hears what all others say. Try it with two terminals and `nc`.
//
// It shows a broadcast: what is said is published once, and nobody waits for anybody. A member that does not read is not buffered without end: a bounded
// number of lines waits for it, then it is dropped while the others go on. A member that types too fast is read more slowly, one that says
// nothing for long has to go. Control-C closes the room: what was said is still heard, then everybody leaves.
//
//   bun run examples/chat.ts --port 7000 [--idle-ms 600000]
//   nc 127.0.0.1 7000

import { parseArgs } from "node:util";
import { listen, main, serve } from "millrace";
import { attend, MEMBER_LIMITS } from "./chat/member.ts";
import { Room } from "./chat/room.ts";

const MEMBERS_MAX = 1_000;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "7000" },
      "idle-ms": { type: "string", default: String(MEMBER_LIMITS.idleMs) },
    },
  });
  const limits = { ...MEMBER_LIMITS, idleMs: Number(values["idle-ms"]) };

  main(function* () {
    const listener = yield* listen({
      hostname: "127.0.0.1",
      port: Number(values.port),
      connectionsMax: MEMBERS_MAX,
    });
    console.log(`ready: tcp://${listener.address}`);
    const room = new Room();
    yield* serve(listener, (conn) => attend(room, conn, limits), { onDrain: () => room.close() });
  });
}
