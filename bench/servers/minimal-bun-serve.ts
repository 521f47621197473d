// The least that a user writes to answer HTTP with what Bun has by itself: the twin of minimal-millrace.ts.

const port = Number(process.env["PORT"]);
Bun.serve({ hostname: "127.0.0.1", port, fetch: () => new Response("Hello, World!") });
