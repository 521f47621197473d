// The same callbacks as one writes them first: every answer is written when it is there.

import { announce, serverFlags } from "./shared/flags.ts";
import { listenRawHttp } from "./shared/raw-http.ts";
import { listenRawLines } from "./shared/raw-line.ts";

const { port, linePort } = serverFlags();
announce({ http: listenRawHttp(port, true), line: listenRawLines(linePort, "naive") });
