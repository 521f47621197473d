// A JSON API on bun:sqlite: the orders of a mill's shop. It shows routes with typed parameters, middleware that gives each request an id and all
// errors one shape, bodies that are checked before they are believed, and a slow report: a worker makes it, and the handler waits for the
// worker's promise with `until`, under a deadline. When that passes, or the client leaves, the worker is stopped.
//
//   bun run examples/json-api.ts --port 8080 [--db shop.sqlite] [--report-ms 5000]
//   curl --json '{"customer":"Ada","lines":[{"product":"flour","pieces":2}]}' http://127.0.0.1:8080/orders

import { once } from "node:events";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { listen, main, type Steps, timeout, until } from "millrace";
import { empty, group, type HttpHandler, json, router, serveHttp, use } from "millrace/http";
import { errorsAsJson, Problem, withRequestId } from "./json-api/errors.ts";
import { countOf, jsonOf, newOrderOf, stateOf } from "./json-api/input.ts";
import type { Sales } from "./json-api/report.ts";
import { type Order, Shop } from "./json-api/shop.ts";

/** Each report takes a thread: more than these are not made at once. */
const REPORTS_MAX = 2;
const BODY = { bodyBytesMax: 64 * 1024 };

function found(order: Order | null): Order {
  if (order === null) throw new Problem(404, "there is no such order");
  return order;
}

/** What was sold, made elsewhere: a long query would stop every other request meanwhile. */
function* salesOf(shop: Shop): Steps<Sales[]> {
  const worker = new Worker(new URL("./json-api/report.ts", import.meta.url), { workerData: shop.snapshot() });
  try {
    const [sales] = yield* until(once(worker, "message"));
    return sales as Sales[];
  } finally {
    void worker.terminate();
  }
}

export function jsonApi(shop: Shop, reportMs: number): HttpHandler {
  let reports = 0;
  const routes = router([
    ["GET", "/products", () => json(shop.products())],
    ...group("/orders", [
      [
        "GET",
        "/",
        ({ query }) => json(shop.orders(countOf(query, "after", 0, 1e15), countOf(query, "limit", 20, 100))),
      ],
      [
        "POST",
        "/",
        function* (request) {
          const order = shop.create(newOrderOf(yield* jsonOf(request)));
          return json(order, { status: 201, headers: { location: `/orders/${order.id}` } });
        },
        BODY,
      ],
      ["GET", "/:id(\\d+)", ({ params }) => json(found(shop.order(Number(params.id))))],
      [
        "PATCH",
        "/:id(\\d+)",
        function* (request) {
          const state = stateOf(yield* jsonOf(request));
          return json(found(shop.setState(Number(request.params.id), state)));
        },
        BODY,
      ],
      [
        "DELETE",
        "/:id(\\d+)",
        ({ params }) => {
          found(shop.remove(Number(params.id)));
          return empty(204);
        },
      ],
    ]),
    [
      "GET",
      "/reports/sales",
      function* () {
        if (reports === REPORTS_MAX) throw new Problem(503, "too many reports are being made");
        reports++;
        try {
          return json(yield* timeout(reportMs, salesOf(shop)));
        } finally {
          reports--;
        }
      },
    ],
  ]);
  return use([withRequestId, errorsAsJson], routes);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8080" },
      db: { type: "string", default: ":memory:" },
      "report-ms": { type: "string", default: "5000" },
    },
  });

  main(function* () {
    using shop = new Shop(values.db);
    const listener = yield* listen({ port: Number(values.port) });
    console.log(`ready: http://${listener.address}`);
    yield* serveHttp(listener, jsonApi(shop, Number(values["report-ms"])));
  });
}
