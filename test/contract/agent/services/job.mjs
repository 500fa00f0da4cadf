// A job: does its work and has nothing left to do. With `--exit` it ends itself, with `--logs N` it writes N lines first.
import { trace } from "@opentelemetry/api";
import pino from "pino";

const log = pino();
const at = process.argv.indexOf("--logs");
const count = at < 0 ? 1 : Number(process.argv[at + 1]);
trace.getTracer("job").startActiveSpan("work", (span) => {
  for (let index = 0; index < count; index += 1) log.info({ index }, "line");
  span.end();
});
console.log("done");
if (process.argv.includes("--exit")) process.exit(5);
