import type { DeadLetterReason, JournalRecord } from "../model/index.ts";

/**
 * A dead letter is a record of an ordinary segment; its header keeps the time of receipt and the item count of the original.
 *
 *     payload = size of the note u32 (little-endian) | note (JSON, UTF-8) | the original payload, byte for byte
 */
export interface DeadLetterNote extends DeadLetterReason {
  readonly version: 1;
  readonly consumer: string;
  /** Where the original stood. */
  readonly shard: number;
  readonly offset: number;
  readonly quarantinedAtMs: number;
}

export const noteVersion = 1;
/** An answer of a back end may be a whole page. */
const messageLengthMax = 4_096;

export function encodeDeadLetter(note: DeadLetterNote, payload: Uint8Array): readonly Uint8Array[] {
  const message = note.message.slice(0, messageLengthMax);
  const text = Buffer.from(JSON.stringify({ ...note, message }));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  return [size, text, payload];
}

export interface DecodedDeadLetter {
  readonly note: DeadLetterNote;
  readonly payload: Uint8Array;
}

/** undefined when it is none, or when a newer version wrote it. */
export function decodeDeadLetter({ payload }: JournalRecord): DecodedDeadLetter | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes.length < 4) return undefined;
  const end = 4 + bytes.readUInt32LE(0);
  if (end > bytes.length) return undefined;
  try {
    const note = JSON.parse(bytes.toString("utf8", 4, end)) as DeadLetterNote;
    if (note.version !== noteVersion) return undefined;
    return { note, payload: bytes.subarray(end) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
