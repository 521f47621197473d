// The least that a user writes to answer HTTP with millrace: what start-up and memory after it are measured with. Its twin is
// minimal-bun-serve.ts. It takes its port from the environment and says nothing.

import { main } from "../../src/index.ts";
import { serveHttp, text } from "../../src/http/index.ts";

const port = Number(process.env["PORT"]);
main(() => serveHttp({ hostname: "127.0.0.1", port }, () => text("Hello, World!")));
