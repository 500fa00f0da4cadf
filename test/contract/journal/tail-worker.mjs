// Reads a stream in a thread of its own and tells the main thread what it read, as soon as it could be read.
import { parentPort, workerData } from "node:worker_threads";
import { openStreamReader } from "../../../packages/collector/src/journal/index.ts";

const { dir, shared, consumer } = workerData;
const reader = openStreamReader({ dir, shared, stream: "spans", consumer });
const stopping = new AbortController();
parentPort.on("message", () => {
  stopping.abort();
  parentPort.close();
});
while (!stopping.signal.aborted) {
  const records = reader.read({ sizeBytesMax: 100_000 });
  if (records.length > 0) {
    parentPort.postMessage(
      records.map(({ position, payload }) => `${position.offset}:${Buffer.from(payload).toString()}`),
    );
    reader.commit(reader.nextOffset);
  } else {
    await reader.waitForMore(stopping.signal);
  }
}
reader.close();
