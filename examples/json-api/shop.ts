// The shop behind the JSON API: products and orders in SQLite. It knows nothing of HTTP. SQLite answers at once and nothing here waits, so no
// request ever sees half of what another one does.

import { Database } from "bun:sqlite";

export interface Line {
  readonly product: string;
  readonly pieces: number;
}

export interface NewOrder {
  readonly customer: string;
  readonly lines: readonly Line[];
}

export interface Order extends NewOrder {
  readonly id: number;
  readonly state: OrderState;
}

export const ORDER_STATES = ["open", "paid", "shipped"] as const;
export type OrderState = (typeof ORDER_STATES)[number];

/** An order that the shop cannot take, or cannot give up. */
export class OrderError extends Error {}

const SCHEMA = `
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS products (name TEXT PRIMARY KEY, cents INTEGER NOT NULL, stock INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, state TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS lines (
    order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE,
    product TEXT NOT NULL REFERENCES products,
    pieces INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO products VALUES ('flour', 250, 100), ('bran', 120, 40), ('groats', 310, 5);
`;

type OrderRow = Omit<Order, "lines">;

export class Shop implements Disposable {
  readonly #db: Database;

  /** Opens `file`, or a database in memory that is gone with the program. */
  constructor(file = ":memory:") {
    this.#db = new Database(file, { create: true, strict: true });
    this.#db.run(SCHEMA);
  }

  products(): unknown[] {
    return this.#db.query("SELECT name, cents, stock FROM products ORDER BY name").all();
  }

  /** Orders with an id above `after`, the oldest first. */
  orders(after: number, limit: number): Order[] {
    const rows = this.#db.query<OrderRow, [number, number]>("SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT ?");
    return rows.all(after, limit).map((row) => Object.assign(row, { lines: this.#linesOf(row.id) }));
  }

  order(id: number): Order | null {
    const row = this.#db.query<OrderRow, [number]>("SELECT * FROM orders WHERE id = ?").get(id);
    return row && { ...row, lines: this.#linesOf(id) };
  }

  /** Takes what is ordered out of the stock: all of it, or nothing. @throws OrderError when there is not enough. */
  create({ customer, lines }: NewOrder): Order {
    const take = this.#db.query(
      "UPDATE products SET stock = stock - $pieces WHERE name = $product AND stock >= $pieces",
    );
    const create = this.#db.transaction((): number => {
      const added = this.#db.query("INSERT INTO orders (customer, state) VALUES (?, 'open')").run(customer);
      const id = Number(added.lastInsertRowid);
      for (const { product, pieces } of lines) {
        if (take.run({ product, pieces }).changes === 0)
          throw new OrderError(`there are no ${pieces} pieces of ${product}`);
        this.#db.query("INSERT INTO lines VALUES (?, ?, ?)").run(id, product, pieces);
      }
      return id;
    });
    return this.order(create()) as Order;
  }

  setState(id: number, state: OrderState): Order | null {
    this.#db.query("UPDATE orders SET state = ? WHERE id = ?").run(state, id);
    return this.order(id);
  }

  /** Puts what was ordered back into the stock, and gives the order that is no more. @throws OrderError when it has been shipped. */
  remove(id: number): Order | null {
    return this.#db.transaction((): Order | null => {
      const order = this.order(id);
      if (order?.state === "shipped") throw new OrderError("it has been shipped");
      for (const { product, pieces } of order?.lines ?? [])
        this.#db.query("UPDATE products SET stock = stock + $pieces WHERE name = $product").run({ product, pieces });
      this.#db.query("DELETE FROM orders WHERE id = ?").run(id);
      return order;
    })();
  }

  /** The whole database as bytes, for somebody who wants to read it in peace. */
  snapshot(): Uint8Array {
    return this.#db.serialize();
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #linesOf(id: number): Line[] {
    return this.#db.query<Line, [number]>("SELECT product, pieces FROM lines WHERE order_id = ?").all(id);
  }
}
