import { randomBytes } from "node:crypto";
import {
  CollectorError,
  systemClock,
  type AccountingReader,
  type Clock,
  type JournalRecord,
  type Lag,
  type Stream,
  type StreamWriter,
} from "../model/index.ts";
import { kindOfName, type Consumer } from "./cursor.ts";

/** A journal that forgets everything with the process: the second engine under the contract, and a quick one for tests. */
export interface MemoryJournal {
  /** @throws CollectorError QUARTET_JOURNAL_LOCKED when the stream has a writer already. */
  openWriter(options: MemoryWriterOptions): StreamWriter;
  openReader(options: { readonly stream: Stream; readonly consumer: string }): AccountingReader;
}

export interface MemoryWriterOptions {
  readonly stream: Stream;
  readonly sizeBytesMax?: number;
  readonly recordSizeBytesMax?: number;
  readonly consumers?: readonly Consumer[];
}

interface StreamState {
  readonly journalId: string;
  /** Those still kept; the first one has offset `oldest`. */
  records: (JournalRecord & { readonly addressee: string | undefined })[];
  oldest: number;
  sizeBytes: number;
  /** Items and bytes of records that are gone. */
  itemsGone: number;
  hasWriter: boolean;
  consumers: Map<string, { kind: Consumer["kind"]; offset: number }>;
  waiting: Set<() => void>;
}

export function createMemoryJournal(clock: Clock = systemClock): MemoryJournal {
  const states = new Map<Stream, StreamState>();
  const stateOf = (stream: Stream): StreamState => {
    let state = states.get(stream);
    if (state === undefined) {
      state = {
        journalId: randomBytes(16).toString("hex"),
        records: [],
        oldest: 0,
        sizeBytes: 0,
        itemsGone: 0,
        hasWriter: false,
        consumers: new Map(),
        waiting: new Set(),
      };
      states.set(stream, state);
    }
    return state;
  };
  return {
    openWriter: (options) => openWriter(stateOf(options.stream), options),
    openReader: ({ stream, consumer }) => openReader(stateOf(stream), consumer, clock),
  };
}

function openWriter(state: StreamState, options: MemoryWriterOptions): StreamWriter {
  const { stream, sizeBytesMax = 2 ** 30, recordSizeBytesMax = 64 * 2 ** 20, consumers = [] } = options;
  if (state.hasWriter) {
    throw new CollectorError("QUARTET_JOURNAL_LOCKED", `stream ${stream} has a writer already`);
  }
  state.hasWriter = true;
  for (const { name, kind } of consumers) {
    state.consumers.set(name, { kind, offset: state.consumers.get(name)?.offset ?? 0 });
  }
  let isClosed = false;
  const closed = () => new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", `stream ${stream} is closed`);
  const full = () =>
    new CollectorError("QUARTET_JOURNAL_FULL", `the budget of stream ${stream} is spent`, {
      retryAfterMs: 1_000,
    });
  return {
    refusal(sizeBytes) {
      if (isClosed) return closed();
      const wanted = state.records.filter((_, index) => isWantedByState(state, state.oldest + index));
      const wantedSizeBytes = wanted.reduce((sum, { payload }) => sum + payload.length, 0);
      return wantedSizeBytes + sizeBytes > sizeBytesMax ? full() : undefined;
    },
    async append({ payload, itemCount, receivedAtMs, addressee }) {
      const bytes = Buffer.concat(payload);
      if (bytes.length > recordSizeBytesMax) {
        throw new CollectorError(
          "QUARTET_RECORD_TOO_LARGE",
          `${bytes.length} bytes are over ${recordSizeBytesMax}`,
        );
      }
      if (isClosed) throw closed();
      if (!makeRoom(state, sizeBytesMax - bytes.length)) throw full();
      const position = { stream, shard: 0, offset: state.oldest + state.records.length };
      state.records.push({ position, receivedAtMs, itemCount, payload: bytes, addressee });
      state.sizeBytes += bytes.length;
      for (const wake of state.waiting) wake();
      return position;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      state.hasWriter = false;
    },
  };
}

/** Drops the oldest records that everybody has passed or only exporters want, until no more than `sizeBytesMax` are left. */
function makeRoom(state: StreamState, sizeBytesMax: number): boolean {
  while (state.sizeBytes > sizeBytesMax) {
    const oldest = state.records[0];
    if (isWantedByState(state, state.oldest) || oldest === undefined) return false;
    state.records.shift();
    state.oldest += 1;
    state.sizeBytes -= oldest.payload.length;
    state.itemsGone += oldest.itemCount;
  }
  return true;
}

function isWantedByState(state: StreamState, of: number): boolean {
  return [...state.consumers.values()].some(({ kind, offset }) => kind === "state" && offset <= of);
}

function openReader(state: StreamState, consumer: string, clock: Clock): AccountingReader {
  const cursor = state.consumers.get(consumer) ?? { kind: kindOfName(consumer), offset: state.oldest };
  state.consumers.set(consumer, cursor);
  let next = cursor.offset;
  let isClosed = false;
  let lost = { records: 0, items: 0 };
  const own = new Set<() => void>();

  const end = (): number => state.oldest + state.records.length;
  /** Items of all records before an offset. */
  const itemsBefore = (offset: number): number => {
    const passed = state.records.slice(0, Math.max(0, offset - state.oldest));
    return passed.reduce((sum, { itemCount }) => sum + itemCount, state.itemsGone);
  };
  let itemsPassed = itemsBefore(next);
  const skipGone = (): void => {
    if (next >= state.oldest) return;
    lost = {
      records: lost.records + state.oldest - next,
      items: lost.items + state.itemsGone - itemsPassed,
    };
    next = state.oldest;
    itemsPassed = state.itemsGone;
  };

  let journalId = "";
  return {
    get nextOffset() {
      return next;
    },
    get journalId() {
      return journalId;
    },
    read({ sizeBytesMax }) {
      skipGone();
      const found: JournalRecord[] = [];
      let sizeBytes = 0;
      while (next < end()) {
        const { addressee, ...record } = state.records[next - state.oldest]!;
        if (addressee !== undefined && addressee !== consumer) {
          next += 1;
          itemsPassed += record.itemCount;
          continue;
        }
        sizeBytes += record.payload.length;
        if (found.length > 0 && sizeBytes > sizeBytesMax) break;
        found.push(record);
        next += 1;
        itemsPassed += record.itemCount;
      }
      if (found.length > 0) journalId = state.journalId;
      return found;
    },
    async waitForMore(signal) {
      for (;;) {
        if (next < end() || signal.aborted || isClosed) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        const wake = (): void => resolve();
        state.waiting.add(wake);
        own.add(wake);
        signal.addEventListener("abort", wake, { once: true });
        await promise;
        signal.removeEventListener("abort", wake);
        own.delete(wake);
        state.waiting.delete(wake);
      }
    },
    seek(offset) {
      next = Math.max(state.oldest, Math.min(offset, end()));
      itemsPassed = itemsBefore(next);
      return next;
    },
    commit(offset) {
      if (offset > next)
        throw new RangeError(`${consumer} commits ${offset} but has read only up to ${next}`);
      cursor.offset = offset;
    },
    lag(): Lag {
      const rest = state.records.slice(Math.max(0, next - state.oldest));
      const [first] = rest;
      return {
        records: rest.length,
        items: rest.reduce((sum, { itemCount }) => sum + itemCount, 0),
        bytes: rest.reduce((sum, { payload }) => sum + payload.length, 0),
        seconds: first === undefined ? 0 : Math.max(0, clock.nowMs() - first.receivedAtMs) / 1000,
      };
    },
    // Nothing outlives the process here: what is there when a consumer comes is all that can be recovered.
    recoveredItems() {
      return this.lag().items;
    },
    lost: () => lost,
    close() {
      isClosed = true;
      for (const wake of own) wake();
    },
  };
}
