// The line protocol as far as hand-work gets in this engine: all lines of a chunk are made into text at once. Written for this protocol alone.

import { announce, serverFlags } from "./shared/flags.ts";
import { listenRawLines } from "./shared/raw-line.ts";

announce({ line: listenRawLines(serverFlags().linePort, "bulk") });
