// The ceiling: bare `Bun.listen` callbacks. Echo writes in the callback; HTTP and lines gather the answers to all that a chunk asks for and hand
// them to the kernel in one write.

import { announce, serverFlags } from "./shared/flags.ts";
import { listenRawEcho } from "./shared/raw-echo.ts";
import { listenRawHttp } from "./shared/raw-http.ts";
import { listenRawLines } from "./shared/raw-line.ts";

const { port, echoPort, linePort } = serverFlags();
announce({
  http: listenRawHttp(port, false),
  echo: listenRawEcho(echoPort),
  line: listenRawLines(linePort, "coalesced"),
});
