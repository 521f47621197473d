// Fastify on Bun, without a logger and with a schema for its JSON, as its guide recommends for speed.

import type { AddressInfo } from "node:net";

import Fastify from "fastify";

import { ADDED_FIELD, BODY_BYTES_MAX, BYTES_TYPE, GREETING, millFor, pageText, READ_FIELD } from "./shared/answers.ts";
import { announce, serverFlags } from "./shared/flags.ts";

const TEXT = "text/plain; charset=utf-8";
const MILL = {
  type: "object",
  properties: {
    id: { type: "integer" },
    name: { type: "string" },
    heightMetres: { type: "number" },
    open: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    agent: { type: "string" },
  },
};

const app = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX });
app.addContentTypeParser(BYTES_TYPE, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.get("/", (_request, reply) => reply.type(TEXT).send(GREETING));
app.get("/json", { schema: { response: { 200: MILL } } }, (request, reply) =>
  reply.headers(ADDED_FIELD).send(millFor(request.headers[READ_FIELD] ?? "")),
);
app.get<{ Params: { name: string } }>("/pages/:name", (request, reply) =>
  reply.type(TEXT).send(pageText(request.params.name)),
);
app.post("/echo", (request, reply) => reply.type(BYTES_TYPE).send(request.body));

await app.listen({ host: "127.0.0.1", port: serverFlags().port });
announce({ http: (app.server.address() as AddressInfo).port });
