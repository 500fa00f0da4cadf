// The service runs in a worker thread; the main thread only starts it.
import { createServer } from "node:http";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import pino from "pino";

if (isMainThread) {
  new Worker(new URL(import.meta.url)).on("message", (port) => console.log(`listening ${port}`));
} else {
  const log = pino();
  const server = createServer((_request, response) => {
    log.info("in the thread");
    response.end("threaded");
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
}
