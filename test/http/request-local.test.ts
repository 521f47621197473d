// Values of one request.

import { describe, expect, test } from "bun:test";
import { sleep } from "../../src/core/sleep.ts";
import {
  type HttpHandler,
  type HttpRequest,
  type Middleware,
  replyOf,
  requestLocal,
  router,
  text,
  UnsetLocalError,
  use,
} from "../../src/http/index.ts";
import { bodiesOf, request, SOON_MS, withServer } from "./support.ts";

const ok: HttpHandler = () => text("ok");

/** Requests that came in over one connection, after they were answered. */
async function requests(count: number): Promise<HttpRequest[]> {
  const all: HttpRequest[] = [];
  await withServer(
    (incoming) => {
      all.push(incoming);
      return ok(incoming);
    },
    function* (world) {
      yield* world.ask(request("GET /").repeat(count));
    },
  );
  return all;
}

describe("requestLocal", () => {
  test("requestLocal carries what middleware found to the handler, whatever parameters its route has", () => {
    const user = requestLocal<{ readonly name: string }>("user");
    const signedIn: Middleware = (next) =>
      function* (incoming) {
        yield* sleep(5);
        user.set(incoming, { name: incoming.headers.get("x-name") ?? "nobody" });
        return yield* replyOf(incoming, next(incoming));
      };
    const routed = router([
      ["GET", "/", (incoming) => text(`root ${user.get(incoming).name}`)],
      ["GET", "/:id", (incoming) => text(`${incoming.params.id} ${user.get(incoming).name}`)],
    ]);
    return withServer(use([signedIn], routed), function* (world) {
      const one = world.connect(request("GET /", ["X-Name: ann"]) + request("GET /7"));
      const two = world.connect(request("GET /8", ["X-Name: bob"]));
      yield* sleep(2 * SOON_MS);
      expect([bodiesOf(one), bodiesOf(two)]).toEqual([["root ann", "7 nobody"], ["8 bob"]]);
    });
  });

  test("requestLocal says what is set, and gives null or throws where nothing is", async () => {
    const [one, two] = (await requests(2)) as [HttpRequest, HttpRequest];
    const local = requestLocal<string | null | undefined>("thing");
    expect([local.has(one), local.find(one)]).toEqual([false, null]);
    expect(() => local.get(one)).toThrow(new UnsetLocalError('Cannot get "thing" of the request: nothing has set it'));
    for (const value of ["a", "b", "", null, undefined]) {
      local.set(one, value);
      expect([local.has(one), local.find(one), local.get(one), local.has(two)]).toEqual([true, value, value, false]);
    }
    expect(new UnsetLocalError("").code).toBe("ERR_HTTP_LOCAL_UNSET");
  });

  test("requestLocal's values do not meet, though their names be the same", async () => {
    const [one] = (await requests(1)) as [HttpRequest];
    const first = requestLocal<string>("same");
    const second = requestLocal<number>("same");
    first.set(one, "a");
    expect([first.get(one), second.has(one)]).toEqual(["a", false]);
  });

  test("requestLocal holds no value longer than its request, on a connection that lives on", async () => {
    const local = requestLocal<{ readonly held: Uint8Array }>("large");
    const values: WeakRef<object>[] = [];
    const keep: HttpHandler = (incoming) => {
      const value = { held: new Uint8Array(1_000) };
      values.push(new WeakRef(value));
      local.set(incoming, value);
      return text("ok");
    };
    await withServer(keep, function* (world) {
      const peer = world.connect();
      for (let i = 0; i < 100; i++) {
        peer.send(request("GET /"));
        yield* sleep(SOON_MS);
      }
      expect(bodiesOf(peer)).toHaveLength(100);
      Bun.gc(true);
      // The last request may still be on the stack, or look as if it were.
      expect(values.filter((value) => value.deref() !== undefined).length).toBeLessThan(20);
    });
  });
});
