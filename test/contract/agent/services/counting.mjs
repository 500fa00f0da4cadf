// A service with metrics of its own in prom-client's default registry, among them the very defaults that the agent has too.
import { createServer } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Summary } from "prom-client";

collectDefaultMetrics();
const orders = new Counter({ name: "orders_total", help: "Orders taken.", labelNames: ["kind"] });
const stock = new Gauge({
  name: "stock_items",
  help: 'What is on the shelf; a "quoted" \\ word,\nand a second line.',
});
const weight = new Histogram({
  name: "order_weight_kilograms",
  help: "Weight of an order.",
  buckets: [1, 10],
  labelNames: ["kind"],
});
const wait = new Summary({ name: "queue_wait_seconds", help: "Time in the queue.", percentiles: [0.5, 0.9] });
const broken = new Gauge({
  name: "broken_items",
  help: "Cannot be collected.",
  collect() {
    if (process.argv.includes("--broken")) throw new Error("no shelf");
  },
});

broken.set(0);

const server = createServer((_request, response) => {
  orders.inc({ kind: 'a "b" \\ c\nd' });
  stock.set(-1.5);
  for (const value of [0.5, 5, 50]) weight.observe({ kind: "box" }, value);
  wait.observe(2);
  response.end("counted");
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
