// The ceiling over TLS: the same bare callbacks on a listener of Bun's with `tls`.

import { SELF_SIGNED } from "../../test/fixtures/tls/certificates.ts";
import { announce, serverFlags } from "./shared/flags.ts";
import { listenRawEcho } from "./shared/raw-echo.ts";

const { echoPort } = serverFlags();
announce({ echo: listenRawEcho(echoPort, SELF_SIGNED) });
