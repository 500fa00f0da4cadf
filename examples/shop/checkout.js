// Prices an order and has payments charge for it.
import { randomUUID } from "node:crypto";
import { fastify } from "fastify";

const paymentsUrl = process.env.PAYMENTS_URL ?? "http://127.0.0.1:8082";
const prices = { teapot: 2400, cup: 900, tea: 700 };
const server = fastify({ logger: { level: process.env.LOG_LEVEL ?? "info" }, disableRequestLogging: true });

server.post("/orders", async (request, reply) => {
  const { article } = request.body;
  const amountCents = prices[article];
  if (amountCents === undefined) return reply.code(422).send({ error: `we do not sell ${article}` });
  const response = await fetch(`${paymentsUrl}/charges`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ amountCents }),
    signal: AbortSignal.timeout(4_000),
  });
  const charge = await response.json();
  if (!response.ok) return reply.code(424).send({ error: "payment failed", cause: charge.error });
  return reply.code(201).send({ order: randomUUID(), article, amountCents, charge: charge.id });
});

await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT ?? 8081) });
process.on("disconnect", () => process.exit());
