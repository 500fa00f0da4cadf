// Loggers of every kind, each line inside one span. `--pino FOLDER` takes the pino that stands there.
import { createRequire } from "node:module";
import { trace } from "@opentelemetry/api";

const at = process.argv.indexOf("--pino");
const pino = createRequire(at < 0 ? import.meta.url : `${process.argv[at + 1]}/`)("pino");
const logger = (options) => pino({ timestamp: false, ...options });

class OrderError extends Error {
  code = "OUT_OF_STOCK";
}
const failure = new OrderError("nothing left", { cause: new Error("the truck is late") });
failure.name = "OrderError";

trace.getTracer("logger").startActiveSpan("logging", (span) => {
  const plain = logger({ name: "plain", level: "trace" });
  for (const level of ["trace", "debug", "info", "warn", "error", "fatal"]) plain[level](`at ${level}`);
  plain.info({ a: 1, b: "two", c: true, d: null, nan: Number.NaN, missing: undefined }, "flat");
  plain.info({ user: { id: 7, tags: ["x", "y"], list: [{ n: 1 }] } }, "nested");
  plain.info({ msg: "in the object" });
  plain.info("formatted %s %d", "text", 3);
  plain.error(failure);
  plain.error({ err: failure, order: 9 }, "could not order");
  plain.child({ requestId: "r-1" }).child({ step: 2 }).info("from a child");
  logger({ redact: ["password"] }).info({ user: "ann", password: "hunter2" }, "redacted");
  logger({ serializers: { card: () => "****" } }).info({ card: "4111 1111" }, "serialized");
  logger({ formatters: { log: (object) => ({ ...object, added: true }) } }).info(
    { a: 1 },
    "formatted by a function",
  );
  logger({ nestedKey: "payload" }).info({ a: 1 }, "nested under a key");
  logger({ messageKey: "text", errorKey: "problem" }).error({ problem: failure }, "other keys");
  logger({ mixin: () => ({ mixed: 1 }) }).info("with a mixin");
  logger({ mixin: () => ({ trace_id: "own" }) }).info("with ids of its own");
  logger({ customLevels: { audit: 35 } }).audit("at a level of its own");
  logger({ base: undefined }).info("without a base");
  span.end();
});
logger().info("outside");
