import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  createJournalShared,
  lockJournal,
  openStreamWriter,
  readDeadLetters,
  reportJournal,
  settleDeadLetters,
  type KeptDeadLetter,
  type StreamReport,
} from "./journal/index.ts";
import { CollectorError, systemClock, type Clock, type Stream } from "./model/index.ts";
import { decodeRequest, decodeSeriesBatch } from "./otlp/index.ts";

/** A record that its consumer could not take. */
export interface DeadLetterEntry {
  /** `CONSUMER/STREAM/NUMBER`. */
  readonly id: string;
  readonly stream: Stream;
  readonly consumer: string;
  readonly reason: string;
  readonly message: string;
  /** Where the record stood in its stream. */
  readonly offset: number;
  readonly itemCount: number;
  readonly sizeBytes: number;
  readonly receivedAt: string;
  readonly quarantinedAt: string;
}

export interface JournalOverview {
  readonly streams: readonly StreamReport[];
  readonly deadLetters: readonly DeadLetterEntry[];
}

/** What lies in a data directory, also while a collector is at work there. @throws CollectorError when there is no journal. */
export function listJournal(dataDir: string): JournalOverview {
  expectJournal(dataDir);
  return {
    streams: reportJournal(dataDir),
    deadLetters: Array.from(readDeadLetters({ dir: dataDir }), entryOf),
  };
}

export interface ShownDeadLetter extends DeadLetterEntry {
  readonly payloadBase64: string;
  /** Decoded: an OTLP request, or the series of a record of that stream; undefined when it does not decode. */
  readonly content: unknown;
}

/** One dead letter with its bytes. @throws CollectorError QUARTET_DEAD_LETTER_UNKNOWN. */
export function showDeadLetter(dataDir: string, id: string): ShownDeadLetter {
  expectJournal(dataDir);
  for (const letter of readDeadLetters({ dir: dataDir })) {
    if (idOf(letter) !== id) continue;
    const payloadBase64 = Buffer.from(letter.payload).toString("base64");
    return { ...entryOf(letter), payloadBase64, content: decodeContent(letter) };
  }
  throw unknownLetter(id);
}

export interface Choice {
  readonly dataDir: string;
  /** All there are when empty. */
  readonly ids: readonly string[];
  readonly clock?: Clock;
}

/**
 * Appends the original bytes to their stream again, synced, and takes them off the list: for the consumer that could not take
 * them alone, or for every consumer of the stream. A crash in between repeats, and loses nothing.
 * @throws CollectorError QUARTET_JOURNAL_LOCKED while a collector is at work, QUARTET_DEAD_LETTER_UNKNOWN.
 */
export async function replayDeadLetters(
  choice: Choice & { readonly to: "consumer" | "stream" },
): Promise<readonly DeadLetterEntry[]> {
  const { dataDir, to, clock = systemClock } = choice;
  return await withLock(dataDir, clock, async () => {
    const replayed: DeadLetterEntry[] = [];
    for (const letters of chooseByPlace(choice)) {
      const { stream, consumer } = letters[0]!;
      const writer = await openStreamWriter({
        dir: dataDir,
        stream,
        shared: createJournalShared(),
        // The collector's own budget is not known here; as long as this consumer stands at the beginning, nothing is dropped.
        sizeBytesMax: Number.MAX_SAFE_INTEGER,
        consumers: [{ name: "replay", kind: "state" }],
        clock,
      });
      try {
        for (const { payload, itemCount } of letters) {
          const batch = { payload: [payload], receivedAtMs: clock.nowMs() };
          await writer.append(
            to === "stream" ? { ...batch, itemCount } : { ...batch, itemCount: 0, addressee: consumer },
          );
        }
      } finally {
        await writer.close();
      }
      settle(dataDir, letters);
      replayed.push(...letters.map(entryOf));
    }
    return replayed;
  });
}

/** Gives dead letters up. @throws as `replayDeadLetters`. */
export async function dropDeadLetters(choice: Choice): Promise<readonly DeadLetterEntry[]> {
  const { dataDir, clock = systemClock } = choice;
  return await withLock(dataDir, clock, async () => {
    const groups = chooseByPlace(choice);
    for (const letters of groups) settle(dataDir, letters);
    return groups.flat().map(entryOf);
  });
}

async function withLock<T>(dataDir: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  expectJournal(dataDir);
  const lock = lockJournal(dataDir, clock);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function expectJournal(dataDir: string): void {
  if (existsSync(join(dataDir, "journal"))) return;
  throw new CollectorError(
    "QUARTET_JOURNAL_MISSING",
    `there is no journal in ${dataDir}: name it with --data-dir`,
  );
}

/** The chosen letters, those of one consumer and stream together, oldest first. */
function chooseByPlace({ dataDir, ids }: Choice): KeptDeadLetter[][] {
  const wanted = new Set(ids);
  const groups = new Map<string, KeptDeadLetter[]>();
  for (const letter of readDeadLetters({ dir: dataDir })) {
    if (ids.length > 0 && !wanted.delete(idOf(letter))) continue;
    const key = `${letter.consumer}/${letter.stream}`;
    const group = groups.get(key) ?? [];
    group.push({ ...letter, payload: Buffer.from(letter.payload) });
    groups.set(key, group);
  }
  const [missing] = wanted;
  if (missing !== undefined) throw unknownLetter(missing);
  return [...groups.values()];
}

function settle(dir: string, letters: readonly KeptDeadLetter[]): void {
  const numbers = letters.map(({ number }) => number);
  settleDeadLetters({ dir }, letters[0]!, numbers);
}

function unknownLetter(id: string): CollectorError {
  return new CollectorError(
    "QUARTET_DEAD_LETTER_UNKNOWN",
    `there is no dead letter ${id}; quartet collector journal list shows them`,
  );
}

function idOf({ consumer, stream, number }: KeptDeadLetter): string {
  return `${consumer}/${stream}/${number}`;
}

function entryOf(letter: KeptDeadLetter): DeadLetterEntry {
  const { stream, consumer, note, itemCount, payload, receivedAtMs } = letter;
  return {
    id: idOf(letter),
    stream,
    consumer,
    reason: note.reason,
    message: note.message,
    offset: note.offset,
    itemCount,
    sizeBytes: payload.length,
    receivedAt: new Date(receivedAtMs).toISOString(),
    quarantinedAt: new Date(note.quarantinedAtMs).toISOString(),
  };
}

function decodeContent({ stream, payload }: KeptDeadLetter): unknown {
  try {
    return stream === "series" ? decodeSeriesBatch(payload) : decodeRequest(stream, payload);
  } catch (error) {
    // That it does not decode may be the very reason why it is here.
    if (error instanceof CollectorError) return undefined;
    throw error;
  }
}
