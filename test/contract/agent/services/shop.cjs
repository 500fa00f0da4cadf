// A fastify service in CommonJS: plain, failing, logging, calling.
const fastify = require("fastify");

const app = fastify({ logger: true });

app.get("/items/:id", async (request) => {
  request.log.info({ item: request.params.id }, "item asked for");
  return { id: request.params.id };
});
app.get("/fails", async () => {
  throw new Error("out of stock");
});
app.get(
  "/refused",
  { preHandler: async (_request, reply) => reply.code(403).send({ refused: true }) },
  async () => "never",
);
app.post("/orders", async (request) => ({ got: request.body }));
app.get("/calls", async (request) => {
  const response = await fetch(request.query.url);
  return { status: response.status, body: await response.text() };
});

void app
  .listen({ port: 0, host: "127.0.0.1" })
  .then(() => console.log(`listening ${app.server.address().port}`));
