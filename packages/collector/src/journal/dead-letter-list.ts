import { join } from "node:path";
import { streams, type Stream } from "../model/index.ts";
import { decodeDeadLetter, type DeadLetterNote } from "./dead-letter-format.ts";
import { nodeFiles, readWholeFile, removeIfThere, replaceFile, type JournalFiles } from "./files.ts";
import { deadLetterFolder, journalFolder, listSegments, segmentPath } from "./layout.ts";
import { readSegments } from "./read-segments.ts";

/** A record that was put aside, as a person meets it. */
export interface KeptDeadLetter {
  readonly stream: Stream;
  readonly consumer: string;
  /** Its number among those of this consumer and stream. */
  readonly number: number;
  readonly note: DeadLetterNote;
  readonly receivedAtMs: number;
  readonly itemCount: number;
  /** The original record; valid until the next one is asked for. */
  readonly payload: Uint8Array;
}

interface DeadLetterPlace {
  /** The data directory. */
  readonly dir: string;
  readonly files?: JournalFiles;
}

/** Every dead letter that was neither replayed nor dropped, by consumer and stream, oldest first. A collector may be at work. */
export function* readDeadLetters({ dir, files = nodeFiles }: DeadLetterPlace): Generator<KeptDeadLetter> {
  for (const consumer of files.list(deadLetterFolder(dir)).toSorted()) {
    // Files of another kind may lie here.
    if (consumer.endsWith(".jsonl")) continue;
    const folder = deadLetterFolder(dir, consumer);
    for (const stream of streams) {
      const settled = readSettled(files, folder, stream);
      for (const record of readSegments({ dir: folder, stream, files })) {
        const { offset: number } = record.position;
        const letter = settled.has(number) ? undefined : decodeDeadLetter(record);
        if (letter === undefined) continue;
        const { receivedAtMs, itemCount } = record;
        yield { stream, consumer, number, receivedAtMs, itemCount, ...letter };
      }
    }
  }
}

/**
 * Makes durable that a person is done with these; segments of which nothing else is left are deleted. Only for who holds the
 * directory's lock.
 */
export function settleDeadLetters(
  { dir, files = nodeFiles }: DeadLetterPlace,
  place: { readonly consumer: string; readonly stream: Stream },
  numbers: readonly number[],
): void {
  const { consumer, stream } = place;
  const folder = deadLetterFolder(dir, consumer);
  const settled = readSettled(files, folder, stream);
  for (const number of numbers) settled.add(number);
  const bases = listSegments(files, folder, stream);
  const open = new Set<number>();
  for (const { position } of readSegments({ dir: folder, stream, files })) {
    if (!settled.has(position.offset)) open.add(bases.findLast((base) => base <= position.offset)!);
  }
  if (open.size === 0) {
    // Numbers begin at 0 again then. In this order: after a crash in between, letters may come back, but none is hidden.
    removeIfThere(files, settledPath(folder, stream));
    files.syncFolderNow(journalFolder(folder));
    for (const base of bases) removeIfThere(files, segmentPath(folder, stream, base));
    return;
  }
  const text = JSON.stringify({ version: settledVersion, numbers: [...settled].toSorted((a, b) => a - b) });
  replaceFile(files, settledPath(folder, stream), Buffer.from(`${text}\n`));
  // The last one stays, as it knows the number of the next letter.
  for (const base of bases.slice(0, -1)) {
    if (!open.has(base)) removeIfThere(files, segmentPath(folder, stream, base));
  }
}

const settledVersion = 1;

function settledPath(folder: string, stream: Stream): string {
  return join(journalFolder(folder), `${stream}.settled.json`);
}

/** What was replayed or dropped; of a damaged file nothing is believed, so that all are shown again. */
function readSettled(files: JournalFiles, folder: string, stream: Stream): Set<number> {
  const text = readWholeFile(files, settledPath(folder, stream))?.toString("utf8") ?? "{}";
  try {
    const { version, numbers } = JSON.parse(text) as { version?: number; numbers?: number[] };
    return new Set(version === settledVersion && Array.isArray(numbers) ? numbers : []);
  } catch (error) {
    if (error instanceof SyntaxError) return new Set();
    throw error;
  }
}
