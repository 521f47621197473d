// The JSON API as its clients see it: what it keeps, what it refuses and in which words, and that a report that takes too long is given up.

import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { RawClient } from "../subprocess.ts";
import { Example, scratch } from "./support.ts";

const FLOUR = { customer: "Ada", lines: [{ product: "flour", pieces: 2 }] };

/** Status and body of an answer. */
async function ask(example: Example, method: string, path: string, body?: unknown): Promise<[number, unknown]> {
  const init = { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await example.fetch(path, body === undefined ? { method } : init);
  const text = await response.text();
  return [response.status, text === "" ? null : JSON.parse(text)];
}

/** Status and message of an error; its request id must be the one in the header. */
async function errorOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { status: number; message: string; requestId: string } };
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(error.status).toBe(response.status);
  expect(error.requestId).toMatch(/^[\da-f-]{36}$/);
  expect(response.headers.get("x-request-id")).toBe(error.requestId);
  return [error.status, error.message];
}

const stockOf = async (example: Example): Promise<number[]> => {
  const [, products] = await ask(example, "GET", "/products");
  return (products as { stock: number }[]).map(({ stock }) => stock);
};

describe("examples/json-api.ts", () => {
  test("an order is created, read, listed, changed and deleted, and the stock follows", async () => {
    await using example = await Example.start("json-api");
    expect(await stockOf(example)).toEqual([40, 100, 5]);
    const created = await example.fetch("/orders", {
      method: "POST",
      body: JSON.stringify(FLOUR),
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    const order = { id: 1, state: "open", ...FLOUR };
    expect([created.status, created.headers.get("location"), await created.json()]).toEqual([201, "/orders/1", order]);
    expect(await ask(example, "POST", "/orders", FLOUR)).toEqual([201, { ...order, id: 2 }]);
    expect(await stockOf(example)).toEqual([40, 96, 5]);
    expect(await ask(example, "GET", "/orders/1")).toEqual([200, order]);
    expect(await ask(example, "GET", "/orders?limit=1")).toEqual([200, [order]]);
    expect(await ask(example, "GET", "/orders?after=1")).toEqual([200, [{ ...order, id: 2 }]]);
    expect(await ask(example, "PATCH", "/orders/1", { state: "shipped" })).toEqual([
      200,
      { ...order, state: "shipped" },
    ]);
    expect(await ask(example, "DELETE", "/orders/2")).toEqual([204, null]);
    expect(await stockOf(example)).toEqual([40, 98, 5]);
    expect(await errorOf(await example.fetch("/orders/1", { method: "DELETE" }))).toEqual([409, "it has been shipped"]);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("an order that the stock does not hold is refused with 409, and changes nothing", async () => {
    await using example = await Example.start("json-api");
    const lines = [
      { product: "flour", pieces: 1 },
      { product: "groats", pieces: 6 },
    ];
    const [status, body] = await ask(example, "POST", "/orders", { customer: "Ada", lines });
    expect([status, (body as { error: { message: string } }).error.message]).toEqual([
      409,
      "there are no 6 pieces of groats",
    ]);
    expect(await stockOf(example)).toEqual([40, 100, 5]);
    expect(await ask(example, "GET", "/orders")).toEqual([200, []]);
  });

  test("what is wrong is told in one shape, with the id of the request", async () => {
    await using example = await Example.start("json-api");
    const post = (body: string, type = "application/json"): Promise<[number, string]> =>
      example.fetch("/orders", { method: "POST", body, headers: { "content-type": type } }).then(errorOf);
    const faults =
      "customer must be a name; lines[0].product must be the name of a product; lines[0].pieces must be a whole number from 1 on";
    expect(await post('{"customer":" ","lines":[{"pieces":0}]}')).toEqual([400, faults]);
    for (const body of ["null", "[]", '"Ada"', "{}"])
      expect(await post(body)).toEqual([400, "customer must be a name; lines must be a list of at least one line"]);
    expect(await post('{"customer":')).toEqual([400, "the body is no JSON"]);
    expect(await post("a=b", "text/plain")).toEqual([415, "the content-type must be application/json"]);
    expect(await errorOf(await example.fetch("/orders/7"))).toEqual([404, "there is no such order"]);
    expect(await errorOf(await example.fetch("/orders/seven"))).toEqual([404, "Not Found"]);
    expect(await errorOf(await example.fetch("/orders?limit=many"))).toEqual([
      400,
      "limit must be a whole number up to 100",
    ]);
    const put = await example.fetch("/orders/1", { method: "PUT" });
    expect(put.headers.get("allow")).toBe("GET, HEAD, PATCH, DELETE, OPTIONS");
    expect(await errorOf(put)).toEqual([405, "Method Not Allowed"]);
    const [status, body] = await ask(example, "PATCH", "/orders/1", { state: "lost" });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining("one of open, paid, shipped")]);
  });

  test("a body above the limit is refused with 413", async () => {
    await using example = await Example.start("json-api");
    const headers = { "content-type": "application/json" };
    const response = await example.fetch("/orders", { method: "POST", body: "x".repeat(64 * 1024 + 1), headers });
    expect(response.status).toBe(413);
  });

  test("an error of the program is told as 500 that says nothing, and printed with the id of the request", async () => {
    using folder = scratch();
    const file = join(folder.path, "shop.sqlite");
    await using example = await Example.start("json-api", "--db", file);
    using database = new Database(file);
    database.run("DROP TABLE lines");
    const response = await example.fetch("/orders", {
      method: "POST",
      body: JSON.stringify(FLOUR),
      headers: { "content-type": "application/json" },
    });
    expect(await errorOf(response)).toEqual([500, "something is wrong here"]);
    expect(await stockOf(example)).toEqual([40, 100, 5]);
    expect(await example.end()).toBe(0);
    const errors = await example.program.errors();
    expect(errors).toStartWith(`request ${response.headers.get("x-request-id")} failed:`);
    expect(errors).toContain("no such table: lines");
  });

  test("the report counts what was sold, made by a worker", async () => {
    await using example = await Example.start("json-api");
    for (const id of [1, 2]) {
      await ask(example, "POST", "/orders", FLOUR);
      await ask(example, "PATCH", `/orders/${id}`, { state: "paid" });
    }
    await ask(example, "POST", "/orders", FLOUR);
    const sales = [{ product: "flour", pieces: 4, cents: 1_000 }];
    expect(await ask(example, "GET", "/reports/sales")).toEqual([200, sales]);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("a report that takes longer than it may is answered with 504, and gives its place to the next", async () => {
    await using example = await Example.start("json-api", "--report-ms", "0");
    for (let i = 0; i < 5; i++)
      expect(await errorOf(await example.fetch("/reports/sales"))).toEqual([504, "it took too long"]);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("reports whose clients have left give their places to others", async () => {
    await using example = await Example.start("json-api");
    for (let i = 0; i < 4; i++) {
      await using client = await RawClient.connect(example.port);
      const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: shop\r\n\r\n`;
      client.send(get("/products") + get("/reports/sales"));
      // The report has been asked for when the answer before it is there; here the client leaves.
      await client.received('"stock":5}]');
    }
    let status = 503;
    for (let i = 0; i < 100 && status === 503; i++) [status] = await ask(example, "GET", "/reports/sales");
    expect(status).toBe(200);
    expect([await example.end(), await example.program.errors()]).toEqual([0, ""]);
  });

  test("orders are kept in the file that is named", async () => {
    using folder = scratch();
    for (const id of [1, 2]) {
      await using example = await Example.start("json-api", "--db", join(folder.path, "shop.sqlite"));
      expect(await ask(example, "POST", "/orders", FLOUR)).toEqual([201, { id, state: "open", ...FLOUR }]);
      expect(await example.end()).toBe(0);
    }
  });
});
