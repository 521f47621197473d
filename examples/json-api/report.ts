// The worker that makes the sales report: it gets a copy of the database, answers with one message, and is done.

import { Database } from "bun:sqlite";
import { parentPort, workerData } from "node:worker_threads";

export interface Sales {
  readonly product: string;
  readonly pieces: number;
  readonly cents: number;
}

const SALES = `
  SELECT product, sum(pieces) AS pieces, sum(pieces * cents) AS cents
  FROM lines JOIN products ON name = product JOIN orders ON orders.id = order_id
  WHERE state <> 'open' GROUP BY product ORDER BY product
`;

using db = Database.deserialize(workerData as Uint8Array, true);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
parentPort?.postMessage(db.query<Sales, []>(SALES).all());
