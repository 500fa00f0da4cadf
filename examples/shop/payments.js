// Charges cards. Its bank can be switched off, which is what the demo does.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { fastify } from "fastify";

let isBankDown = false;
const server = fastify({ logger: { level: process.env.LOG_LEVEL ?? "info" }, disableRequestLogging: true });

server.post("/charges", async (request, reply) => {
  await delay(2 + Math.random() * 6);
  if (isBankDown) {
    request.log.error({ amountCents: request.body.amountCents }, "charge failed: the bank does not answer");
    return reply.code(500).send({ error: "the bank does not answer" });
  }
  return reply.code(201).send({ id: randomUUID() });
});

process.on("message", (message) => {
  isBankDown = message.isBankDown;
});

await server.listen({ host: "127.0.0.1", port: Number(process.env.PORT ?? 8082) });
process.on("disconnect", () => process.exit());
