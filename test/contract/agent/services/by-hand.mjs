// Starts the agent itself, and drives it on request.
import { startAgent } from "@quartet/agent";

const agent = startAgent({
  env: { OTEL_SERVICE_NAME: "by-hand", OTEL_EXPORTER_OTLP_ENDPOINT: process.argv[2] },
});
const { createServer } = await import("node:http");

const routes = {
  "/work": () => Promise.resolve("worked"),
  "/flush": () => agent.flush().then(() => "flushed"),
  "/port": () => agent.adminPort.then(String),
  "/shutdown": () => agent.shutdown().then(() => "shut down"),
};
const server = createServer((request, response) => {
  void routes[request.url]().then((text) => response.end(text));
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
