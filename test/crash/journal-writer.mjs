// A process that appends without end and prints each offset with its text as soon as it is acknowledged: `<offset> <text>`.
import { writeSync } from "node:fs";
import {
  createJournalShared,
  lockJournal,
  openStreamWriter,
} from "../../packages/collector/src/journal/index.ts";

const [dir, name] = process.argv.slice(2);
lockJournal(dir);
const writer = await openStreamWriter({
  dir,
  stream: "spans",
  shared: createJournalShared(),
  segmentSizeBytesMax: 300_000,
});
let count = 0;

async function appendForEver() {
  for (;;) {
    const text = `${name}-${count}`;
    count += 1;
    const payload = [Buffer.from(text), Buffer.alloc(1 + ((count * 7919) % 20_000), ".")];
    const { offset } = await writer.append({ payload, itemCount: 3, receivedAtMs: Date.now() });
    // Synchronously: what was printed was acknowledged, whatever happens next.
    writeSync(1, `${offset} ${text}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, appendForEver));
