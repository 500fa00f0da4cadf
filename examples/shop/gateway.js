// The shop's front door: takes an order and hands it to checkout.
import { fastify } from "fastify";

const checkoutUrl = process.env.CHECKOUT_URL ?? "http://127.0.0.1:8081";
const server = fastify({ logger: { level: process.env.LOG_LEVEL ?? "info" }, disableRequestLogging: true });

server.post("/buy/:article", async (request, reply) => {
  const response = await fetch(`${checkoutUrl}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ article: request.params.article }),
    signal: AbortSignal.timeout(5_000),
  });
  const order = await response.json();
  if (!response.ok) {
    request.log.warn({ article: request.params.article, status: response.status }, "order not taken");
    return reply.code(503).send({ error: "please try again later" });
  }
  return reply.code(201).send(order);
});

await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT ?? 8080) });
process.on("disconnect", () => process.exit());
