// The kinds of handlers of the chaos run that speak Fetch: code on promises, which no cancel reaches, and streams that somebody must let go of.

import { sleep } from "../../src/core/sleep.ts";
import { fromFetch } from "../../src/http/index.ts";
import {
  amountOf,
  idOf,
  itsId,
  itsIdAndBody,
  type Kind,
  broken,
  MS_PER_AMOUNT,
  onlyStatus,
  pieces,
  PIECES_MANY,
  whole,
} from "./chaos-kind.ts";
import { ChaosError, type Ledger, pieceOf, turns } from "./chaos-ledger.ts";

/** Fetch handlers get what they need of the request as `id` and `amount`. */
function fetched(
  answer: (incoming: Request, id: string, ledger: Ledger, amount: number) => Response | Promise<Response>,
): NonNullable<Kind["answer"]> {
  return (request, ledger) => {
    const [id, amount] = [idOf(request), amountOf(request)];
    return fromFetch((incoming) => answer(incoming, id, ledger, amount))(request);
  };
}

export const FETCH_KINDS: readonly Kind[] = [
  { path: "/fetch/text", answer: fetched((_, id) => new Response(id)), expected: itsId },
  {
    path: "/fetch/read",
    readsAll: true,
    answer: fetched(async (incoming, id) => {
      await turns(3);
      return new Response(`${id}:${await incoming.text()}`);
    }),
    expected: itsIdAndBody,
  },
  {
    path: "/fetch/echo",
    readsAll: true,
    answer: fetched((incoming) => new Response(incoming.body ?? "none")),
    expected: whole(({ body }) => (body === "" ? "none" : body)),
  },
  {
    path: "/fetch/clone",
    readsAll: true,
    answer: fetched(async (incoming, id) => {
      const copy = incoming.clone();
      const [body, again] = await Promise.all([incoming.text(), copy.text()]);
      return new Response(`${id}:${body === again ? body : "the copies differ"}`);
    }),
    expected: itsIdAndBody,
  },
  {
    path: "/fetch/stream",
    answer: fetched((_, id, ledger, amount) => new Response(ledger.source(id, amount))),
    expected: whole(({ id, amount }) => pieceOf(id).repeat(amount)),
  },
  {
    path: "/fetch/later",
    answer: fetched(async (incoming, id, ledger, amount) => {
      incoming.signal.addEventListener("abort", () => {});
      await ledger.pause(amount * MS_PER_AMOUNT);
      return new Response(ledger.source(id, PIECES_MANY));
    }),
    expected: pieces(PIECES_MANY),
  },
  {
    path: "/fetch/memory",
    answer: fetched((_, id) => {
      const piece = pieceOf(id);
      const start = (controller: ReadableStreamDefaultController): void => {
        for (let i = 0; i < 3; i++) controller.enqueue(Buffer.from(piece));
        controller.close();
      };
      return new Response(new ReadableStream({ start }));
    }),
    expected: pieces(3),
  },
  {
    path: "/fetch/part",
    answer: fetched(async (incoming, id, _, amount) => {
      const reader = incoming.body?.getReader();
      await reader?.read();
      if (amount % 2 === 1) await reader?.cancel();
      return new Response(id);
    }),
    expected: itsId,
  },
  {
    path: "/fetch/forgotten",
    answer: fetched((incoming, id, ledger) => {
      incoming.text().catch(() => {});
      return new Response(ledger.source(id, 2));
    }),
    expected: pieces(2),
  },
  {
    path: "/fetch/unwanted",
    answer: fetched((_, id, ledger) => new Response(ledger.source(id, 2), { status: 204 })),
    expected: whole(() => "", 204),
  },
  {
    path: "/fetch/breaks",
    answer: fetched((_, id, ledger, amount) => new Response(ledger.source(id, amount + 1, true))),
    expected: broken(({ id, amount }) => pieceOf(id).repeat(amount + 1)),
  },
  {
    path: "/fetch/throws",
    answer: fetched(async (_incoming, _id, ledger, amount) => {
      await ledger.pause(amount * 3);
      throw new ChaosError("the application failed");
    }),
    expected: onlyStatus(500),
  },
  {
    path: "/response",
    *answer(request, ledger) {
      yield* sleep(amountOf(request));
      return new Response(ledger.source(idOf(request), 2));
    },
    expected: pieces(2),
  },
];
