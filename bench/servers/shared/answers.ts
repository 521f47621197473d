// What the arms answer, as data: whatever an arm is built on, its answers are these. Nothing of millrace is imported, so that the arms without
// it do not load it.

/** The body of `GET /`. */
export const GREETING = "Hello, World!";

/** The field that `GET /add-header` adds to the greeting. */
export const ADDED_FIELD = { "cache-control": "private, max-age=60" } as const;

/** The field of the request that is the body of `GET /read-header`. */
export const READ_FIELD = "user-agent";

/** Bytes of {@link LISTING} as JSON. */
export const LISTING_BYTES = 1024;

/** The value that `GET /json` turns into JSON for each request: a page of a listing, as an API gives it. */
export const LISTING = {
  page: 1,
  pages: 12,
  total: 96,
  query: { sort: "name", descending: false, tags: ["river", "mill", "weir"] },
  items: [
    "Aldermill",
    "Brackwater",
    "Cresswheel",
    "Dunrace",
    "Eddystone",
    "Fulling",
    "Grindle",
    "Hopper",
    "Ironford",
    "Kiln",
  ].map((name, i) => ({ id: 4_100 + i * 17, name, heightMetres: 2.25 + i / 2, open: i % 3 !== 0, notes: null })),
  next: "/mills?sort=name&page=2",
  note: "water over the wheel, grain under the stone, flour in the sack, and at the end of every day the miller walks home.",
};

/** Bytes of the body of `GET /big`. It is made while it is sent, and only as fast as the client takes it. */
export const BIG_BYTES = 10_000_000;

/** Bytes of one piece of it. */
export const BIG_PIECE_BYTES = 16_000;

/** A new piece of the big body: every connection holds pieces of its own, as one does that sends what it has computed. */
export function bigPiece(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BIG_PIECE_BYTES).fill(0x6d);
}
