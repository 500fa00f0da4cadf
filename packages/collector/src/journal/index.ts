export type { Consumer, ConsumerKind } from "./cursor.ts";
export type { JournalFiles } from "./files.ts";
export { lockJournal, type JournalLock } from "./lock.ts";
export { countJournaledItems, holdJournal, readSegments, type ReadSegmentsOptions } from "./read-segments.ts";
export { openStreamReader, type StreamReaderOptions } from "./reader.ts";
export { createJournalShared, type JournalShared } from "./shared.ts";
export { openStreamWriter, type SegmentStreamWriter, type StreamWriterOptions } from "./writer.ts";
export { createMemoryJournal, type MemoryJournal, type MemoryWriterOptions } from "./memory.ts";
