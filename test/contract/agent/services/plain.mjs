// A service on nothing but node:http, with pino and spans of its own. It also tells what it sees of tracing outside requests.
import { writeSync } from "node:fs";
import http from "node:http";
import { trace } from "@opentelemetry/api";
import pino from "pino";

const log = pino({ name: "plain" });
const tracer = trace.getTracer("mine", "1.2.3");

const routes = {
  // The body comes in pieces: "data" and "end" are events of the connection, which is older than the request.
  "/echo": (request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      log.info({ size: body.length }, "echoed");
      response.end(JSON.stringify({ body, headers: request.headers }));
    });
  },
  "/spans": (_request, response) =>
    tracer.startActiveSpan("outer", async (outer) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      tracer.startActiveSpan("inner", { attributes: { answer: 42 } }, (inner) => {
        log.warn("inside");
        inner.addEvent("seen", { how: "well" });
        inner.end();
      });
      outer.end();
      response.end("done");
    }),
  "/calls": (request, response) => {
    const url = new URL(request.url, "http://localhost").searchParams.get("url");
    http
      .get(url, (answer) => {
        let body = "";
        answer.on("data", (chunk) => (body += chunk));
        answer.on("end", () => response.end(JSON.stringify({ status: answer.statusCode, body })));
      })
      .on("error", (error) => {
        response.statusCode = 502;
        response.end(error.code);
      });
  },
  "/status": (request, response) => {
    response.statusCode = Number(new URL(request.url, "http://localhost").searchParams.get("code"));
    response.end("as asked");
  },
  "/never": () => log.info("never answering"),
  "/exit": () => process.exit(7),
  "/crash": () => {
    throw new TypeError("the shelf is empty");
  },
  "/reject": () => void Promise.reject(new RangeError("nobody waits")),
  "/quiet": (_request, response) => {
    response.end("quiet");
    // After the answer, and on nobody's account: these lines must carry no ids.
    queue.push("after");
  },
};
const queue = [];
setInterval(() => {
  for (const word of queue.splice(0)) log.info({ word }, "outside");
}, 10);

const server = http.createServer((request, response) => {
  const route = routes[request.url.split("?")[0]];
  if (route === undefined) {
    response.statusCode = 404;
    return response.end("no such route");
  }
  return route(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
if (process.argv.includes("--own-handler")) {
  process.on("SIGTERM", () => {
    server.close();
    server.closeAllConnections();
    setTimeout(() => {
      log.info("closed by the service's own handler");
      process.exit(3);
    }, 50);
  });
}
if (process.argv.includes("--polite")) {
  // What the package signal-exit does: tidy up and repeat the signal, but only when nobody else listens.
  globalThis[Symbol.for("signal-exit emitter")] = { count: 1 };
  const polite = () => {
    if (process.listeners("SIGTERM").length !== 1) return;
    writeSync(2, "tidied up\n");
    process.off("SIGTERM", polite);
    process.kill(process.pid, "SIGTERM");
  };
  process.on("SIGTERM", polite);
}
if (process.argv.includes("--survives"))
  process.on("uncaughtException", (error) => log.error(error, "survived"));
