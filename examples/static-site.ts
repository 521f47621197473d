// A folder as a web site: types, conditions, ranges, index pages and redirects to them come with `files`; `compressed` packs what shrinks in the
// coding that the browser likes best. Pages are checked for news each time they are asked for, the rest is kept for an hour. What is not
// there is answered with the site's own `404.html`, and no path leads out of the folder.
//
//   bun run examples/static-site.ts --port 8080 [--root public]

import { join } from "node:path";
import { parseArgs } from "node:util";
import { listen, main, until } from "millrace";
import { compressed, files, html, type HttpHandler, router, serveHttp, text } from "millrace/http";

const HEADERS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'self'",
};

export function staticSite(root: string): HttpHandler {
  const site = files(root, {
    headers: HEADERS,
    cacheControl: (path) => (path.endsWith(".html") ? "no-cache" : "max-age=3600"),
    *fallback() {
      // Opened anew each time: the page may be changed while the server runs, and a BunFile remembers its size.
      const page = Bun.file(join(root, "404.html"));
      if (!(yield* until(page.exists()))) return text("Not Found\n", { status: 404, headers: HEADERS });
      return html(yield* until(page.text()), { status: 404, headers: HEADERS });
    },
  });

  // The router answers other methods with 405, which the fallback would have to do otherwise.
  return compressed(router([["GET", "/**", site]]));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8080" },
      root: { type: "string", default: join(import.meta.dir, "static-site") },
    },
  });

  main(function* () {
    const listener = yield* listen({ port: Number(values.port) });
    console.log(`ready: http://${listener.address}`);
    yield* serveHttp(listener, staticSite(values.root));
  });
}
