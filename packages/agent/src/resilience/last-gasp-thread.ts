// Runs in a thread of its own while the main thread waits in an exit handler: see last-gasp.ts.
import https from "node:https";
import { workerData } from "node:worker_threads";
import type { LastGaspOrder, LastWords } from "./last-gasp.ts";

/** An import would read all exports, of which three load the client of `fetch`: a third of the time until this thread is there. */
const http = process.getBuiltinModule("node:http");
const { lastWords, deadlineMs, state } = workerData as LastGaspOrder;

const accepted = await Promise.all(lastWords.map(sendInOrder));
Atomics.store(state, 0, accepted.every(Boolean) ? 1 : 2);
Atomics.notify(state, 0);

async function sendInOrder(words: LastWords): Promise<boolean> {
  for (const body of words.bodies) if (!(await post(words, body))) return false;
  return true;
}

function post({ url, headers, tls }: LastWords, body: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { method: "POST", headers: { ...headers, "content-length": body.length } };
    const request = url.startsWith("https:")
      ? https.request(url, { ...options, ...asBuffers(tls) })
      : http.request(url, options);
    request.setTimeout(deadlineMs, () => request.destroy());
    request.on("error", () => resolve(false));
    request.on("response", (response) => {
      response.resume();
      response.on("error", () => resolve(false));
      response.on("end", () => resolve((response.statusCode ?? 0) < 300));
    });
    request.end(body);
  });
}

/** Buffers arrive in a thread as plain Uint8Arrays. */
function asBuffers(files: LastWords["tls"]): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes)]));
}
